"""The history of a run: one JSON line per reporting interval, each sealed to the line before.

A line ends with the SHA-256 of the previous line's digest and its own text, so that a changed, lost or moved
line is seen. A kill while the last line is written leaves a torn line, which is no damage: it belongs to
steps that are run again.
"""

import logging
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latlas.core._errors import CorruptFileError, RequestError
from latlas.core.storage._files import (
    SAME_COMMAND,
    digest,
    open_regular,
    read_limited,
    write_all,
    write_atomically,
    write_error,
)
from latlas.core.storage._json import dump_json, parse_json

MAX_LINE_BYTES = 2**20
MAX_HISTORY_BYTES = 2**30
NO_LINE = "0" * 64

_BEFORE, _AFTER = b',"sha256":"', b'"}'
_TAIL = len(_BEFORE) + 64 + len(_AFTER)

_logger = logging.getLogger("latlas")


@dataclass(frozen=True)
class History:
    """What a metrics file holds: records, their lines, the last digest, and whether a line was torn."""

    records: list[dict[str, Any]]
    lines: list[bytes]
    sha256: str
    torn: bool


NO_HISTORY = History([], [], NO_LINE, torn=False)


def next_line(path: Path, record: Mapping[str, Any]) -> bytes:
    """The sealed line of a record at the end of the file; numbers that are not finite become null.

    Raises:
        RequestError: if the record has no integer `step`, or holds what JSON cannot.
        CorruptFileError: if the file ends in a torn or damaged line; `truncate_history` repairs a torn one.
    """
    if not isinstance(record.get("step"), int | np.integer) or "sha256" in record:
        raise RequestError(f'A line of {path} needs an integer "step" and no "sha256", which seals the line.')
    body = dump_json(_finite(record), str(path))[:-1]
    line = _sealed(_last_digest(path), body) + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise RequestError(
            f"A line of {path} may have {MAX_LINE_BYTES:,} bytes and this one has {len(line):,}."
        )
    return line


def append_line(path: Path, line: bytes, *, again: str = SAME_COMMAND) -> None:
    """Appends what `next_line` gave and brings it to the disk.

    Raises:
        WorkError: if the disk is full, with what to do `again`; the file then ends where it did before.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
        try:
            _append_whole(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise write_error(path, error, again) from error


def digest_of(line: bytes) -> str:
    """The digest that seals a line."""
    line = line.removesuffix(b"\n")
    return line[-len(_AFTER) - 64 : -len(_AFTER)].decode("ascii")


def read_history(path: Path) -> History:
    """All whole lines of the file; of no file, none. A torn last line is left out and said.

    Raises:
        CorruptFileError: if a line is damaged, missing or moved; the message says which.
    """
    if not path.is_symlink() and not path.exists():
        return NO_HISTORY
    *lines, rest = read_limited(path, MAX_HISTORY_BYTES).split(b"\n")
    records, previous = [], NO_LINE
    for number, line in enumerate(lines, start=1):
        body = line[:-_TAIL]
        if line != _sealed(previous, body):
            raise CorruptFileError(
                f"{path} is damaged at line {number}: its SHA-256 does not match. Restore the file from a "
                f"copy, or move "
                "it away to go on without its history."
            )
        records.append(_record(body + b"}", f"{path}, line {number}"))
        previous = digest_of(line)
    if rest:
        _logger.warning("%s ends in a torn line, as a killed run leaves it; the line was left out.", path)
    return History(records, lines, previous, torn=bool(rest))


def truncate_history(path: Path, step: int, *, again: str = SAME_COMMAND) -> None:
    """Drops a torn last line, and every line from the first one past `step` on.

    Raises:
        CorruptFileError: if a whole line is damaged.
        WorkError: if the file cannot be written; the old one is then intact.
    """
    history = read_history(path)
    past = (number for number, record in enumerate(history.records) if record["step"] > step)
    keep = next(past, len(history.lines))
    if history.torn or keep < len(history.lines):
        write_atomically(path, b"".join(line + b"\n" for line in history.lines[:keep]), again=again)


def _record(data: bytes, source: str) -> dict[str, Any]:
    record = parse_json(data, source)
    if not isinstance(record.get("step"), int):
        raise CorruptFileError(f"{source}, has no integer step; latlas wrote no such line.")
    return record


def _sealed(previous: str, body: bytes) -> bytes:
    return body + _BEFORE + digest(previous.encode() + body).encode() + _AFTER


def _last_digest(path: Path) -> str:
    """Digest of the last line, from the end of the file alone."""
    if not path.is_symlink() and not path.exists():
        return NO_LINE
    with open_regular(path) as (file, size):
        file.seek(max(0, size - len(_AFTER) - 65))
        end = file.read()
    if not end:
        return NO_LINE
    sha256 = end[:64]
    if end[64:] != _AFTER + b"\n" or sha256.strip(b"0123456789abcdef"):
        raise CorruptFileError(f"{path} ends in a torn or damaged line. Resume the run, which repairs it.")
    return sha256.decode("ascii")


def _append_whole(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, line)
        os.fsync(descriptor)
    except BaseException:  # a full disk, Ctrl-C: no half a line stays behind
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float | np.floating) and not math.isfinite(value) else value
