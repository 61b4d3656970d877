"""Comma-, semicolon- or tab-separated numbers, with or without a line of names, plain or gzipped."""

import csv
import gzip
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from latlas.core import DataError
from latlas.data.formats._parts import Parts

GZIP_MAGIC = b"\x1f\x8b"
LABELS = ("label", "labels", "y", "target", "class")

_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
_WHOLE = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf(inity)?)", re.IGNORECASE)


def read_csv(path: Path, file: BinaryIO, size: int, *, array: str, max_bytes: int) -> Parts:
    """The numbers, the names of their columns, and a column called `label`, `labels`, `y`, `target` or `class` as labels.

    Raises:
        DataError: if it is no text, a row is longer or shorter than the first, or a cell is no number.
    """
    names, lines, columns = _table(path, file, max_bytes)
    width = len(columns)
    label = (
        next((i for i, name in enumerate(names or ()) if name.lower() in LABELS), None) if width > 1 else None
    )
    data = [i for i in range(width) if i != label]
    x = np.stack([_numbers(path, columns[i], lines, names[i] if names else str(i)) for i in data], axis=1)
    labels = None if label is None else _label(columns[label])
    return Parts(x, labels, None, tuple(names[i] for i in data) if names else None)


def read_columns(path: Path, file: BinaryIO, size: int, *, max_bytes: int) -> dict[str, np.ndarray]:
    """The columns by their names: integers where every cell is a whole number, else 64-bit floats.

    Raises:
        DataError: if there is no line of names, a name is missing or stands twice, or a cell is empty or no number.
    """
    names, lines, columns = _table(path, file, max_bytes)
    if names is None:
        raise DataError(f"{path} has no line of names: give each column its name in the first line.")
    twice = next((name for i, name in enumerate(names) if not name or name in names[:i]), None)
    if twice is not None:
        raise DataError(
            f"{path} names a column {twice!r}, empty or for the second time: name each column once."
        )
    found = {}
    for name, cells in zip(names, columns, strict=True):
        values = _numbers(path, cells, lines, name)
        holes = np.flatnonzero(np.isnan(values))
        if len(holes):
            raise DataError(
                f"{path} has nothing in line {lines[holes[0]]}, column {name!r}: fill the cell, or leave the row out."
            )
        whole = all(_WHOLE.fullmatch(cell) for cell in cells) and (np.abs(values) < 2**53).all()
        found[name] = values.astype(np.int64) if whole else values
    return found


def _table(
    path: Path, file: BinaryIO, max_bytes: int
) -> tuple[list[str] | None, list[int], list[tuple[str, ...]]]:
    """The names of the columns, the number of each row's line, and the cells of each column."""
    rows = _rows(path, _text(path, file, max_bytes))
    names = _header(rows[0][1])
    body = rows[1:] if names else rows
    if not body:
        raise DataError(f"{path} holds a line of names and no rows: give it at least one row of numbers.")
    width = len(rows[0][1])
    for line, row in body:
        if len(row) != width:
            raise DataError(
                f"{path} has {len(row)} columns in line {line} and {width} in the first: mend that line."
            )
    return names, [line for line, _ in body], list(zip(*(row for _, row in body), strict=True))


def _text(path: Path, file: BinaryIO, max_bytes: int) -> str:
    try:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        data = gzip.GzipFile(fileobj=file).read(max_bytes + 1) if packed else file.read(max_bytes + 1)
    except Exception as error:  # gzip, zlib and struct each have errors of their own
        raise DataError(
            f"{path} is no whole gzip file ({str(error).rstrip('.')[:200]}): copy it again."
        ) from error
    if len(data) > max_bytes:
        raise DataError(
            f"{path} holds more than {max_bytes:,} bytes of text: split it (in Python, raise max_bytes)."
        )
    if b"\0" in data:
        raise DataError(f"{path} is not text though its name says .csv: give it the suffix of its format.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from error


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Lines that hold something, as (number of the line, cells)."""
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{path} is no readable table ({error} in line {reader.line_num}): mend that line."
        ) from error
    rows = [(line, row) for line, row in rows if any(row)]
    if not rows:
        raise DataError(f"{path} is empty: give it at least one row of numbers.")
    return rows


def _header(row: Sequence[str]) -> list[str] | None:
    names = any(not _NUMBER.fullmatch(cell) and cell.lower() not in _MISSING for cell in row)
    return list(row) if names else None


def _numbers(path: Path, cells: Sequence[str], lines: Sequence[int], name: str) -> np.ndarray:
    column = np.empty(len(cells))
    for i, cell in enumerate(cells):
        if _NUMBER.fullmatch(cell):
            column[i] = float(cell)
        elif cell.lower() in _MISSING:
            column[i] = np.nan
        else:
            raise DataError(
                f"{path} holds {cell[:40]!r} in line {lines[i]}, column {name!r}, where a number was expected: "
                "write categories as numbers, or remove that column."
            )
    return column


def _label(cells: Sequence[str]) -> np.ndarray:
    if all(_NUMBER.fullmatch(cell) for cell in cells):
        numbers = np.array([float(cell) for cell in cells])
        whole = (
            np.isfinite(numbers).all()
            and (np.abs(numbers) < 2**53).all()
            and (numbers == np.round(numbers)).all()
        )
        return numbers.astype(np.int64) if whole else numbers
    return np.array(cells, dtype=np.str_)
