"""NumPy's `.npy`: its header is believed only once the file's size agrees, and a pickle is never opened."""

import math
import re
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np

from latlas.core import DataError
from latlas.data.formats._check import check_kind
from latlas.data.formats._parts import Parts

MAGIC = b"\x93NUMPY"

_LENGTH_BYTES: dict[tuple[int, ...], int] = {
    (1, 0): 2,
    (2, 0): 4,
    (3, 0): 4,
}  # version -> bytes of the header's length
_MAX_HEADER, _MAX_AXES, _MAX_LENGTH, _MAX_BYTES = 10_000, 16, 2**48, 2**62
_BLOCK_BYTES = 2**24
_BLANKS = " \t\n"
# the header is a literal of Python with three entries; it is read by this grammar and never handed to Python
_ENTRY = re.compile(
    r"""\s*(['"])(?P<key>descr|fortran_order|shape)\1\s*:\s*(?:"""
    r"""['"](?P<dtype>[^'"\\]*)['"]|(?P<flag>True|False)|\((?P<shape>[^()]*)\)|(?P<records>\[[^{}]*\])"""
    r""")\s*(?:,|(?=\s*\}))""",
    re.ASCII,
)
_VALUES = {"descr": ("dtype", "records"), "fortran_order": ("flag",), "shape": ("shape",)}
_DTYPE = re.compile(r"[<>|=]?[?biufcSUVOmM]\d{0,9}(\[\w{1,9}\])?", re.ASCII)
_LENGTHS = re.compile(r"\s*(?:-?(?:0|[1-9]\d{0,17})L?\s*(?:,\s*|$))*", re.ASCII)


def read_npy(path: Path, file: IO[bytes] | BufferedIOBase, size: int, *, array: str, max_bytes: int) -> Parts:
    """The one array of the file; `array` is a name, which it has none of."""
    return Parts(read_stream(path, file, size, max_bytes=max_bytes))


def read_stream(path: Path, file: IO[bytes] | BufferedIOBase, size: int, *, max_bytes: int) -> np.ndarray:
    """The array in a stream of `size` bytes in `.npy` form.

    Raises:
        DataError: if it is damaged, truncated, too large, or holds anything but plain values.
    """
    shape, fortran, dtype, header_size = header(path, file)
    if dtype.hasobject or dtype.kind not in "biufUS":
        check_kind(path, dtype)
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes > max_bytes:
        raise DataError(
            f"{path} claims an array of shape {shape}, {num_bytes:,} bytes, and at most {max_bytes:,} are read: "
            "split the file (in Python, raise max_bytes)."
        )
    if math.prod(max(1, length) for length in shape) * dtype.itemsize > _MAX_BYTES:
        raise DataError(f"{path} is damaged: it claims an array of shape {shape}; write it again.")
    if num_bytes != size - header_size:
        raise DataError(
            f"{path} is damaged: an array of shape {shape} and type {dtype} takes {num_bytes:,} bytes, and "
            f"{max(0, size - header_size):,} are there; write it again."
        )
    flat = _values(path, file, math.prod(shape), dtype)
    if dtype.kind == "U":
        _check_text(path, flat)
    x = flat.reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(x).reshape(shape)  # a number has no axis, and would be given one


def _values(path: Path, file: IO[bytes] | BufferedIOBase, count: int, dtype: np.dtype) -> np.ndarray:
    """So many values, read into their place: the memory of one array and no more."""
    flat = np.empty(count, dtype)
    place, start = flat.view(np.uint8).data if count else memoryview(b""), 0
    while start < len(place):
        block = file.read(min(_BLOCK_BYTES, len(place) - start))
        if not block:
            raise DataError(
                f"{path} is truncated: expected {len(place):,} bytes, got {start:,}; write it again."
            )
        place[start : start + len(block)] = block
        start += len(block)
    return flat


def _check_text(path: Path, text: np.ndarray) -> None:
    # NumPy and Python fail on these only when they are used: in a message, or in a page after the fit
    codes = text.view(np.dtype(np.uint32).newbyteorder(text.dtype.byteorder))
    if np.any((codes > 0x10FFFF) | ((0xD800 <= codes) & (codes < 0xE000))):
        raise DataError(
            f"{path} holds text with a character that Unicode does not have: write it again from valid text."
        )


def header(path: Path, file: IO[bytes] | BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """The shape, whether it is in Fortran's order, the type, and how many bytes stand before the values.

    Raises:
        DataError: if it is damaged, or the values are records.
    """
    magic = file.read(8)
    version = tuple(magic[6:])
    if magic[:6] != MAGIC or version not in _LENGTH_BYTES:
        raise _unreadable(path, "it does not begin as version 1, 2 or 3 does")
    num_bytes = _LENGTH_BYTES[version]
    length = int.from_bytes(file.read(num_bytes), "little")
    text = file.read(min(length, _MAX_HEADER + 1)).decode("latin-1")
    if len(text) != length:
        raise _unreadable(path, f"its header is no whole one of at most {_MAX_HEADER:,} bytes")
    found = _entries(path, text.strip(_BLANKS))
    shape = _shape(path, found["shape"])
    dtype = _dtype(path, found["descr"])
    return shape, found["fortran_order"] == "True", dtype, 8 + num_bytes + length


def _entries(path: Path, text: str) -> dict[str, str]:
    """The three entries of the header, as text."""
    found, place = {}, 1
    while match := _ENTRY.match(text, place):
        value = next((match[kind] for kind in _VALUES[match["key"]] if match[kind] is not None), None)
        if value is None or match["key"] in found:
            break
        found[match["key"]] = value
        place = match.end()
    if text[:1] != "{" or text[place:].strip(_BLANKS) != "}" or len(found) != len(_VALUES):
        raise _unreadable(path, "its header does not give descr, fortran_order and shape, once each")
    return found


def _shape(path: Path, text: str) -> tuple[int, ...]:
    if not _LENGTHS.fullmatch(text) or (text.strip() and "," not in text):
        raise _unreadable(path, f"its shape is ({text[:40]}), where whole numbers were expected")
    shape = tuple(int(part.strip().rstrip("L")) for part in text.split(",") if part.strip())
    if len(shape) > _MAX_AXES or any(not 0 <= length < _MAX_LENGTH for length in shape):
        raise DataError(f"{path} is damaged: it claims an array of shape {shape}; write it again.")
    return shape


def _dtype(path: Path, text: str) -> np.dtype:
    if text.startswith("["):
        check_kind(path, np.dtype("V1"))
    try:
        dtype = np.dtype(text) if _DTYPE.fullmatch(text) else None
    except (TypeError, ValueError, OverflowError):
        dtype = None
    if dtype is None or dtype.itemsize == 0:
        raise _unreadable(
            path, f"its values are of the type {text[:40]!r}, which holds nothing that is known"
        )
    return dtype


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no readable .npy file ({reason}): write it again with numpy.save.")
