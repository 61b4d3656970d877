"""W1 in Pyro: `SVI` with `TraceMeanField_ELBO` (closed-form KL) and Pyro's own Adam."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, TraceMeanField_ELBO
from pyro.optim import Adam
from torch import nn

from benchmarks._clock import num_cores, serve
from benchmarks._data import mnist

BATCH_SIZE, LATENT_DIM, HIDDEN = 100, 20, 512


class VAE(nn.Module):
    """784-512-20 with ReLU, as model and guide."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU())
        self.loc = nn.Linear(HIDDEN, LATENT_DIM)
        self.log_variance = nn.Linear(HIDDEN, LATENT_DIM)
        self.decoder = nn.Sequential(nn.Linear(LATENT_DIM, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784))

    def model(self, x: torch.Tensor) -> None:
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(x.shape[0], LATENT_DIM), 1.0).to_event(1))
            likelihood = dist.Bernoulli(logits=self.decoder(z), validate_args=False).to_event(1)
            pyro.sample("x", likelihood, obs=x)

    def guide(self, x: torch.Tensor) -> None:
        for name in ("encoder", "loc", "log_variance"):
            pyro.module(name, getattr(self, name))
        with pyro.plate("data", x.shape[0]):
            hidden = self.encoder(x)
            scale = torch.exp(0.5 * self.log_variance(hidden))
            pyro.sample("z", dist.Normal(self.loc(hidden), scale).to_event(1))


def main() -> None:
    torch.set_num_threads(num_cores())
    pyro.set_rng_seed(0)
    images = torch.from_numpy(mnist())
    vae = VAE()
    svi = SVI(vae.model, vae.guide, Adam({"lr": 1e-3}), TraceMeanField_ELBO())

    def epoch() -> dict[str, float]:
        order, total = torch.randperm(len(images)), 0.0
        for start in range(0, len(images), BATCH_SIZE):
            total += svi.step(images[order[start : start + BATCH_SIZE]].float().div_(255))
        return {"loss": total / len(images)}

    serve(epoch)


if __name__ == "__main__":
    main()
