"""Which coordinates of the unconstrained vector belong to which parameter."""

import itertools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from latlas.bayes.targets._target import AbstractTarget
from latlas.core import MAX_ROWS, map_batches


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


def coordinate_names(target: AbstractTarget) -> tuple[str, ...]:
    """A name for each unconstrained coordinate, such as `theta[2]`."""
    return tuple(
        name + (str(list(index)).replace(" ", "") if index else "")
        for name, shape in target.free_shapes.items()
        for index in np.ndindex(shape)
    )


def coordinates_of(target: AbstractTarget) -> dict[str, tuple[int, ...]]:
    """Parameter name -> its places in the unconstrained vector."""
    places = {}
    for place, name in enumerate(coordinate_names(target)):
        places.setdefault(name.partition("[")[0], []).append(place)
    return {name: tuple(found) for name, found in places.items()}


def flat_parameters(target: AbstractTarget, u: Float[Array | np.ndarray, "b n"]) -> Float[np.ndarray, "b m"]:
    """Every entry of every constrained parameter, one row per draw."""
    return map_batches(lambda rows: _flat(target, rows), u, min_rows=MAX_ROWS)


@jax.jit
def _flat(target, u):
    def one(row):
        leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(target.constrain(row))]
        return jnp.concatenate([leaf.astype(row.dtype) for leaf in leaves])

    return jax.vmap(one)(u)
