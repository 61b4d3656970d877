"""Draws of parameters by name, and entry by entry."""

import itertools
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import PyTree


def named_draws(draws: PyTree) -> dict[str, np.ndarray]:
    """Arrays by name on the host: a dict's under their own names, a nested one's joined by dots, a bare array as "x"."""
    if not isinstance(draws, Mapping | list | tuple):
        return {"x": np.asarray(draws)}
    leaves, _ = jax.tree.flatten_with_path(draws)
    return {jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}


def flat_draws(draws: Mapping[str, np.ndarray], *, num_axes: int = 1) -> dict[str, np.ndarray]:
    """Each entry of each parameter by itself.

    Args:
        draws: name -> array whose first `num_axes` axes count draws (or chains and draws).
        num_axes: how many.

    Returns:
        Name of an entry -> array of those axes alone.
    """
    flat = {}
    for name, array in draws.items():
        array = np.asarray(array)
        names = _entries(name, array.shape[num_axes:])
        columns = np.moveaxis(array.reshape(*array.shape[:num_axes], -1), -1, 0)
        flat |= dict(zip(names, columns, strict=True))
    return flat


def _entries(name: str, shape: tuple[int, ...]) -> list[str]:
    """Names of the entries of one parameter: `["mu"]`, `["theta[0]", "theta[1]"]`, `["L[0,0]", ...]`."""
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, at))}]" for at in itertools.product(*map(range, shape))]
