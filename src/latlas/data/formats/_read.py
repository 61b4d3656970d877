"""One door for every format: the suffix says which reader, and the file's first bytes must agree."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from latlas.core import DataError
from latlas.data._table import Table
from latlas.data.formats import _csv, _npy, _npz
from latlas.data.formats._check import checked_label, checked_values
from latlas.data.formats._parts import Parts

MAX_BYTES = 8 * 2**30

T = TypeVar("T")


@dataclass(frozen=True)
class _Format:
    """A reader, and the first bytes of its files (`None` for text, which has no mark)."""

    read: Callable[..., Parts]
    magic: bytes | None


# Exactly one table; longer suffixes come first.
_FORMATS = {
    ".csv.gz": _Format(_csv.read_csv, _csv.GZIP_MAGIC),
    ".csv": _Format(_csv.read_csv, None),
    ".npy": _Format(_npy.read_npy, _npy.MAGIC),
    ".npz": _Format(_npz.read_npz, _npz.MAGIC),
}


def suffixes() -> tuple[str, ...]:
    """The suffixes that `read` knows."""
    return tuple(sorted(_FORMATS))


def read(
    path: str | os.PathLike, *, array: str = "x", missing: bool = False, max_bytes: int = MAX_BYTES
) -> Table:
    """The data in a file, in their storage type; executes nothing.

    Args:
        path: `.npy`; `.npz` with the data under `x` or as its only array, and labels under `label`, `labels` or `y`;
            `.csv` or `.csv.gz`, numeric, a line of names optional, labels in a column of such a name.
        array: the name of the array in an `.npz`.
        missing: whether NaN marks what was not observed; otherwise NaN is refused.
        max_bytes: largest size of the arrays; a file that claims more is refused before anything is allocated.

    Returns:
        The array with its labels, mask, names of columns and fingerprint.

    Raises:
        DataError: in one sentence, with the file, what is wrong and the cure.
    """
    path = Path(path)
    suffix, format_ = _format(path)

    def parts(file: BinaryIO, size: int) -> Parts:
        return format_.read(path, file, size, array=array, max_bytes=max_bytes)

    found = open_checked(path, parts, suffix=suffix, magic=format_.magic, suffixes=suffixes())
    return _table(path, found, missing)


def open_checked(
    path: Path,
    read: Callable[[BinaryIO, int], T],
    *,
    suffix: str,
    magic: bytes | None,
    suffixes: tuple[str, ...],
) -> T:
    """What `read` makes of a regular file that is there, is not empty and begins as its suffix says.

    Args:
        path: the file.
        read: of the open file and its size.
        suffix: of the file.
        magic: its first bytes; None for text.
        suffixes: all that are known, for the messages.

    Raises:
        DataError: in one sentence.
    """
    size = _size(path, suffixes)
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(0)
            _check_head(path, suffix, magic, head)
            return read(file, size)
    except OSError as error:
        raise DataError(
            f"{path} could not be read ({error.strerror or error}): check its permissions."
        ) from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into the memory: split it, or use a smaller type.") from error


def _table(path: Path, parts: Parts, missing: bool) -> Table:
    holed = missing or parts.observed is not None
    x, observed = checked_values(path, parts.x, missing=holed)
    if parts.observed is not None:
        if parts.observed.shape != x.shape or parts.observed.dtype != bool:
            raise DataError(
                f"{path} holds a mask of shape {parts.observed.shape} and type {parts.observed.dtype} for data of "
                f"shape {x.shape}: give one boolean per entry."
            )
        observed = parts.observed if observed is None else parts.observed & observed
    return Table(x, checked_label(path, parts.label, len(x)), observed, parts.columns, path.name)


def _format(path: Path) -> tuple[str, _Format]:
    for suffix, format_ in _FORMATS.items():
        if path.name.lower().endswith(suffix):
            return suffix, format_
    raise DataError(
        f"{path} has no suffix that latlas can read: give it a file that ends in {', '.join(suffixes())}."
    )


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


def _check_head(path: Path, suffix: str, magic: bytes | None, head: bytes) -> None:
    if magic is not None and not head.startswith(magic):
        actual = next(
            (name for name, other in _FORMATS.items() if other.magic and head.startswith(other.magic)), None
        )
        hint = f"it is a {actual} file, rename it" if actual else "write it again, or give it its true suffix"
        raise DataError(f"{path} is not the {suffix} file that its name says: {hint}.")
