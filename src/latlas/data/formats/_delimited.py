"""Delimited text as rows of cells: its bytes, its encoding, what separates its cells, its blank lines."""

import codecs
import csv
import gzip
import io
import itertools
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from latlas.core import DataError

_log = logging.getLogger("latlas")

GZIP_MAGIC = b"\x1f\x8b"

Told = Callable[[int, int], None]
Row = tuple[int, list[str]]

# text packs at most about 1:1032; tables that are worth learning from stay far below, unless they are small
_MAX_RATIO, _SMALL_BYTES = 500, 2**28
_BUFFER_BYTES = 2**20
# lines that say what separates the cells
_FIRST_LINES = 20
_DELIMITERS = ("\t", ";", ",")
# what Excel writes in front, for the cells that follow
_STATED = re.compile(r"sep=([\t;,|])[\r\n]*")
_WHOLE_PAIR = re.compile(r"[-+]?\d+,\d+", re.ASCII)


def rows_of(
    path: Path, file: BinaryIO, size: int, *, max_bytes: int, told: Told | None = None
) -> Iterator[Row]:
    """Each row as the number of its line and its cells, read as they are asked for.

    Blank lines before the first row and after the last are left out. In a table of one column a blank line is an empty
    cell; among rows of several columns it is refused, since the rows after it would be counted wrongly. An empty cell in
    quotes is no blank line.

    Args:
        path: for messages.
        file: UTF-8 text, plain or gzipped.
        size: of the file in bytes.
        max_bytes: more text than this is refused.
        told: called with the bytes read and the bytes of the file, as the reading goes on.

    Raises:
        DataError: if it is no text, too much of it, or no table.
    """
    text = io.TextIOWrapper(
        io.BufferedReader(_Checked(path, file, size, max_bytes, told), _BUFFER_BYTES),
        encoding="utf-8",
        newline="",
    )
    try:
        first = list(itertools.islice(text, _FIRST_LINES))
        if first:
            first[0] = first[0].lstrip("\ufeff")  # some programs mark their text by it, some twice
        stated = _STATED.fullmatch(first[0]) if first else None
        if stated:
            first[0] = "\n"  # blank, so that the lines keep their numbers
        delimiter = stated[1] if stated else _delimiter(first)
        # the reader takes spaces alone for a cell, and nothing for a blank line
        lines = (line if line.strip(" \r\n") else line.lstrip(" ") for line in itertools.chain(first, text))
        reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        if delimiter == "," and not stated:
            _say_if_decimal(path, first)
        yield from _without_blank_lines(path, reader)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}): save it as UTF-8."
        ) from error


def _without_blank_lines(path: Path, reader: Any) -> Iterator[Row]:
    blank: list[int] = []
    begun = False
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path} is no readable table ({error} in line {reader.line_num}): mend that line."
            ) from error
        line = reader.line_num
        if not row:
            if begun:
                blank.append(line)
            continue
        if blank and len(row) > 1:
            raise DataError(
                f"{path} has a blank line {blank[0]} between its rows: remove it, or write the row that is missing there."
            )
        yield from ((number, [""]) for number in blank)
        blank, begun = [], True
        yield line, row


def _say_if_decimal(path: Path, lines: list[str]) -> None:
    """Two columns of whole numbers, and one of numbers with decimal commas, are the same text."""
    filled = [line.strip() for line in lines if line.strip()]
    if filled and all(map(_WHOLE_PAIR.fullmatch, filled)):
        _log.warning(
            "%s: took each line such as %s for two whole numbers; if its comma is decimal, write %s.",
            path,
            filled[0][:40],
            filled[0][:40].replace(",", "."),
        )


def _delimiter(lines: list[str]) -> str:
    """A tab or a semicolon where each of the lines has as many of them, else a comma."""
    filled = [line for line in lines if line.strip()]
    for delimiter in _DELIMITERS:
        counts = {_count(line, delimiter) for line in filled}
        # R writes one name fewer than there are columns
        if counts and min(counts) > 0 and max(counts) - min(counts) <= 1:
            return delimiter
    return max(reversed(_DELIMITERS), key=lambda d: _count(filled[0], d)) if filled else ","


def _count(line: str, delimiter: str) -> int:
    """How often it stands outside of quotes."""
    return sum(part.count(delimiter) for part in line.split('"')[::2])


class _Checked(io.RawIOBase):
    """The text's bytes, unpacked and counted as they come."""

    def __init__(self, path: Path, file: BinaryIO, size: int, max_bytes: int, told: Told | None) -> None:
        head = file.read(len(GZIP_MAGIC))
        file.seek(0)
        self._packed = head == GZIP_MAGIC
        self._path, self._file, self._size, self._max_bytes, self._told = path, file, size, max_bytes, told
        self._source = gzip.GzipFile(fileobj=file) if self._packed else file
        self._num_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]  # typeshed's argument has no public name
        data = self._read(len(buffer))
        if not self._num_bytes and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(f"{self._path} is UTF-16 text: save it as UTF-8.")
        if b"\0" in data:
            raise DataError(
                f"{self._path} is not text though its name says .csv: give it the suffix of its format."
            )
        buffer[: len(data)] = data
        self._num_bytes += len(data)
        self._check_size()
        if self._told is not None:
            self._told(min(self._file.tell(), self._size), self._size)
        return len(data)

    def _read(self, count: int) -> bytes:
        if not self._packed:
            return self._file.read(count)
        try:
            return self._source.read(count)
        except MemoryError:
            raise
        except Exception as error:  # gzip, zlib and struct each have errors of their own
            raise DataError(
                f"{self._path} is no whole gzip file ({str(error).rstrip('.')[:200]}): copy it again."
            ) from error

    def _check_size(self) -> None:
        if self._num_bytes > self._max_bytes:
            raise DataError(
                f"{self._path} holds more than {self._max_bytes:,} bytes of text: split it (in Python, raise max_bytes)."
            )
        if self._packed and self._num_bytes > max(_SMALL_BYTES, _MAX_RATIO * self._size):
            raise DataError(
                f"{self._path} unpacks {self._size:,} bytes to more than {self._num_bytes:,}, as an archive made to fill "
                "the memory does: unpack it and look at it."
            )
