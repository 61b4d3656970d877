"""One door for every format: the suffix says which reader, and the file's first bytes must agree.

A table is one array of examples; named values are what a model of any kind takes as its data. Nothing of a file is
executed.
"""

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from latlas.core import DataError
from latlas.data._table import Table, column_places
from latlas.data.formats import _csv, _json, _npy, _npz
from latlas.data.formats._check import checked_label, checked_values
from latlas.data.formats._delimited import Told
from latlas.data.formats._parts import Parts
from latlas.data.formats._roles import AUTO, Roles, asked_columns, check_numbers

MAX_BYTES = 8 * 2**30

T = TypeVar("T")
Named = dict[str, np.ndarray | float | int | bool]


@dataclass(frozen=True)
class _Format:
    """How files of a suffix are read.

    Attributes:
        magic: their first bytes; `None` for text, which has no mark.
        table: reader of one table; `None` where such a file holds none.
        values: reader of named values; `None` likewise.
        text: whether it is a table of text, whose columns have roles and are read a few at a time.
    """

    magic: bytes | None
    table: Callable[..., Parts] | None
    values: Callable[..., dict[str, Any]] | None
    text: bool = False


# longer suffixes come first
_FORMATS = {
    ".csv.gz": _Format(_csv.GZIP_MAGIC, _csv.read_csv, _csv.read_columns, text=True),
    ".csv": _Format(None, _csv.read_csv, _csv.read_columns, text=True),
    ".json": _Format(None, None, _json.read_values),
    ".npy": _Format(_npy.MAGIC, _npy.read_npy, None),
    ".npz": _Format(_npz.MAGIC, _npz.read_npz, _npz.read_all),
}
_TABLES = tuple(sorted(suffix for suffix, format_ in _FORMATS.items() if format_.table is not None))
_VALUES = tuple(sorted(suffix for suffix, format_ in _FORMATS.items() if format_.values is not None))


def suffixes() -> tuple[str, ...]:
    """The suffixes that `read` knows."""
    return _TABLES


def read(
    path: str | os.PathLike,
    *,
    array: str = "x",
    missing: bool = False,
    columns: Sequence[str | int] | None = None,
    label: str | int = AUTO,
    index: str | int = AUTO,
    names: bool | None = None,
    fitted: Sequence[str] | None = None,
    beside: tuple[str | None, str | None] = (None, None),
    max_bytes: int = MAX_BYTES,
    progress: Told | None = None,
) -> Table:
    """The data in a file, in their storage type; executes nothing.

    Args:
        path: `.npy`; `.npz` with the data under `x` or as its only array, labels under `label`, `labels` or `y`, a mask
            under `observed` or `mask`, and names of the columns under `feature_names` or `columns`; `.csv` or `.csv.gz`,
            numeric but for its labels and its index.
        array: the name of the array in an `.npz`.
        missing: whether NaN marks what was not observed; otherwise NaN is refused, unless an `.npz` brings a mask.
        columns: the names of those to take as data (their numbers from 0 where there are no names), in this order; by
            default all that are left.
        label: of a text table, likewise the column of labels, or "none"; by default one called `label`, `labels`,
            `class`, `target`, or `y` where none is called `x` or `z`.
        index: likewise of the column that names the rows; by default a first one without a name or called
            `Unnamed: 0` and the like, and one that is called `index`, `id` or `row`, or has no name at all, and counts the
            rows.
        names: whether the first line of a text table holds names; by default told by what it holds.
        fitted: names of the columns of a fit: taken as `columns` where it says nothing and the table has names.
        beside: what the label and the index were called in the table of a fit: taken so again where they are there.
        max_bytes: largest size of the arrays; a file that claims more is refused before anything is allocated.
        progress: called with the bytes read and the bytes in all, for a text table.

    Returns:
        The array with its labels, mask, names of columns and fingerprint.

    Raises:
        DataError: in one sentence, with the file, what is wrong and the cure.
    """
    path = Path(path)
    suffix = _suffix(path, _TABLES)
    if suffix is None:
        raise DataError(
            f"{path} has no suffix that latlas can read: give it a file that ends in {', '.join(_TABLES)}."
        )

    reader = _FORMATS[suffix].table
    assert reader is not None  # such files hold a table
    asked = asked_columns(path, columns)
    roles = Roles(asked, str(label), str(index), names, None if fitted is None else tuple(fitted), beside)
    is_text = _FORMATS[suffix].text
    options = {"roles": roles, "told": progress} if is_text else {}
    if not is_text and (label, index, names) != (AUTO, AUTO, None):
        raise DataError(
            f"{path} has no named columns: only a table of text takes a label, an index and names."
        )

    def parts(file: BinaryIO, size: int) -> Parts:
        return reader(path, file, size, array=array, max_bytes=max_bytes, **options)

    found = _open_checked(path, suffix, parts, _TABLES)
    return _table(path, found if is_text or asked is None else _of_columns(path, found, asked), missing)


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
    suffix = _suffix(path, _VALUES)
    if suffix is None:
        raise DataError(
            f"{path} has no suffix of named values: give it a file that ends in {', '.join(_VALUES)}."
        )

    reader = _FORMATS[suffix].values
    assert reader is not None  # such files hold named values

    def named(file: BinaryIO, size: int) -> dict[str, Any]:
        return reader(path, file, size, max_bytes=max_bytes)

    found = _open_checked(path, suffix, named, _VALUES)
    return {name: value.item() if _is_single(value) else value for name, value in found.items()}


