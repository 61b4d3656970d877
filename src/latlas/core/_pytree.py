"""Pytrees as named arrays and back: what a file can hold of a model or a run."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PyTree

from latlas.core._errors import CorruptFileError


def is_key(leaf: Any) -> bool:
    """Whether a leaf is a typed random key (`jax.random.key`)."""
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def stop_gradient(tree: PyTree) -> PyTree:
    """The same tree, through whose floating-point arrays no gradient flows."""
    return jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf, tree
    )


def named_arrays(tree: PyTree) -> dict[str, np.ndarray]:
    """Every array of a pytree on the host, under its path (`.decoder.layers[0].weight`).

    Random keys are stored as the integers behind them (`jax.random.key_data`).
    """
    leaves, _ = jax.tree.flatten_with_path(eqx.filter(tree, eqx.is_array))
    return {
        jax.tree_util.keystr(path): np.asarray(jr.key_data(leaf) if is_key(leaf) else leaf)
        for path, leaf in leaves
    }


def with_named_arrays(tree: PyTree, arrays: dict[str, np.ndarray], *, source: str = "the file") -> PyTree:
    """The tree with its arrays replaced by the named ones: the inverse of `named_arrays`.

    Args:
        tree: the template; its arrays (or a `jax.ShapeDtypeStruct` for each, which takes no memory) say which names,
            shapes and types are expected.
        arrays: what `named_arrays` gave.
        source: where the arrays came from, for the error message.

    Raises:
        CorruptFileError: if a name is missing or superfluous, or a shape or type differs.
    """
    dynamic, static = eqx.partition(tree, _is_expected)
    leaves, structure = jax.tree.flatten_with_path(dynamic)
    names = [jax.tree_util.keystr(path) for path, _ in leaves]
    if set(names) != set(arrays):
        missing, extra = sorted(set(names) - set(arrays)), sorted(set(arrays) - set(names))
        raise CorruptFileError(
            f"{source} does not hold the arrays of this model: missing {missing[:3]}, unexpected {extra[:3]}. "
            "It was written by another architecture; load it with the configuration it was saved with."
        )
    new = [_checked(name, leaf, arrays[name], source) for name, (_, leaf) in zip(names, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, new), static)


def _is_expected(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _checked(
    name: str, template: Array | np.ndarray | jax.ShapeDtypeStruct, value: np.ndarray, source: str
) -> Array:
    key = None if isinstance(template, jax.ShapeDtypeStruct) or not is_key(template) else template
    expected = template if key is None else jr.key_data(key)
    if value.shape != expected.shape or value.dtype != expected.dtype:
        raise CorruptFileError(
            f"{source}: the array {name} is {value.dtype}{list(value.shape)}, "
            f"where {expected.dtype}{list(expected.shape)} was expected. The file belongs to another model."
        )
    array = jnp.asarray(value)
    return array if key is None else jr.wrap_key_data(array, impl=jr.key_impl(key))
