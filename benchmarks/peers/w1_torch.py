"""W1 in PyTorch: a plain training loop. Modes: `default`, `fused` (Adam), `bf16` (autocast, fused)."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks._clock import num_cores, serve
from benchmarks._data import mnist

BATCH_SIZE, LATENT_DIM, HIDDEN = 100, 20, 512


class VAE(nn.Module):
    """784-512-20 with ReLU; Bernoulli likelihood from logits, closed-form KL."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU())
        self.loc = nn.Linear(HIDDEN, LATENT_DIM)
        self.log_variance = nn.Linear(HIDDEN, LATENT_DIM)
        self.decoder = nn.Sequential(nn.Linear(LATENT_DIM, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The negative ELBO in nats per example."""
        hidden = self.encoder(x)
        loc, log_variance = self.loc(hidden), self.log_variance(hidden)
        z = loc + torch.exp(0.5 * log_variance) * torch.randn_like(loc)
        distortion = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        rate = -0.5 * torch.sum(1 + log_variance - loc * loc - log_variance.exp())
        return (distortion + rate) / x.shape[0]


def main(mode: str) -> None:
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)
    images = torch.from_numpy(mnist())
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=mode != "default" or None)

    def step(x: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode == "bf16"):
            loss = model(x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def epoch() -> dict[str, float]:
        order, total = torch.randperm(len(images)), torch.zeros(())
        for start in range(0, len(images), BATCH_SIZE):
            x = images[order[start : start + BATCH_SIZE]].float().div_(255)
            total = total + step(x)
        return {"loss": float(total) / (len(images) // BATCH_SIZE)}

    serve(epoch)


if __name__ == "__main__":
    main(sys.argv[1])