def _suffix(path: Path, known: tuple[str, ...]) -> str | None:
    return next((s for s in _FORMATS if s in known and path.name.lower().endswith(s)), None)


def _open_checked(
    path: Path, suffix: str, read: Callable[[BinaryIO, int], T], suffixes: tuple[str, ...]
) -> T:
    """What `read` makes of a regular file that is there, is not empty and begins as its suffix says."""
    size = _size(path, suffixes)
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(0)
            _check_head(path, suffix, head)
            return read(file, size)
    except OSError as error:
        raise DataError(
            f"{path} could not be read ({error.strerror or error}): check its permissions."
        ) from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into the memory: split it, or use a smaller type.") from error


def _of_columns(path: Path, parts: Parts, columns: tuple[str, ...]) -> Parts:
    """The columns of an array that are asked for, by their names or else their numbers."""
    if parts.x.ndim != 2:
        raise DataError(
            f"{path} holds an array of shape {parts.x.shape}, and columns can be chosen in one of two axes: leave out "
            "--columns (in Python columns)."
        )
    width = parts.x.shape[1]
    if parts.columns is None:
        check_numbers(path, columns, width)
    places = column_places(str(path), parts.columns or [str(i) for i in range(width)], columns)
    observed = (
        None if parts.observed is None else _checked_mask(path, parts.observed, parts.x.shape)[:, places]
    )
    names = None if parts.columns is None else columns
    return replace(parts, x=parts.x[:, places], observed=observed, columns=names)


def _table(path: Path, parts: Parts, missing: bool) -> Table:
    holed = missing or parts.observed is not None
    x, observed = checked_values(path, parts.x, missing=holed, columns=parts.columns)
    if parts.observed is not None:
        mask = _checked_mask(path, parts.observed, x.shape)
        observed = mask if observed is None else mask & observed
    return Table(
        x,
        checked_label(path, parts.label, len(x)),
        observed,
        parts.columns,
        path.name,
        parts.label_name,
        parts.index,
        parts.index_name,
    )


def _checked_mask(path: Path, mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if mask.shape != shape or mask.dtype != bool:
        raise DataError(
            f"{path} holds a mask of shape {mask.shape} and type {mask.dtype} for data of shape {shape}: give one boolean "
            "per entry."
        )
    return mask


def _size(path: Path, suffixes: tuple[str, ...]) -> int:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise DataError(f"There is no file {path!s}: check the path.") from error
    if stat.S_ISDIR(status.st_mode):
        raise DataError(f"{path} is a folder: name a file in it that ends in {', '.join(suffixes)}.")
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path} is a pipe or a device: name a regular file.")
    if status.st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): write it again.")
    return status.st_size


def _check_head(path: Path, suffix: str, head: bytes) -> None:
    magic = _FORMATS[suffix].magic
    if magic is not None and not head.startswith(magic):
        actual = next(
            (name for name, other in _FORMATS.items() if other.magic and head.startswith(other.magic)), None
        )
        hint = f"it is a {actual} file, rename it" if actual else "write it again, or give it its true suffix"
        raise DataError(f"{path} is not the {suffix} file that its name says: {hint}.")


def _is_single(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 0
