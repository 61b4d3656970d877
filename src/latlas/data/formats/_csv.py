"""Tables of text: numbers, with or without a line of names, beside labels and an index."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from latlas.core import DataError
from latlas.data.formats._cells import labels, numbers, whole_numbers
from latlas.data.formats._delimited import GZIP_MAGIC as GZIP_MAGIC
from latlas.data.formats._delimited import Row, Told, rows_of
from latlas.data.formats._header import counts_rows, names_of
from latlas.data.formats._parts import Parts
from latlas.data.formats._roles import Places, Roles, asked_of, places_of, stays_index

_log = logging.getLogger("latlas")

# rows that say what the columns are, and rows that become numbers at once
_FIRST_ROWS, _BLOCK_ROWS = 1000, 1000


def read_csv(
    path: Path,
    file: BinaryIO,
    size: int,
    *,
    array: str,
    max_bytes: int,
    roles: Roles | None = None,
    told: Told | None = None,
) -> Parts:
    """The numbers, the names of their columns, and the columns of labels and of the index.

    Raises:
        DataError: if it is no text, a row is longer or shorter than the first, or a cell is no number.
    """
    roles = roles or Roles()
    names, rows, width, first = _opened(
        path, rows_of(path, file, size, max_bytes=max_bytes, told=told), roles.names
    )
    places = places_of(path, roles, names, width, first)
    x, beside, lines = _columns(path, rows, names, width, places, max_bytes)
    x, places = _not_an_index_after_all(path, x, beside, lines, places, names, roles)
    return Parts(
        x,
        label=None if places.label is None else labels(beside[places.label]),
        columns=None if names is None else tuple(names[i] for i in places.data),
        label_name=_name(names, places.label),
        index=None if places.index is None else labels(beside[places.index]),
        index_name=_name(names, places.index),
    )


def read_columns(path: Path, file: BinaryIO, size: int, *, max_bytes: int) -> dict[str, np.ndarray]:
    """The columns by their names: integers where every cell is a whole number, else 64-bit floats.

    Raises:
        DataError: if there is no line of names, a name is missing or stands twice, or a cell is empty or no finite number.
    """
    names, rows, _, _ = _opened(path, rows_of(path, file, size, max_bytes=max_bytes), None)
    if names is None:
        raise DataError(f"{path} has no line of names: give each column its name in the first line.")
    if names[0] == "":
        raise DataError(f"{path} has no name for column 1: name it in the first line, or remove it.")
    body = list(_counted(path, rows, len(names) * np.dtype(float).itemsize, max_bytes))
    lines = [line for line, _ in body]
    found = {}
    for name, cells in zip(names, zip(*(row for _, row in body), strict=True), strict=True):
        values = whole_numbers(cells)
        if values is None:
            values = numbers(path, cells, lines, name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            what = "nothing" if np.isnan(values[bad[0]]) else "an infinity"
            raise DataError(
                f"{path} has {what} in line {lines[bad[0]]}, column {name!r}: write a number, or leave the row out."
            )
        found[name] = values
    return found


def _opened(
    path: Path, rows: Iterator[Row], stated: bool | None
) -> tuple[list[str] | None, Iterable[Row], int, list[str]]:
    """The names, the rows of numbers, how many columns they have, and the first cells of the first of them."""
    first = list(itertools.islice(rows, _FIRST_ROWS))
    if not first:
        raise DataError(f"{path} is empty: give it at least one row of numbers.")
    names = names_of(path, first[0][1], [row for _, row in first[1:]], stated=stated)
    body = first[1:] if names else first
    if not body:
        raise DataError(f"{path} holds a line of names and no rows: give it at least one row of numbers.")
    width = len(names) if names else len(first[0][1])
    remark = first[0][1][0].startswith("#")
    checked = _of_width(path, itertools.chain(body, rows), width, remark=remark)
    return names, checked, width, [row[0] for _, row in body if row]


def _of_width(path: Path, rows: Iterable[Row], width: int, *, remark: bool) -> Iterator[Row]:
    for line, row in rows:
        if len(row) != width:
            what = "mend that line"
            if remark:
                what = "take out the lines above the table that begin with #, since comments are not read"
            elif len(row) > width:
                what += " (if its commas are decimal, write points)"
            raise DataError(f"{path} has {len(row)} columns in line {line} and {width} in the first: {what}.")
        yield line, row


def _counted(path: Path, rows: Iterable[Row], row_bytes: int, max_bytes: int) -> Iterator[Row]:
    """The rows, as long as their numbers fit: text grows as it becomes numbers, and what is packed grows twice."""
    for count, (line, row) in enumerate(rows, 1):
        if count * row_bytes > max_bytes:
            raise DataError(
                f"{path} holds more than {max_bytes:,} bytes of numbers by line {line:,}: split it, or leave columns out "
                "(--columns; in Python columns, or raise max_bytes)."
            )
        yield line, row


def _columns(
    path: Path, rows: Iterable[Row], names: Sequence[str] | None, width: int, places: Places, max_bytes: int
) -> tuple[np.ndarray, dict[int, list[str]], list[int]]:
    """The data, the cells of the other columns, and their lines; a block of rows at a time, so that no text is kept.

    Raises:
        DataError: if a cell is no number, or the numbers are more than `max_bytes`.
    """
    called = names or [str(i) for i in range(width)]
    beside: dict[int, list[str]] = {i: [] for i in (places.label, places.index) if i is not None}
    beside_lines: list[int] = []
    x, count = np.empty((_BLOCK_ROWS, len(places.data))), 0
    rows = _counted(path, rows, (len(places.data) + len(beside)) * x.itemsize, max_bytes)
    while block := list(itertools.islice(rows, _BLOCK_ROWS)):
        lines = [line for line, _ in block]
        cells = list(zip(*(row for _, row in block), strict=True))
        if count + len(block) > len(x):
            x.resize((max(len(x) * 5 // 4, count + len(block)), x.shape[1]), refcheck=False)
        for column, i in enumerate(places.data):
            x[count : count + len(block), column] = numbers(path, cells[i], lines, called[i])
        for i, kept in beside.items():
            kept.extend(cells[i])
        if beside:
            beside_lines.extend(lines)
        count += len(block)
    x.resize((count, x.shape[1]), refcheck=False)
    return x, beside, beside_lines


def _not_an_index_after_all(
    path: Path,
    x: np.ndarray,
    beside: dict[int, list[str]],
    lines: Sequence[int],
    places: Places,
    names: Sequence[str] | None,
    roles: Roles,
) -> tuple[np.ndarray, Places]:
    """A first column that counted the first rows and not the others is one of the data, unless others were asked for."""
    called = names[0] if names else "0"
    chosen_by_counting = places.index == 0 and not stays_index(called, roles)
    if not chosen_by_counting or counts_rows(beside[0]):
        return x, places
    if asked_of(roles, names) is not None:
        _log.warning("%s: left out the columns %s.", path, called)
        return x, replace(places, index=None)
    column = numbers(path, beside[0], lines, called)
    return np.column_stack([column, x]), Places((0, *places.data), places.label, None)


def _name(names: Sequence[str] | None, place: int | None) -> str | None:
    """What a column is called; its number where there are no names."""
    if place is None:
        return None
    return names[place] if names else str(place)
