"""Data as a pytree that can pass through `jax.jit`: arrays and floats are leaves, everything else belongs to the code."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from latlas.core import DataError, in_float64


class Arguments(eqx.Module):
    """The data of a model or of a log density.

    Arrays, lists of numbers and floats are leaves, in float64 where they are real numbers: other values of the same shapes
    reuse what was compiled. Integers, truth values, text, `None` and anything else hashable is static: a size decides
    about shapes.

    Attributes:
        leaves: the arrays.
        skeleton: the rest, hashable.
    """

    leaves: list[Array]
    skeleton: "Skeleton" = eqx.field(static=True)

    @classmethod
    @in_float64
    def of(cls, data: PyTree, *, frozen: bool = False) -> "Arguments":
        """From a user's data.

        Args:
            data: any pytree; a list of numbers is one array.
            frozen: makes arrays static as well, for code that looks at their values while it is traced.

        Raises:
            DataError: for text in arrays, ragged lists and things that cannot be hashed, naming the place.
        """
        places, treedef = jax.tree_util.tree_flatten_with_path(
            data, is_leaf=lambda node: isinstance(node, list)
        )
        leaves = [_leaf(f"data{jax.tree_util.keystr(path)}", value) for path, value in places]
        if frozen:
            return cls([], Skeleton(treedef, tuple(_Fixed(leaf) for leaf in leaves)))
        arrays = [jnp.asarray(leaf) for leaf in leaves if is_array(leaf)]
        return cls(
            arrays, Skeleton(treedef, tuple(None if is_array(leaf) else _Fixed(leaf) for leaf in leaves))
        )

    @property
    def data(self) -> PyTree:
        """The data again."""
        arrays = iter(self.leaves)
        leaves = [next(arrays) if entry is None else entry.value for entry in self.skeleton.entries]
        return jax.tree.unflatten(self.skeleton.treedef, leaves)


class Skeleton:
    """What is static of some data: the tree, and for each leaf its fixed value or None."""

    def __init__(self, treedef: Any, entries: tuple["_Fixed | None", ...]):
        self.treedef, self.entries = treedef, entries
        self._identity = (treedef, tuple(None if entry is None else entry.identity for entry in entries))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


class _Fixed:
    """One fixed value, equal to another by type and content: `1`, `True` and `1.0` make different programs."""

    def __init__(self, value):
        self.value = value
        self.identity = (type(value).__name__, value)
        if is_array(value):
            host = np.asarray(value)
            self.identity = (type(value).__name__, host.shape, host.dtype.str, host.tobytes())


def holes_of(arguments: Arguments) -> tuple[str, ...]:
    """Which real arrays among the data have values that are not finite: how many, and where the first is."""
    places = jax.tree_util.tree_flatten_with_path(arguments.data)[0]
    arrays = [
        (f"data{jax.tree_util.keystr(path)}", np.asarray(leaf)) for path, leaf in places if is_array(leaf)
    ]
    return tuple(
        _hole(place, values)
        for place, values in arrays
        if values.dtype.kind == "f" and not np.isfinite(values).all()
    )


def _hole(place, values):
    bad = ~np.isfinite(values)
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    at = f", the first at {list(first)}" if first else ""
    return f"{place} has {int(bad.sum())} of {values.size} values that are nan or infinite{at}"


def is_array(value: Any) -> bool:
    """Whether it is an array of NumPy's or JAX's."""
    return isinstance(value, np.ndarray | jax.Array)


def _leaf(place, value):
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, bool | int | str) or callable(value):
        return _hashable(place, value)
    if isinstance(value, jax.Array):
        return value.astype(jnp.float64) if jnp.issubdtype(value.dtype, jnp.floating) else value
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{place} is no array of numbers: {error}. Make its rows equally long.") from error
    if array.dtype.kind in "US":
        raise DataError(f"{place} holds text; give integer codes instead, such as those of numpy.unique.")
    if array.dtype.kind not in "biufc":
        return _hashable(place, value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _hashable(place, value):
    try:
        hash(value)
    except TypeError as error:
        raise DataError(
            f"{place} is a {type(value).__name__}, which is neither an array nor hashable; give arrays of numbers."
        ) from error
    return value
