"""From data to the map, and back."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from latlas.core import Example, in_precision_of_model, map_rows


@in_precision_of_model
def encode(model: Any, batch: Example, *, chunk_size: int = 500) -> PyTree[Float[np.ndarray, "examples ..."]]:
    """Posterior means E_q[z | x] of every example: the same at every call.

    Args:
        model: anything with a posterior that has a mean: a latent-variable model, or a deterministic
            `Autoencoder`.
        batch: examples with a leading axis.
        chunk_size: examples encoded at once.

    Returns:
        The means, of the structure of the latent, with a leading axis.

    Raises:
        ValueError: if there are no examples.
    """
    return map_rows(_mean, model, batch, at_once=chunk_size)


@in_precision_of_model
def posterior_scale(
    model: Any, batch: Example, *, chunk_size: int = 500
) -> PyTree[Float[np.ndarray, "examples ..."]]:
    """Posterior standard deviation of every latent entry of every example.

    Args:
        model: anything with a posterior that has a variance.
        batch: examples with a leading axis.
        chunk_size: examples encoded at once.

    Raises:
        ValueError: if there are no examples.
    """
    return map_rows(_scale, model, batch, at_once=chunk_size)


@in_precision_of_model
def reconstruct(model: Any, batch: Example, *, chunk_size: int = 500) -> PyTree[np.ndarray]:
    """E[x | z] at each example's posterior mean, in the unit of `x`; holes in `x` are filled in.

    Args:
        model: a latent-variable model, or a deterministic `Autoencoder`.
        batch: examples with a leading axis.
        chunk_size: examples reconstructed at once.

    Raises:
        ValueError: if there are no examples.
    """
    return map_rows(_reconstruction, model, batch, at_once=chunk_size)


def _mean(model: Any, example: Example) -> PyTree[Array]:
    return model.posterior(example).mean


def _scale(model: Any, example: Example) -> PyTree[Array]:
    return jax.tree.map(jnp.sqrt, model.posterior(example).variance)


def _reconstruction(model: Any, example: Example) -> PyTree[Array]:
    return model.likelihood(_mean(model, example), example.condition).mean
