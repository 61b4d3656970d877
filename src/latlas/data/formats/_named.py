"""Files of named values, as a model of any kind takes its data: `.json`, `.npz` and `.csv`; nothing of them is executed."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from latlas.core import DataError
from latlas.data.formats import _csv, _json, _npz
from latlas.data.formats._read import MAX_BYTES, open_checked

Named = dict[str, np.ndarray | float | int | bool]

_READERS = {
    ".json": (_json.read_values, None),
    ".npz": (_npz.read_all, _npz.MAGIC),
    ".csv.gz": (_csv.read_columns, _csv.GZIP_MAGIC),
    ".csv": (_csv.read_columns, None),
}


def read_named(path: str | os.PathLike, *, max_bytes: int = MAX_BYTES) -> Named:
    """The values in a file by their names; executes nothing.

    Args:
        path: `.json`, an object of numbers and of lists of numbers; `.npz`, an array per name; `.csv` or `.csv.gz` with a
            line of names, an array per column.
        max_bytes: largest size of the values.

    Returns:
        Name -> array; a single number is a Python number, since a model may build its shapes from it. Whole numbers are
        integers, all others 64-bit floats; what an `.npz` holds keeps its type.

    Raises:
        DataError: in one sentence, with the file, what is wrong and the cure.
    """
    path = Path(path)
    suffix = next((known for known in _READERS if path.name.lower().endswith(known)), None)
    if suffix is None:
        raise DataError(
            f"{path} has no suffix of named values: give it a file that ends in {', '.join(sorted(_READERS))}."
        )
    read, magic = _READERS[suffix]

    def named(file: BinaryIO, size: int) -> dict[str, Any]:
        return read(path, file, size, max_bytes=max_bytes)

    found = open_checked(path, named, suffix=suffix, magic=magic, suffixes=tuple(sorted(_READERS)))
    return {name: value.item() if _is_single(value) else value for name, value in found.items()}


def _is_single(value):
    return isinstance(value, np.ndarray) and value.ndim == 0
