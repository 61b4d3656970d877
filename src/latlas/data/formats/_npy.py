"""NumPy's `.npy`: its header is believed only once the file's size agrees, and a pickle is never opened."""

import math
import warnings
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from latlas.core import DataError
from latlas.data.formats._check import check_kind
from latlas.data.formats._parts import Parts

MAGIC = b"\x93NUMPY"


def read_npy(path: Path, file: IO[bytes] | BufferedIOBase, size: int, *, array: str, max_bytes: int) -> Parts:
    """The one array of the file; `array` is a name, which it has none of."""
    return Parts(read_stream(path, file, size, max_bytes=max_bytes))


def read_stream(path: Path, file: IO[bytes] | BufferedIOBase, size: int, *, max_bytes: int) -> np.ndarray:
    """The array in a stream of `size` bytes in `.npy` form.

    Raises:
        DataError: if it is damaged, truncated, too large, or holds anything but plain values.
    """
    shape, fortran, dtype, header_size = _header(path, file)
    if dtype.hasobject:
        check_kind(path, dtype)
    if dtype.kind not in "biufUS":
        check_kind(path, dtype)
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes > max_bytes:
        raise DataError(
            f"{path} claims an array of shape {shape}, {num_bytes:,} bytes, and at most {max_bytes:,} are read: "
            "split the file (in Python, raise max_bytes)."
        )
    if num_bytes != size - header_size:
        raise DataError(
            f"{path} is damaged: an array of shape {shape} and type {dtype} takes {num_bytes:,} bytes, and "
            f"{max(0, size - header_size):,} are there; write it again."
        )
    data = file.read(num_bytes)
    if len(data) != num_bytes:
        raise DataError(
            f"{path} is truncated: expected {num_bytes:,} bytes, got {len(data):,}; write it again."
        )
    # a copy, because what frombuffer gives cannot be written to
    flat = np.frombuffer(data, dtype) if num_bytes else np.zeros(0, dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def _header(path: Path, file: IO[bytes] | BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = npy_format.read_magic(file)
            # version 3 is version 2 with names of fields in UTF-8, and we take no fields
            read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
            shape, fortran, dtype = read(file)
    except (
        Exception
    ) as error:  # the header is parsed as a literal, which may fail in a dozen ways, none of them ours
        reason = str(error).split("\n")[0].rstrip(".")[:200]
        raise DataError(
            f"{path} is no readable .npy file ({reason}): write it again with numpy.save."
        ) from error
    if any(not 0 <= length < 2**48 for length in shape) or len(shape) > 16:
        raise DataError(f"{path} is damaged: it claims an array of shape {shape}; write it again.")
    return shape, fortran, dtype, file.tell()
