"""Which coordinates of the unconstrained vector belong to which parameter."""

import dataclasses
import itertools
from collections.abc import Collection, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from latlas.bayes.targets._numpyro import AbstractNumPyroTarget
from latlas.bayes.targets._target import AbstractTarget, DensityTarget
from latlas.core import MAX_ROWS, RequestError, map_batches


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


def judged_parameters(
    target: AbstractTarget, u: Float[Array | np.ndarray, "b n"]
) -> Float[np.ndarray, "b m"]:
    """Every entry of the parameters that a verdict is about, one row per draw: see `judged_names`."""
    names = judged_of(target)
    if names is None:
        return flat_parameters(target, u)
    return map_batches(lambda rows: _flat(target, rows, names), u, min_rows=MAX_ROWS)


def judged_names(target: AbstractTarget) -> tuple[str, ...]:
    """The entries that a verdict is about: those that a user named, else those of a model's sites that were sampled.

    What is computed from them may be anything: a constant, not a number where a row is padded, a ratio without a mean.
    """
    names = judged_of(target)
    return tuple(n for n in entry_names(target) if names is None or _stem(n) in names)


def judged_of(target: AbstractTarget) -> tuple[str, ...] | None:
    """Names of the parameters that a verdict is about; None for all."""
    if isinstance(target, AbstractNumPyroTarget):
        return target.program.judged
    return target.judged if isinstance(target, DensityTarget) else None


def judging(target: AbstractTarget, names: Collection[str]) -> AbstractTarget:
    """The target with these parameters for the verdict to be about.

    Raises:
        RequestError: for names that it does not have, or a target of another kind than `from_numpyro` and
            `from_log_density` give.
    """
    known = dict.fromkeys(map(_stem, entry_names(target)))
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names or (foreign := [name for name in names if name not in known]):
        raise RequestError(
            f"judge names {', '.join(foreign) if names else 'nothing'}; the parameters are {', '.join(known)}."
        )
    if isinstance(target, AbstractNumPyroTarget):
        return dataclasses.replace(target, program=dataclasses.replace(target.program, judged=names))
    if isinstance(target, DensityTarget):
        return dataclasses.replace(target, judged=names)
    raise RequestError(
        f"judge is for NumPyro models and log densities; a {type(target).__name__} is judged by all its parameters."
    )


def entry_names(target: AbstractTarget) -> tuple[str, ...]:
    """A name for every entry of every parameter, in the order of `flat_parameters`: "mu", "theta[0]", "cov[0,1]"."""
    like = jax.eval_shape(target.constrain, jax.ShapeDtypeStruct((target.dim,), jnp.result_type(float)))
    names = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(like):
        stem = _entry_name(path)
        entries = [f"{stem}[{','.join(map(str, index))}]" for index in np.ndindex(leaf.shape)]
        names += entries if leaf.shape else [stem]
    return tuple(names)


def _entry_name(path):
    return ".".join(_step_name(step) for step in path) or "x"


def _step_name(step):
    for attribute in ("key", "name", "idx"):
        if hasattr(step, attribute):
            return str(getattr(step, attribute))
    return str(step)


def _stem(name):
    return name.partition("[")[0].partition(".")[0]


@partial(jax.jit, static_argnames=("names",))
def _flat(target, u, names=None):
    def one(row):
        leaves = jax.tree_util.tree_leaves_with_path(target.constrain(row))
        # what is left out is not even computed
        kept = [leaf for path, leaf in leaves if names is None or _stem(_entry_name(path)) in names]
        return jnp.concatenate([jnp.ravel(leaf).astype(row.dtype) for leaf in kept])

    return jax.vmap(one)(u)
