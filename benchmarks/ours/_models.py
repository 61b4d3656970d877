"""The models of the benchmarks, built from latlas's public parts."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray
from latlas.core import Example
from latlas.distributions import Bernoulli
from latlas.models import VAE, GaussianRecognition, StandardNormal
from latlas.networks import MLP


def mlp_vae(
    key: PRNGKeyArray, hidden: tuple[int, ...], latent_dim: int, activation: str, precision: str = "float32"
) -> VAE:
    """Bernoulli VAE of 784 pixels; the decoder mirrors the encoder."""
    encoder_key, decoder_key = jr.split(key)
    options = {"activation": activation, "precision": precision}
    encoder = MLP(784, 2 * latent_dim, hidden, key=encoder_key, **options)
    decoder = MLP(latent_dim, 784, hidden[::-1], key=decoder_key, **options)
    return VAE(StandardNormal(latent_dim), GaussianRecognition(encoder), decoder, Bernoulli())


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
