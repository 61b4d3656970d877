"""Active units: the latent dimensions that the data move."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from latlas.core import Example, Progress, in_precision_of_model, map_rows
from latlas.models import AbstractLatentModel

# Burda, Grosse and Salakhutdinov 2016 (arXiv:1509.00519), section 5.2
ACTIVE_UNIT_THRESHOLD = 0.01


@dataclass(frozen=True)
class ActiveUnits:
    """How many latent dimensions the data move, and how much each.

    Attributes:
        count: dimensions whose variance is above the threshold.
        variance: Var_x(E_q[z]) of each dimension, of the structure of the latent.
    """

    count: int
    variance: PyTree[Float[np.ndarray, "..."]]


@in_precision_of_model
def active_units(
    model: AbstractLatentModel,
    batch: Example,
    *,
    threshold: float = ACTIVE_UNIT_THRESHOLD,
    chunk_size: int = 500,
    progress: Progress | None = None,
) -> ActiveUnits:
    r"""Latent dimensions with $\mathrm{Var}_x(E_{q(z|x)} z) > 0.01$: those that tell examples apart.

    Args:
        model: anything with a posterior that has a mean; where it is not a number (for a class) nothing is
            counted.
        batch: examples with a leading axis.
        threshold: above which a dimension is active.
        chunk_size: examples encoded at once.
        progress: called with the examples done and the examples in all.

    Raises:
        ValueError: if there are no examples.

    References:
        Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, section 5.2.
    """
    return count_active(
        map_rows(posterior_mean, model, batch, at_once=chunk_size, progress=progress), threshold
    )


@in_precision_of_model
def posterior_mean(model: AbstractLatentModel, example: Example) -> PyTree[Array]:
    """E_q[z] of one example."""
    return model.posterior(example).mean


def count_active(
    means: PyTree[Float[np.ndarray, "examples ..."]], threshold: float = ACTIVE_UNIT_THRESHOLD
) -> ActiveUnits:
    """Active units from the posterior means of all examples."""
    variance = jax.tree.map(lambda leaf: np.var(leaf, axis=0, dtype=np.float64), means)
    count = sum(int(np.sum(leaf > threshold)) for leaf in jax.tree.leaves(variance))
    return ActiveUnits(count, variance)
