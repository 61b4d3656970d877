"""JSON that is strict, shallow and sealed.

Strict: no NaN or Infinity, no key twice, no integer beyond 64 bits. Shallow: nesting is counted before
    anything is parsed.
Sealed: a file ends with the SHA-256 of all that stands before, so that no damaged byte is ever believed.
"""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from latlas.core._errors import CorruptFileError, RequestError
from latlas.core.storage._files import SAME_COMMAND, digest, read_limited, write_atomically

MAX_DEPTH = 64
MAX_JSON_BYTES = 16 * 2**20
SEAL = (b',\n "sha256": "', b'"\n}\n')

# a string (closed or not, so that no input makes the search start over) or a bracket
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(data: bytes, source: str) -> dict[str, Any]:
    """The object in these bytes.

    Args:
        data: UTF-8 text of one JSON object.
        source: the name of the file, for the error message.

    Raises:
        CorruptFileError: if it is not strict JSON, nested more than 64 deep, or not an object.
    """
    try:
        return strict_json(data)
    except ValueError as error:
        raise CorruptFileError(
            f"{source} is not valid JSON ({error}). Restore the file from a copy, or write it again."
        ) from error


def strict_json(data: bytes) -> dict[str, Any]:
    """The object in these bytes, whoever wrote them.

    Args:
        data: UTF-8 text of one JSON object.

    Raises:
        ValueError: with the reason, if it is not strict JSON (NaN, infinity, a key twice, an integer beyond 64 bits),
            nested more than 64 deep, or not an object.
    """
    _check_depth(data)
    value = json.loads(
        data.decode("utf-8"),
        object_pairs_hook=_unique,
        parse_constant=_refuse_constant,
        parse_float=_finite_float,
        parse_int=_integer,
    )
    if not isinstance(value, dict):
        raise ValueError(f"it holds a JSON {type(value).__name__}, where an object was expected")  # noqa: TRY004 - bytes of the right type
    return value


def dump_json(value: dict, source: str, *, indent: int | None = None) -> bytes:
    """The object as ASCII bytes that `parse_json` reads back; NumPy scalars become plain numbers.

    Raises:
        RequestError: if it holds what JSON cannot: NaN, infinity, an array, an object.
    """
    separators = (",", ":") if indent is None else None
    try:
        data = json.dumps(
            value, allow_nan=False, indent=indent, separators=separators, default=_plain
        ).encode("ascii")
        parse_json(data, source)  # nothing is written that could not be read
    except (TypeError, ValueError, RecursionError, CorruptFileError) as error:
        raise RequestError(
            f"{source} cannot hold this value ({error}). Give finite numbers, strings, lists and dicts, and "
            f"None "
            "where a number is missing."
        ) from error
    return data


def write_json(path: str | os.PathLike, value: dict, *, again: str = SAME_COMMAND) -> None:
    """Writes an object with its seal, atomically.

    Args:
        path: where to.
        value: anything that strict JSON holds, with at least one key.
        again: what to do after a full disk, for the message.

    Raises:
        RequestError: if the value has no strict JSON form.
        WorkError: if the file cannot be written; the old one is then intact.
    """
    if not value or "sha256" in value:
        raise RequestError(
            f'{path} needs an object with at least one key, none of them "sha256", which seals the file.'
        )
    write_atomically(path, sealed_json(value, str(path)), again=again)


def sealed_json(value: dict, source: str) -> bytes:
    """The bytes of an object with its seal, as `read_json` reads them.

    Raises:
        RequestError: if the value has no strict JSON form.
    """
    return seal(dump_json(value, source, indent=1).removesuffix(b"\n}"), SEAL)


def read_json(path: str | os.PathLike, *, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The object that `write_json` wrote, without its seal.

    Raises:
        RequestError: if there is no such file.
        CorruptFileError: if the file is damaged, or not one of ours.
    """
    body = unseal(read_limited(path, max_bytes), SEAL, str(path))
    return parse_json(body + b"\n}", str(path))


def seal(body: bytes, frame: tuple[bytes, bytes]) -> bytes:
    """The body, and after it its SHA-256 between the two parts of the frame."""
    return body + frame[0] + digest(body).encode() + frame[1]


def digest_in(data: bytes, frame: tuple[bytes, bytes]) -> str:
    """The SHA-256 that sealed bytes carry."""
    end = len(data) - len(frame[1])
    return data[end - 64 : end].decode("ascii")


def read_unsealed(path: Path, max_bytes: int, frame: tuple[bytes, bytes]) -> tuple[bytes, str]:
    """The body of a sealed file, and its SHA-256.

    Raises:
        RequestError: if there is no such file.
        CorruptFileError: if the file is damaged, or not one of ours.
    """
    data = read_limited(path, max_bytes)
    return unseal(data, frame, str(path)), digest_in(data, frame)


def unseal(data: bytes, frame: tuple[bytes, bytes], source: str) -> bytes:
    """The body of sealed bytes.

    Raises:
        CorruptFileError: if any byte differs from what was sealed.
    """
    body = data[: -len(frame[0]) - 64 - len(frame[1])]
    if seal(body, frame) != data:
        raise CorruptFileError(
            f"{source} is damaged, or was changed since latlas wrote it: its SHA-256 does not match. "
            "Nothing of it was used; restore the file from a copy, or remove it and run the command that wrote it again."
        )
    return body


def _check_depth(data: bytes) -> None:
    depth = 0
    for token in _TOKEN.finditer(data):
        first = token.group()[:1]
        depth += (first in b"[{") - (first in b"]}")
        if depth > MAX_DEPTH:
            raise ValueError(f"it nests more than {MAX_DEPTH} levels deep and was not parsed")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} does not fit a float")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"the integer {text[:20]}... does not fit 64 bits")
    return int(text)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is no JSON value")
