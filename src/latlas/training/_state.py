"""All that a run needs to go on; nothing about it lives anywhere else."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree, UInt32

# one key, or one for each of several runs; JAX's older keys are two or four numbers
Keys = Key[Array, "..."] | UInt32[Array, "... words"]


class Best(eqx.Module):
    """The model with the lowest validation loss so far."""

    loss: Float[Array, ""]
    step: Int[Array, ""]
    model: PyTree


class Interval(eqx.Module):
    """The steps since the last report; for several runs at once, of each.

    Attributes:
        sums: of the loss and its terms over these steps.
        count: how many of them were finite.
        reported: the step of the last report; a run that was stopped between a step and its report goes on
            with the report.
    """

    sums: dict[str, Float[Array, "..."]]
    count: Int[Array, "..."]
    reported: Int[Array, "..."]


class TrainState(eqx.Module):
    """One pytree from which a run goes on, bit for bit as if it had never stopped; or of several runs, in step.

    Attributes:
        model: what is trained.
        opt_state: the optimizer's state.
        step: number of steps done.
        key: of the run's stream of states; the objective's at a step follows from the run's key and the step.
        interval: what was summed since the last report.
        bad_steps: steps in a row whose loss or gradient was not finite, and which were therefore skipped.
        best: the best model so far, where there is validation data.
    """

    model: PyTree
    opt_state: PyTree
    step: Int[Array, ""]
    key: Keys
    interval: Interval
    bad_steps: Int[Array, "..."]
    best: Best | None


def trainable(model: PyTree, frozen: Callable[[Any], Any] | None) -> PyTree[bool]:
    """Which leaves are trained: the floating-point arrays, without those that `frozen` points at.

    Args:
        model: any pytree, of arrays or of their shapes.
        frozen: model -> the part (or tuple of parts) that stays as it is.
    """
    mask = jax.tree.map(_is_float, model)
    if frozen is None:
        return mask
    return eqx.tree_at(frozen, mask, replace_fn=lambda part: jax.tree.map(lambda _: False, part))


def _is_float(leaf: Any) -> bool:
    is_array = eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)
    return is_array and jnp.issubdtype(leaf.dtype, jnp.inexact)


def names_of_today(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint under the names of `TrainState`, also of one from before the interval had a name."""
    moved = tuple(f".{field.name}" for field in dataclasses.fields(Interval))
    return {f".interval{name}" if name.startswith(moved) else name: array for name, array in arrays.items()}


def copied(tree: PyTree) -> PyTree:
    """The same arrays in buffers of their own: the originals may then be donated to a compiled step."""
    return jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, tree)
