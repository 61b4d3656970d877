"""Arrays to files that `read` reads back, written whole or not at all."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from latlas.core import RequestError, refuse_masked, write_atomically


def write(
    path: str | os.PathLike, *, columns: Sequence[str] | None = None, **arrays: Shaped[np.ndarray, "..."]
) -> Path:
    """Writes arrays to `.npy` (one array), `.npz` (any number, by name) or `.csv` (one, two-dimensional).

    Args:
        path: where to; the suffix says which format. A file that is there is replaced in one stroke.
        columns: names of the columns, for the first line of a `.csv`, and under `columns` in an `.npz` with an array of
            two axes that has as many; an `.npy` has no place for them.
        arrays: by name: `write("z.npz", mean=loc, scale=scale)`.

    Returns:
        The path.

    Raises:
        RequestError: if the suffix is none of the three, or the arrays do not fit the format.
        DataError: if a mask hides entries of an array, which no format keeps.
        WorkError: if the file cannot be written.
    """
    refuse_masked(list(arrays.values()))
    path, buffer = Path(path), io.BytesIO()
    if path.suffix == ".npz":
        named = any(columns is not None and np.shape(x)[1:] == (len(columns),) for x in arrays.values())
        beside = {"columns": np.array(columns, dtype=np.str_)} if named and columns is not None else {}
        np.savez_compressed(buffer, allow_pickle=False, **arrays, **beside)
    elif path.suffix not in (".npy", ".csv"):
        raise RequestError(f"{path} has no suffix that latlas can write: choose .npy, .npz or .csv.")
    elif len(arrays) != 1:
        raise RequestError(
            f"{path} cannot hold the arrays {', '.join(arrays)}: a {path.suffix} takes one; write .npz."
        )
    else:
        (x,) = arrays.values()
        if path.suffix == ".npy":
            np.save(buffer, x, allow_pickle=False)
        elif x.ndim != 2:
            raise RequestError(
                f"{path} cannot hold an array of shape {x.shape}: a .csv has two axes; write .npy."
            )
        else:
            if columns is not None:
                buffer.write(_line_of(columns).encode())
            np.savetxt(buffer, x, delimiter=",", fmt="%.9g")
    write_atomically(path, buffer.getvalue())
    return path


def _line_of(names: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([str(name) for name in names])
    return line.getvalue()
