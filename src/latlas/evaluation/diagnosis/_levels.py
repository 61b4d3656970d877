"""Entries that hold few distinct values though their head is a density: its likelihood has no largest value there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PyTree

from latlas.core import Example
from latlas.distributions import AbstractHead, ContinuousBernoulli, FixedScale
from latlas.evaluation.diagnosis._residuals import innermost, parts

# levels and not measurements: so few distinct values, each of them so often in the mean
MOST_LEVELS, _EXAMPLES_A_LEVEL = 20, 4


class FewLevels(NamedTuple):
    """Entries of an array of x with few distinct values.

    Attributes:
        entries: how many of them.
        total: how many entries an example has.
        levels: the fewest distinct values of one of them.
    """

    entries: int
    total: int
    levels: int


def densities(likelihood: Any, x: PyTree, observed: PyTree | None) -> dict[str, Bool[Array, ""]]:
    """Name -> whether the head of this array of x is a density that can shrink onto a value."""
    return {
        part.name: jnp.asarray(_can_shrink(innermost(part.head)))
        for part in parts(likelihood, x, observed, x)
    }


def few_levels(batch: Example, are_densities: Mapping[str, bool]) -> dict[str, FewLevels]:
    """Name -> the entries of this array with few distinct values, of the arrays under a density that have any."""
    found = {}
    for name, is_density in are_densities.items():
        x = batch.x.get(name) if isinstance(batch.x, dict) else batch.x
        if x is None or batch.observed is not None or not is_density:
            continue
        flat = np.asarray(x).reshape(len(x), -1)
        levels = 1 + (np.diff(np.sort(flat, axis=0), axis=0) != 0).sum(axis=0)
        few = (levels > 1) & (levels <= min(MOST_LEVELS, len(flat) // _EXAMPLES_A_LEVEL))
        if few.any():
            found[name] = FewLevels(int(few.sum()), flat.shape[1], int(levels[few].min()))
    return found


def _can_shrink(head: AbstractHead) -> bool:
    if isinstance(head, ContinuousBernoulli):
        return True
    scale = getattr(head, "scale", None)
    return scale is not None and not isinstance(scale, FixedScale)
