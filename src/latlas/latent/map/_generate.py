"""From the map to data: any point of it, its centre, random ones, a row of them."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.core import in_precision_of_model, map_rows
from latlas.models import AbstractLatentModel


@in_precision_of_model
def decode(
    model: Any,
    z: PyTree[Float[Array | np.ndarray, "points ..."]],
    *,
    condition: PyTree[Array | np.ndarray] | None = None,
    chunk_size: int = 500,
) -> PyTree[np.ndarray]:
    """The likelihood's mean E[x | z] at every point.

    Args:
        model: a latent-variable model, or a deterministic `Autoencoder`.
        z: latents with a leading axis.
        condition: one condition per point, or `None`.
        chunk_size: points decoded at once.

    Raises:
        ValueError: if there are no points, or their leading axes differ.
    """
    return map_rows(_decoded, model, (z, condition), at_once=chunk_size)


@in_precision_of_model
def prototype(
    model: AbstractLatentModel, *, condition: PyTree[Array | np.ndarray] | None = None
) -> PyTree[np.ndarray]:
    """E[x | z = 0]: what the centre of the map looks like.

    Args:
        model: a latent-variable model; of an `Autoencoder`, which has no centre, decode a mean code instead.
        condition: one condition, or `None`.
    """
    draw = jax.eval_shape(lambda: model.prior(condition).sample(jr.key(0)))
    centre = jax.tree.map(lambda leaf: np.zeros((1, *leaf.shape), leaf.dtype), draw)
    one = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], condition)
    return jax.tree.map(lambda leaf: leaf[0], decode(model, centre, condition=one))


@in_precision_of_model
def sample_prior(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    num: int,
    *,
    draw: bool = False,
    condition: PyTree[Array | np.ndarray] | None = None,
    chunk_size: int = 500,
) -> PyTree[np.ndarray]:
    """New examples: z from the prior, then the likelihood's mean, or a draw from it.

    The first samples of more are those of fewer, and of every `chunk_size`.

    Args:
        key: draws the latents, and x where `draw` is set.
        model: a latent-variable model.
        num: how many, at least 1.
        draw: draw x from p(x | z), noise and all, instead of taking its mean.
        condition: one condition per sample, or `None`.
        chunk_size: samples made at once.

    Raises:
        ValueError: if `num` is below 1, or there is not one condition per sample.
    """
    if num < 1:
        raise ValueError(f"The number of samples must be at least 1; got {num}.")
    rows = (np.arange(num, dtype=np.int32), condition)
    return map_rows(_drawn if draw else _prior_mean, (key, model), rows, at_once=chunk_size)


@in_precision_of_model
def traverse(
    model: Any,
    z: Sequence[float] | Float[Array | np.ndarray, " latent"],
    dimension: int,
    values: Sequence[float] | Float[Array | np.ndarray, " points"],
    *,
    condition: PyTree[Array | np.ndarray] | None = None,
) -> PyTree[np.ndarray]:
    """E[x | z] along one axis of the map: what a latent dimension means.

    Args:
        model: a latent-variable model, or a deterministic `Autoencoder`, whose latent is one vector.
        z: where the other dimensions stay.
        dimension: which one moves.
        values: its values.
        condition: one condition for all points, or `None`.

    Returns:
        One x per value.

    Raises:
        ValueError: if there is no such dimension, or no value.
    """
    z, values = np.asarray(z, np.float32), np.asarray(values)
    if not -len(z) <= dimension < len(z):
        raise ValueError(
            f"The latent has dimensions 0 to {len(z) - 1}; got dimension {dimension}. Choose one of them."
        )
    points = np.repeat(z[None], len(values), axis=0)
    points[:, dimension] = values
    repeated = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], len(values), axis=0), condition)
    return decode(model, points, condition=repeated)


def _decoded(model: Any, row: tuple) -> PyTree[Array]:
    z, condition = row
    return model.likelihood(z, condition).mean


def _prior_mean(args: tuple, row: tuple) -> PyTree[Array]:
    (key, model), (index, condition) = args, row
    z_key, _ = jr.split(jr.fold_in(key, index))
    return model.likelihood(model.prior(condition).sample(z_key), condition).mean


def _drawn(args: tuple, row: tuple) -> PyTree[Array]:
    (key, model), (index, condition) = args, row
    z_key, x_key = jr.split(jr.fold_in(key, index))
    return model.likelihood(model.prior(condition).sample(z_key), condition).sample(x_key)
