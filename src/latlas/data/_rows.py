"""Rows of data that may be larger than memory, read by their numbers."""

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

from latlas.core import DataError, refuse_masked

SMALL_BYTES = 1 << 26  # a map of so few may stay in memory once it was read
# a row brings up to 2 MiB of its neighbourhood, which counts as memory until it is given back
ROWS_AT_ONCE = 128
_GIVE_BACK = getattr(mmap, "MADV_DONTNEED", None)  # Windows has none


class Rows:
    """Rows of arrays or memory maps, read by number; equal to another by kind, whatever its rows hold.

    So it can be a static part of what is compiled, and no compiled program reads it.

    Args:
        arrays: with the same number of rows along their first axis.
        structure: what puts rows of these arrays together again: hashable, with `structure.unflatten(rows)`, as the second
            part of `jax.tree.flatten(data)`.

    Raises:
        DataError: for arrays of different lengths, without rows, or of text.
    """

    def __init__(self, arrays: Sequence[Any], structure: Any) -> None:
        self._structure = structure
        self._leaves = [_array(leaf) for leaf in arrays]
        lengths = {leaf.shape[0] if leaf.ndim else None for leaf in self._leaves}
        length = next(iter(lengths)) if len(lengths) == 1 else None
        if not length:
            shapes = ", ".join(str(leaf.shape) for leaf in self._leaves) or "none"
            raise DataError(
                f"The arrays of the data have the shapes {shapes}; all need the same number of rows along their first axis."
            )
        self.num_rows: int = length
        self._kind = (self._structure, tuple((leaf.dtype.str, leaf.shape[1:]) for leaf in self._leaves))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self._kind == other._kind

    def __hash__(self) -> int:
        return hash(self._kind)

    @property
    def on_file(self) -> bool:
        """Whether any of the arrays is a memory map."""
        return any(isinstance(leaf, np.memmap) for leaf in self._leaves)

    @property
    def num_bytes(self) -> int:
        """Of all arrays."""
        return sum(leaf.nbytes for leaf in self._leaves)

    def read(self, numbers: Any) -> Any:
        """The rows of these numbers (a slice, or an array of integers), copied, in the structure."""
        return self._structure.unflatten([_rows_of(leaf, numbers) for leaf in self._leaves])


def _rows_of(array, numbers):
    if not _can_give_back(array):
        return np.array(array[numbers])
    pieces = [numbers]
    if not isinstance(numbers, slice):
        pieces = [numbers[i : i + ROWS_AT_ONCE] for i in range(0, len(numbers), ROWS_AT_ONCE)]
    rows = []
    for few in pieces:
        rows.append(np.array(array[few]))
        array.base.madvise(_GIVE_BACK)
    return np.concatenate(rows)


def _can_give_back(array):
    # of a private map (mode "c") what was written would be lost
    whole_map = isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.mode != "c"
    return whole_map and array.nbytes > SMALL_BYTES and _GIVE_BACK is not None


def _array(leaf):
    refuse_masked(leaf)
    array = np.asanyarray(leaf)  # a memory map stays one
    if array.dtype.kind not in "biufc":
        raise DataError(f"The data hold {array.dtype} values; give arrays of numbers.")
    return array
