"""Data as a pytree that can pass through `jax.jit`: arrays and floats are leaves, everything else belongs to the code.

Whatever is taken from a user is copied here and gets one of our own types. JAX remembers what it made of a NumPy array by
the array's address: one that NumPyro has used in 32 bits would come back in 32 bits, in a program of 64.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, PyTree

from latlas.core import DataError, in_float64, num_masked

_OURS = {
    jnp.bool_: np.bool_,
    jnp.integer: np.int64,
    jnp.floating: np.float64,
    jnp.complexfloating: np.complex128,
}


class Arguments(eqx.Module):
    """The data of a model or of a log density.

    Arrays, lists of numbers and floats are leaves, copied, in float64 where they are real numbers and in int64 where they
    are whole ones: other values of the same shapes reuse what was compiled, and what a user does to an array later changes
    nothing. Integers, truth values, text, `None` and anything else hashable is static: a size decides about shapes.

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
            DataError: for text in arrays, ragged lists, integers beyond 64 bits and things that cannot be hashed, naming the
                place.
        """
        places, treedef = jax.tree_util.tree_flatten_with_path(
            data, is_leaf=lambda node: isinstance(node, list)
        )
        leaves = [_leaf(f"data{jax.tree_util.keystr(path)}", value) for path, value in places]
        if frozen:
            return cls([], Skeleton(treedef, tuple(_Fixed(_on_host(leaf)) for leaf in leaves)))
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

    @property
    def arrays(self) -> dict[str, Array | np.ndarray]:
        """Every array by its place, such as `data['y']`, those that are static too."""
        places = jax.tree_util.tree_flatten_with_path(self.data)[0]
        return {f"data{jax.tree_util.keystr(path)}": leaf for path, leaf in places if is_array(leaf)}


class Skeleton:
    """What is static of some data: the tree, and for each leaf its fixed value or None."""

    def __init__(self, treedef: Any, entries: tuple["_Fixed | None", ...]):
        self.treedef, self.entries = treedef, entries
        self._identity = (treedef, tuple(None if entry is None else entry.identity for entry in entries))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


class HostArray(np.ndarray):
    """An array whose values a model may look at while it is traced, and that takes a traced index all the same."""

    def __getitem__(self, index: Any) -> Any:
        if any(isinstance(part, Tracer) for part in jax.tree.leaves(index)):
            return jnp.asarray(np.asarray(self))[index]
        return super().__getitem__(index)


def _on_host(leaf):
    return np.asarray(leaf).view(HostArray) if is_array(leaf) else leaf


class _Fixed:
    """One fixed value, equal to another by type and content: `1`, `True` and `1.0` make different programs."""

    def __init__(self, value):
        self.value = value
        self.identity = (type(value).__name__, value)
        if is_array(value):
            host = np.asarray(value)
            self.identity = (type(value).__name__, host.shape, host.dtype.str, host.tobytes())


def own_floats(values: Any) -> Array:
    """A copy of a user's numbers in float64; call it in the float64 scope."""
    return jnp.array(np.array(values, np.float64))


def holes_of(arguments: Arguments) -> tuple[str, ...]:
    """Which real arrays among the data have values that are not finite: how many, and where the first is."""
    arrays = {place: np.asarray(leaf) for place, leaf in arguments.arrays.items()}
    return tuple(
        _hole(place, values)
        for place, values in arrays.items()
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
    if isinstance(value, np.bool_ | np.integer) and not isinstance(value, np.timedelta64):
        return value.item()
    if isinstance(value, bool | int | str) or callable(value):
        return _hashable(place, value)
    if isinstance(value, jax.Array):
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            raise DataError(f"{place} is a random key, which is no data; a fit takes its own one as `key`.")
        return jnp.array(value, _ours(value.dtype), copy=True)
    if hidden := num_masked(value):
        raise DataError(
            f"{place} is a masked array with {hidden:,} hidden values, which would be read as "
            "numbers. Leave these rows out, or give the mask as an array of its own and use it as `obs_mask` of "
            "numpyro.sample or with numpyro.handlers.mask."
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{place} is no array of numbers: {error}. Make its rows equally long.") from error
    _refuse_what_is_no_number(place, value, array)
    if _ours(array.dtype) is None:
        return _hashable(place, value)
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise DataError(
            f"{place} holds {array.max()}, which is no integer of 64 bits; give it as a float, or recode it."
        )
    return np.array(array, _ours(array.dtype))


def _refuse_what_is_no_number(place, value, array):
    """Refuses categories, text, dates and arrays of anything else, each with what to give instead."""
    if hasattr(value, "categories") or hasattr(value, "cat"):  # of pandas; a Series of them has `cat`
        codes = ".codes" if hasattr(value, "categories") else ".cat.codes"
        raise DataError(
            f"{place} is categorical; give the integer codes of its categories, `{codes}`. Leave rows out where it is -1: "
            "there the category is missing."
        )
    if array.dtype.kind in "US" or (
        array.dtype.kind == "O" and array.ndim and all(isinstance(entry, str) for entry in array.flat)
    ):
        raise DataError(f"{place} holds text; give integer codes instead, such as those of numpy.unique.")
    if array.dtype.kind in "mM":
        raise DataError(
            f"{place} holds dates or spans of time; give numbers instead, such as the days since the first one."
        )
    if array.dtype.kind in "OV" and array.ndim and hasattr(value, "dtype"):
        raise DataError(
            f"{place} is an array of the type {value.dtype}, whose entries need not be numbers; give arrays of numbers, "
            "such as with `.astype(float)`."
        )


def _ours(dtype):
    """Our type of such numbers; None where they are none."""
    return next((ours for kind, ours in _OURS.items() if jnp.issubdtype(dtype, kind)), None)


def _hashable(place, value):
    try:
        hash(value)
    except TypeError as error:
        raise DataError(
            f"{place} is a {type(value).__name__}, which is neither an array nor hashable; give arrays of numbers."
        ) from error
    return value
