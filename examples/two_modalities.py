"""Two modalities, one of them missing: a product of experts over whatever is there (Wu and Goodman 2018).

Upper and lower halves of scanned digits. The one new part multiplies the prior with one Gaussian expert for each
modality that was observed; the head and the mask already know how to score the rest.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
from sklearn.datasets import load_digits

from latlas.core import Example
from latlas.distributions import Bernoulli, Mixed, diagonal_normal
from latlas.latent import decode, encode
from latlas.models import VAE, AbstractRecognition, StandardNormal
from latlas.networks import MLP, Parallel
from latlas.objectives import Elbo
from latlas.training import Adam, Trainer


class ProductOfExperts(AbstractRecognition):
    experts: dict[str, MLP]

    def __call__(self, example):
        precision, weighted = 1.0, 0.0  # the prior's, N(0, I)
        for name, expert in self.experts.items():
            there = jnp.any(example.observed[name])
            loc, log_precision = jnp.split(expert(jnp.where(there, example.x[name], 0.0)), 2)
            expert_precision = jnp.where(there, jnp.exp(log_precision), 0.0)
            precision, weighted = precision + expert_precision, weighted + expert_precision * loc
        return diagonal_normal(weighted / precision, jax.lax.rsqrt(precision))


def main(num_steps: int = 3000):
    images = jnp.asarray(load_digits().data / 16, jnp.float32)
    x = {"upper": images[:, :32], "lower": images[:, 32:]}
    keys = jr.split(jr.key(0), 6)
    # in training each half is missing in a quarter of the examples, never both
    draw = jr.uniform(keys[0], (len(images), 1))
    there = {"upper": draw > 0.25, "lower": draw < 0.75}
    observed = {name: jnp.broadcast_to(there[name], x[name].shape) for name in x}
    experts = {name: MLP(32, 32, (100,), key=key) for name, key in zip(x, keys[1:3], strict=True)}
    decoders = {name: MLP(16, 32, (100,), key=key) for name, key in zip(x, keys[3:5], strict=True)}
    head = Mixed(dict.fromkeys(x, Bernoulli()))
    model = VAE(StandardNormal(16), ProductOfExperts(experts), Parallel(decoders), head)
    data = Example(x, observed=observed)
    train, test = (jax.tree.map(lambda leaf: leaf[:1500], data), jax.tree.map(lambda leaf: leaf[1500:], data))
    model = Trainer(Elbo(), Adam(1e-3), num_steps=num_steps).fit(keys[5], model, train).model

    upper_only = {name: jnp.full(test.x[name].shape, name == "upper") for name in x}
    guessed = decode(model, encode(model, Example(test.x, observed=upper_only)))["lower"]
    error = float(jnp.sqrt(jnp.mean((guessed - test.x["lower"]) ** 2)))
    baseline = float(jnp.sqrt(jnp.mean((train.x["lower"].mean(0) - test.x["lower"]) ** 2)))
    print(f"lower half from the upper: rms error {error:.3f}, by the mean image {baseline:.3f}")
    return error, baseline


if __name__ == "__main__":
    main()
