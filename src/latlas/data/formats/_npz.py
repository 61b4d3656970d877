"""NumPy's `.npz`: a zip archive of `.npy` members, judged by its directory before anything is unpacked."""

import errno
import logging
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from latlas.core import DataError
from latlas.data._table import some_of
from latlas.data.formats._header import second
from latlas.data.formats._npy import header, read_stream
from latlas.data.formats._parts import Parts

MAGIC = b"PK"
LABELS = ("label", "labels", "y")
MASKS = ("observed", "mask")
COLUMNS = ("feature_names", "columns")
# what the names of masks have in them
_OF_MASKS = ("mask", "observ", "missing", "hole")
# of an array beside the data, which say at once that most are no masks
_FIRST_VALUES = 10_000

T = TypeVar("T")

_log = logging.getLogger("latlas")

_MAX_MEMBERS = 1000
# what a broken archive raises; the memory that is not enough and the disk that fails are none of these
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    ArithmeticError,
    NotImplementedError,
)
_ENCRYPTED = 0x1
# deflate packs at most about 1:1032; data that are worth learning from stay far below, unless they are small
_MAX_RATIO, _SMALL_BYTES = 500, 2**28


def read_npz(path: Path, file: BinaryIO, size: int, *, array: str, max_bytes: int) -> Parts:
    """The array called `array`, or the only one; with labels, a mask and names of its columns where there are some.

    Raises:
        DataError: if the archive is damaged, is a bomb, or does not say which array or which mask is meant.
    """

    def chosen(archive: zipfile.ZipFile) -> Parts:
        members = _members(path, archive)
        name = _chosen(path, list(members), array)
        others = [other for other in members if other != name]
        label, mask, names = (_called(others, known) for known in (LABELS, MASKS, COLUMNS))
        used = {key: members[key] for key in (name, label, mask) if key}
        arrays = _arrays(path, archive, used, max_bytes)
        x = arrays[name]
        columns = None if names is None else _columns(path, archive, members[names], x.shape)
        unused = [other for other in others if other not in used and (columns is None or other != names)]
        for other in unused:
            _refuse_mask(path, archive, members[other], x)
        if unused:
            _log.warning("%s: left out the arrays %s.", path, some_of(unused))
        return Parts(x, arrays[label] if label else None, arrays[mask] if mask else None, columns)

    return _opened(path, file, chosen)


def read_all(path: Path, file: BinaryIO, size: int, *, max_bytes: int) -> dict[str, np.ndarray]:
    """Every array of the archive, by its name.

    Raises:
        DataError: if the archive is damaged, is a bomb, or holds no array.
    """

    def every(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
        members = _members(path, archive)
        if not members:
            raise DataError(f"{path} holds no array: write it with numpy.savez, an array per name.")
        return _arrays(path, archive, members, max_bytes)

    return _opened(path, file, every)


def _opened(path: Path, file: BinaryIO, read: Callable[[zipfile.ZipFile], T]) -> T:
    try:
        with zipfile.ZipFile(file) as archive:
            return read(archive)
    except DataError:
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # the disk's own, and no place that the archive claims
            raise
        raise _broken(path, error) from error
    except _BROKEN as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is no whole .npz file ({type(error).__name__}: {str(error).rstrip('.')[:200]}): copy or write it again."
    )


def _arrays(
    path: Path, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], max_bytes: int
) -> dict[str, np.ndarray]:
    _check_sizes(path, list(members.values()), max_bytes)
    return {name: _unpacked(path, archive, info, max_bytes) for name, info in members.items()}


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise DataError(
            f"{path} holds {len(infos):,} members, and at most {_MAX_MEMBERS:,} are read: write one array under 'x'."
        )
    # names are only compared, never used as paths
    return {info.filename.removesuffix(".npy"): info for info in infos if info.filename.endswith(".npy")}


def _chosen(path: Path, names: list[str], array: str) -> str:
    data = [name for name in names if name.lower() not in LABELS + MASKS + COLUMNS]
    if array in names:
        return array
    if len(data) != 1:
        found = f"the arrays {', '.join(map(repr, names[:8]))}" if names else "no array"
        raise DataError(
            f"{path} holds {found}, and none of them is called {array!r}: store the data under {array!r}."
        )
    return data[0]


def _called(names: list[str], known: tuple[str, ...]) -> str | None:
    """The first that has one of the known names, in small letters or capitals."""
    return next((name for key in known for name in names if name.lower() == key), None)


def _columns(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape: tuple[int, ...]
) -> tuple[str, ...] | None:
    """Names of the columns, where it is a text for each of them."""
    dtype, _ = _begun(path, archive, info, shape[1:])
    if len(shape) != 2 or dtype is None or dtype.kind != "U":
        return None
    names = tuple(map(str, _unpacked(path, archive, info, info.file_size).tolist()))
    twice = second(names)
    if twice is not None:
        raise DataError(f"{path} names a column {twice!r} for the second time: name each column once.")
    return names


def _refuse_mask(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, x: np.ndarray) -> None:
    """Refuses an array that marks some of the entries, since the data would be taken for whole without it.

    Raises:
        DataError: if it is such an array.
    """
    dtype, first = _begun(path, archive, info, x.shape)
    if dtype is None or dtype.kind not in "biuf" or not _is_binary(np.frombuffer(first, dtype)):
        return
    name = info.filename.removesuffix(".npy")
    more_of_the_same = dtype == x.dtype and _is_binary(x)
    if more_of_the_same and not any(word in name.lower() for word in _OF_MASKS):
        return
    marks = _unpacked(path, archive, info, info.file_size)
    if _is_binary(marks) and marks.any() and not marks.all():
        raise DataError(
            f"{path} holds data and under {name!r} an array of zeros and ones of their shape, which could say where they "
            "were observed: store it as booleans under 'observed', True where a value was observed, or leave it out."
        )


def _begun(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape: tuple[int, ...]
) -> tuple[np.dtype | None, bytes]:
    """The type and the first values of a member, where it has this shape and can be read."""
    try:
        with archive.open(info) as stream:
            found, _, dtype, _ = header(path, stream)
            if found == shape and not dtype.hasobject:
                block = stream.read(_FIRST_VALUES * dtype.itemsize)
                return dtype, block[: len(block) // dtype.itemsize * dtype.itemsize]
    except (DataError, RuntimeError, *_BROKEN):
        pass
    return None, b""


def _is_binary(x: np.ndarray) -> bool:
    return x.dtype == bool or bool(((x == 0) | (x == 1)).all())


def _check_sizes(path: Path, infos: list[zipfile.ZipInfo], max_bytes: int) -> None:
    total = sum(info.file_size for info in infos)
    if total > max_bytes:
        raise DataError(
            f"{path} unpacks to {total:,} bytes, and at most {max_bytes:,} are read: split it (in Python, raise max_bytes)."
        )
    packed = sum(info.compress_size for info in infos)
    if total > _SMALL_BYTES and total > _MAX_RATIO * packed:
        raise DataError(
            f"{path} unpacks {packed:,} bytes to {total:,}, as an archive made to fill the memory does: "
            "store the array uncompressed with numpy.savez."
        )


def _unpacked(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> np.ndarray:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & _ENCRYPTED:
        raise DataError(
            f"{path} packs {info.filename!r} as NumPy never does (another method, or with a password): write it again "
            "with numpy.savez."
        )
    with archive.open(info) as stream:
        x = read_stream(Path(f"{path}[{info.filename}]"), stream, info.file_size, max_bytes=max_bytes)
        stream.read(1)  # reaches the end of the member, where its checksum is compared
    return x
