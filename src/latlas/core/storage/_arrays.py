"""Named arrays in one sealed safetensors file.

safetensors checks sizes and runs no code, but loads a flipped bit without a word. So the first metadata
entry of our files is the SHA-256 of the file with that digest zeroed: each file proves itself, and no second
file can come apart from it. Any safetensors reader still opens them.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from latlas.core._errors import CorruptFileError, RequestError
from latlas.core.storage._files import open_regular, write_atomically
from latlas.core.storage._json import dump_json, parse_json

MAX_HEADER_BYTES = 16 * 2**20
MAX_ARRAYS_BYTES = 8 * 2**30

# One metadata entry, so that its place and the file's bytes never depend on the order of a hash table.
_PREFIX = b'{"__metadata__":{"latlas":"sha256:'
_DIGEST = slice(8 + len(_PREFIX), 8 + len(_PREFIX) + 64)
_NO_DIGEST = b"0" * 64

_DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8),
    "U64": np.dtype(np.uint64),
    "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}


def pack_arrays(
    arrays: Mapping[str, np.ndarray | np.generic], metadata: Mapping[str, Any] | None = None
) -> tuple[bytes, str]:
    """The bytes of a sealed safetensors file, and their digest (64 hexadecimal digits).

    The same arrays and metadata give the same bytes, always.

    Args:
        arrays: name -> array of a boolean, integer or floating type, bfloat16 among them.
        metadata: anything that JSON holds.

    Raises:
        RequestError: if an array's type or name, or the metadata, cannot be stored.
    """
    ready = {name: _storable(name, array) for name, array in arrays.items()}
    text = dump_json(dict(metadata or {}), "The metadata of arrays").decode("ascii")
    data = bytearray(save(ready, metadata={"latlas": f"sha256:{_NO_DIGEST.decode()} {text}"}))
    assert data[8:].startswith(_PREFIX), "safetensors writes its metadata first"
    sealed = hashlib.sha256(data).hexdigest()
    data[_DIGEST] = sealed.encode("ascii")
    return bytes(data), sealed


def not_finite(arrays: Mapping[str, np.ndarray | np.generic]) -> str | None:
    """How many numbers of the first array that has some are not finite, in words; `None` where all are finite."""
    for name, array in arrays.items():
        array = np.asarray(array)
        bad = 0 if array.dtype.kind in "biu" else array.size - int(np.isfinite(array).sum())
        if bad:
            return f"{bad:,} of the {array.size:,} numbers in {name!r} are not finite"
    return None


def write_arrays(
    path: str | os.PathLike,
    arrays: Mapping[str, np.ndarray | np.generic],
    metadata: Mapping[str, Any] | None = None,
) -> str:
    """Writes a sealed safetensors file atomically and returns its digest.

    Raises:
        RequestError: if an array's type or name, or the metadata, cannot be stored.
        WorkError: if the file cannot be written; the old one is then intact.
    """
    data, sealed = pack_arrays(arrays, metadata)
    write_atomically(path, data)
    return sealed


def read_arrays(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the metadata of a file that `write_arrays` wrote; executes nothing.

    A name that ends in `-DIGEST.safetensors` (16 hexadecimal digits or more) must agree with the content too.

    Raises:
        RequestError: if there is no such file.
        CorruptFileError: if the file is damaged, renamed, or not one of ours.
    """
    arrays, metadata, _ = read_sealed(Path(path))
    return arrays, metadata


def read_sealed(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """What `read_arrays` reads, and the digest of the file."""
    with open_regular(path) as (file, size):
        head = file.read(_DIGEST.stop)
        _check_head(path, head, size)
        data = bytearray(head + file.read(size - len(head)))
    return *_checked_content(path, data), head[_DIGEST].decode("ascii")


def carried_by_arrays(path: Path) -> str:
    """The digest that a file says it has, without a look at the rest of it."""
    with open_regular(path) as (file, _):
        return file.read(_DIGEST.stop)[_DIGEST].decode("ascii", errors="replace")


def _storable(name: str, array: np.ndarray | np.generic) -> np.ndarray:
    array = np.asarray(array, order="C")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype not in _DTYPES.values():
        raise RequestError(
            f"The array {name!r} has the type {array.dtype}, which a file cannot hold; give it numbers."
        )
    if not _is_plain(name):
        raise RequestError(
            f"An array cannot be stored under the name {name!r}; leave out '../' and control characters."
        )
    return array


def _is_plain(name: str) -> bool:
    # Names are never used as paths here; but what is read here may be written elsewhere, under these names.
    return name.isprintable() and not re.search(r"\.\.[/\\]", name)


def _check_head(path: Path, head: bytes, size: int) -> None:
    """Refuses a file by its first bytes: before a header of a claimed size is read or an array allocated."""
    claimed = int.from_bytes(head[:8], "little")
    if head[8 : _DIGEST.start] != _PREFIX or len(head) < _DIGEST.stop:
        raise CorruptFileError(
            f"{path} is not a safetensors file that latlas wrote, or its beginning is damaged."
        )
    if claimed > min(size - 8, MAX_HEADER_BYTES):
        raise CorruptFileError(
            f"{path} is damaged: it claims a header of {claimed:,} bytes and has {size:,}. Restore it from "
            f"a copy."
        )
    if size > MAX_ARRAYS_BYTES:
        raise CorruptFileError(f"{path} has {size:,} bytes; latlas reads no more than {MAX_ARRAYS_BYTES:,}.")


def _checked_content(path: Path, data: bytearray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    stored = bytes(data[_DIGEST])
    data[_DIGEST] = _NO_DIGEST
    named = re.search(r"-([0-9a-f]{16,64})\.safetensors$", path.name)
    if hashlib.sha256(data).hexdigest().encode() != stored or (
        named and not stored.startswith(named[1].encode())
    ):
        raise CorruptFileError(
            f"{path} is damaged, or was changed since latlas wrote it: its SHA-256 does not match. Nothing "
            f"of it was "
            "used; restore the file from a copy, or train again."
        )
    try:
        arrays = {name: _array(view) for name, view in deserialize(bytes(data))}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        text = header["__metadata__"]["latlas"].split(" ", 1)[1]
    except (SafetensorError, ValueError, KeyError, IndexError, RecursionError) as error:
        raise CorruptFileError(f"{path} is not a valid safetensors file ({error}).") from error
    if not all(map(_is_plain, arrays)):
        raise CorruptFileError(
            f"{path} names its arrays with '../' or control characters; latlas wrote no such file."
        )
    return arrays, parse_json(text.encode(), str(path))


def _array(view: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(view["data"], dtype=_DTYPES[view["dtype"]]).reshape(view["shape"])
