"""NumPy's `.npz`: a zip archive of `.npy` members, judged by its directory before anything is unpacked."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from latlas.core import DataError
from latlas.data.formats._npy import read_stream
from latlas.data.formats._parts import Parts

MAGIC = b"PK"
LABELS = ("label", "labels", "y")
MASKS = ("observed", "mask")

T = TypeVar("T")

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
    """The array called `array`, or the only one; with labels and a mask where there are some.

    Raises:
        DataError: if the archive is damaged, is a bomb, or does not say which array is meant.
    """

    def chosen(archive: zipfile.ZipFile) -> Parts:
        members = _members(path, archive)
        name = _chosen(path, list(members), array)
        label = next((key for key in LABELS if key in members), None)
        mask = next((key for key in MASKS if key in members), None)
        arrays = _arrays(path, archive, {key: members[key] for key in (name, label, mask) if key}, max_bytes)
        return Parts(arrays[name], arrays[label] if label else None, arrays[mask] if mask else None)

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
    data = [name for name in names if name not in LABELS + MASKS]
    if array in names:
        return array
    if len(data) != 1:
        found = f"the arrays {', '.join(map(repr, names[:8]))}" if names else "no array"
        raise DataError(
            f"{path} holds {found}, and none of them is called {array!r}: store the data under {array!r}."
        )
    return data[0]


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
