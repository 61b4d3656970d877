"""Large arrays a block at a time, so that what is computed of them never needs a second copy of the whole."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Shaped

# of a block, were its entries 64-bit numbers
_BLOCK_BYTES = 2**26


def row_blocks(x: Shaped[np.ndarray, "examples ..."]) -> Iterator[slice]:
    """Slices of rows that together cover the array.

    >>> list(row_blocks(np.zeros((3, 2))))
    [slice(0, 3, None)]
    """
    return _slices(len(x), x.size)


def column_blocks(x: Shaped[np.ndarray, "examples features ..."]) -> Iterator[slice]:
    """Slices of the second axis that together cover the array."""
    return _slices(x.shape[1], x.size)


def moments(
    x: Shaped[np.ndarray, "examples features ..."],
) -> tuple[Float[np.ndarray, "features ..."], Float[np.ndarray, "features ..."]]:
    """Mean and standard deviation (of `n`, not `n - 1`) of each column, in float64."""
    loc, scale = np.empty(x.shape[1:]), np.empty(x.shape[1:])
    for columns in column_blocks(x):
        block = x[:, columns].astype(np.float64)
        loc[columns], scale[columns] = block.mean(axis=0), block.std(axis=0)
    return loc, scale


def _slices(length: int, size: int) -> Iterator[slice]:
    """Slices of an axis of this length, of an array of this size."""
    step = max(1, min(length, _BLOCK_BYTES * length // max(1, 8 * size)))
    return (slice(start, start + step) for start in range(0, length, step))
