"""The models of the benchmarks, built from latlas's public parts."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.core import Example
from latlas.distributions import Bernoulli, Chain
from latlas.models import (
    VAE,
    AbstractPrior,
    AbstractRecognition,
    ConditionalGaussian,
    GaussianRecognition,
    StandardNormal,
    gaussian,
)
from latlas.networks import MLP, Of, with_output_bias


def mlp_vae(
    key: PRNGKeyArray, hidden: tuple[int, ...], latent_dim: int, activation: str, precision: str = "float32"
) -> VAE:
    """Bernoulli VAE of 784 pixels; the decoder mirrors the encoder."""
    encoder_key, decoder_key = jr.split(key)
    options = {"activation": activation, "precision": precision}
    encoder = MLP(784, 2 * latent_dim, hidden, key=encoder_key, **options)
    decoder = MLP(latent_dim, 784, hidden[::-1], key=decoder_key, **options)
    return VAE(StandardNormal(latent_dim), GaussianRecognition(encoder), decoder, Bernoulli())


def burda_vae(key: PRNGKeyArray, mean: np.ndarray, layers: int) -> VAE:
    """The models of Burda et al.: tanh networks, the output's bias at the logit of the training mean.

    One layer: 784-200-200-50. Two: 784-200-200-100, then 100-100-100-50.
    """
    mean = np.clip(mean, 1e-3, 1 - 1e-3)
    bias = jnp.asarray(np.log(mean / (1 - mean)), jnp.float32)
    if layers == 1:
        model = mlp_vae(key, (200, 200), 50, "tanh")
        return eqx.tree_at(lambda m: m.decoder, model, with_output_bias(model.decoder, bias))
    keys = jr.split(key, 4)
    recognition = TwoLayers(MLP(784, 200, (200, 200), key=keys[0]), MLP(100, 100, (100, 100), key=keys[1]))
    prior = TopDown(StandardNormal(50), MLP(50, 200, (100, 100), key=keys[2]))
    decoder = with_output_bias(MLP(100, 784, (200, 200), key=keys[3]), bias)
    return VAE(prior, recognition, Of("z1", decoder), Bernoulli())


class TwoLayers(AbstractRecognition):
    """q(z1 | x) q(z2 | z1)."""

    first: MLP
    second: MLP

    def __call__(self, example: Example) -> Chain:
        return Chain(("z1", "z2"), gaussian(self.first(example.x)), (ConditionalGaussian(self.second),))


class TopDown(AbstractPrior):
    """p(z2) p(z1 | z2)."""

    top: StandardNormal
    network: MLP

    def __call__(self, condition: PyTree[Array] | None = None) -> Chain:
        return Chain(("z2", "z1"), self.top(condition), (ConditionalGaussian(self.network),))


def grey_to_unit(key: PRNGKeyArray, batch: Example) -> Example:
    """uint8 pixels to [0, 1], inside the compiled step."""
    return Example(batch.x.astype(jnp.float32) * (1 / 255))


def binary_to_float(key: PRNGKeyArray, batch: Example) -> Example:
    """uint8 zeros and ones to float32, inside the compiled step."""
    return Example(batch.x.astype(jnp.float32))


def binarised(key: PRNGKeyArray, batch: Example) -> Example:
    """A fresh Bernoulli draw of every grey pixel, inside the compiled step: P(1) = pixel / 255."""
    threshold: Float[Array, "..."] = jr.uniform(key, batch.x.shape) * 255
    return Example((threshold < batch.x).astype(jnp.float32))
