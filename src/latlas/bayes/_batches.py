"""Rows through a compiled program, in few shapes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

MAX_BATCH = 1024  # rows of one call


def on_batches(
    program: Callable[[Any, Float[np.ndarray, "b n"]], PyTree],
    parts: Any,
    rows: Float[np.ndarray, "b n"],
    *,
    min_batch: int = 1,
    max_batch: int = MAX_BATCH,
) -> PyTree[np.ndarray]:
    """`program(parts, rows)` for any number of rows, as NumPy arrays.

    Every shape costs a compilation, so rows are padded to a power of two, at least `min_batch`, and at most
    `max_batch`, itself one, go in one call.
    """
    results = []
    for start in range(0, len(rows), max_batch):
        batch = rows[start : start + max_batch]
        length = max(1 << (len(batch) - 1).bit_length(), min_batch)
        padded = (
            batch
            if length == len(batch)
            else np.concatenate([batch, np.repeat(batch[-1:], length - len(batch), 0)])
        )
        results.append(_trimmed(program(parts, padded), len(batch)))
    return results[0] if len(results) == 1 else jax.tree.map(lambda *a: np.concatenate(a), *results)


def _trimmed(arrays, length):
    return jax.tree.map(lambda a: np.asarray(a)[:length], arrays)
