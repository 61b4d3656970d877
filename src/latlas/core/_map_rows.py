"""Functions over any number of rows in bounded memory: of one row, compiled once, or of many at once, in few shapes."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree

from latlas.core._example import num_examples
from latlas.core._fork import check_process
from latlas.core._programs import drop_old_programs


@runtime_checkable
class Progress(Protocol):
    """What is told how far a computation over rows has come."""

    def __call__(self, done: int, total: int, /) -> Any:
        """So many of so many rows are done."""


MAX_ROWS = 1024  # of one call of `map_batches`


def map_rows(
    fn: Callable[[Any, Any], PyTree[Array]],
    args: PyTree,
    rows: PyTree[Array | np.ndarray],
    *,
    at_once: int = 100,
    rows_per_call: int = 2000,
    progress: Progress | None = None,
) -> PyTree[np.ndarray]:
    """`fn(args, row)` of every row; the `vmap` that evaluations and walks on the map share.

    The rows travel to the device in blocks of equal size, so that one program serves all of them; within a
    block `at_once` rows are computed side by side. Results wait on the host.

    >>> import numpy as np
    >>> map_rows(lambda scale, row: scale * row, 2.0, np.arange(3.0)).tolist()
    [0.0, 2.0, 4.0]

    Args:
        fn: a function of one row that keeps to JAX; the same function object (or an equal module) compiles
            once.
        args: any pytree that `fn` needs for every row, such as a model.
        rows: arrays with a shared leading axis, on the host or on a device.
        at_once: rows computed side by side: memory grows with it.
        rows_per_call: rows that are moved to the device and computed between two calls of `progress`.
        progress: called with the rows done and the rows in all.

    Returns:
        What `fn` returns, as NumPy arrays with a leading axis.

    Raises:
        ValueError: if there are no rows, or their leading axes differ.
    """
    check_process()
    drop_old_programs()
    rows = jax.tree.map(lambda leaf: leaf if eqx.is_array(leaf) else np.asarray(leaf), rows)
    total = num_examples(rows)
    if total == 0:
        raise ValueError("There is nothing to compute: the batch holds no examples. Give at least one.")
    size = -(-total // -(-total // rows_per_call))
    at_once = -(-size // -(-size // at_once))
    whole = None
    for start in range(0, total, size):
        # the last block reaches back over rows that are done already: the same shape, and the same results
        start = min(start, total - size)
        block = jax.tree.map(lambda leaf: _slice(leaf, start, size), rows)  # noqa: B023 - used at once
        found = jax.device_get(_map_block(fn, args, block, at_once))
        if whole is None:
            whole = jax.tree.map(lambda leaf: np.empty((total, *leaf.shape[1:]), leaf.dtype), found)
        for target, part in zip(jax.tree.leaves(whole), jax.tree.leaves(found), strict=True):
            target[start : start + size] = part
        if progress is not None:
            progress(start + size, total)
    return whole


def _slice(leaf: Array | np.ndarray, start: int, size: int) -> Array | np.ndarray:
    # a device array is cut by a program that takes the start as an argument: compiled once
    return _slice_on_device(leaf, start, size) if eqx.is_array(leaf) else leaf[start : start + size]


def _slice_on_device(leaf, start, size):
    return jax.lax.dynamic_slice_in_dim(leaf, np.int32(start), size)


@eqx.filter_jit
def _map_block(fn, args, block, at_once):
    return jax.lax.map(lambda row: fn(args, row), block, batch_size=at_once if at_once > 1 else None)


def map_batches(
    program: Callable[..., PyTree[Array]],
    *arrays: Array | np.ndarray,
    max_rows: int = MAX_ROWS,
    min_rows: int = 1,
) -> PyTree[np.ndarray]:
    """`program(*blocks)`, a function of many rows at once, over any number of rows in few shapes.

    Every shape costs a compilation, so a block is filled up with copies of its last row to a power of two within the
    limits. With `min_rows = max_rows` there is one shape, and a row's result is the same bits whatever stands beside it.

    >>> import numpy as np
    >>> map_batches(lambda x: 2 * x, np.arange(3.0)).tolist()
    [0.0, 2.0, 4.0]

    Args:
        program: takes a block of each array.
        arrays: with a shared leading axis of at least one row.
        max_rows: of one call.
        min_rows: of one call, those that fill it up included.

    Returns:
        What `program` returns, as NumPy arrays with all rows.
    """
    check_process()
    drop_old_programs()
    total, results = len(arrays[0]), []
    for start in range(0, total, max_rows):
        count = min(max_rows, total - start)
        length = min(max(1 << (count - 1).bit_length(), min_rows), max_rows)
        rows = np.minimum(np.arange(start, start + length), total - 1)
        blocks = [array[rows] if length > count else array[start : start + count] for array in arrays]
        results.append(jax.tree.map(lambda leaf, count=count: np.asarray(leaf)[:count], program(*blocks)))
    return results[0] if len(results) == 1 else jax.tree.map(lambda *parts: np.concatenate(parts), *results)
