"""The cells of a text table: which are numbers, which are empty, and what to do with the others."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from latlas.core import DataError

_EMPTY = {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "+nan", "nat", "null", "none", "?", ".", "-", "--"}
# no more digits than 64 bits have
_WHOLE = re.compile(r"[-+]?\d{1,19}", re.ASCII)
_DIGITS = re.compile(r"[-+]?\d+", re.ASCII)
_64_BITS = range(-(2**63), 2**63)
# from here on, 64-bit floats leave out whole numbers
_FLOATS_END = 2**53
_NUMBER = re.compile(
    r"[-+]?(\d+(\.\d*)?([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf(inity)?)", re.IGNORECASE | re.ASCII
)
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = "a date or a time: give its distance from a fixed one as a number, such as days since 2000"
# units that are written right behind a whole number; others stand behind a point or a space
_UNITS = "[kmµμun]?(g|m|s|l|V|A|W|J|Pa|Hz|mol|M|eV)|[MG](Hz|W|Pa|eV|b)|mL|dB|kb|bp|min|h|K|°?[CF]|px|°|bar|cal|kcal"
# what a cell may be that is no number -> what to do about it; the first that fits is said
_OTHERS = tuple((re.compile(pattern, flags), what) for pattern, flags, what in (
    (r"[^|]*\|.*", 0, "cells that | separates: put commas, semicolons or tabs between them"),
    (r"[-+]?\d{1,3}(\.\d{3})+,\d+", 0, "a decimal comma with groups of digits: write 1234.5 and not 1.234,5"),
    (r"[-+]?\d+,\d+", 0, "a decimal comma: write 1.5 and not 1,5"),
    (r"[-+]?\d{1,3}([ ,']\d{3})+(\.\d+)?|[-+]?\d{1,3}(\.\d{3}){2,}", 0,
     "a number in groups of digits: write 1000 and not 1,000"),
    (r"[−–]\s*[\d.]+([eE][-+−–]?\d+)?|[-+]?[\d.]+[eE][−–]\d+", 0,
     "a number with a minus sign that is a dash: write it with the hyphen of the keyboard, as in -1.5"),
    (r"[-+]?[\d.]+[dD][-+]?\d+", 0, "a number with Fortran's exponent: write 1.0E+02 and not 1.0D+02"),
    (r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}.*|\d{1,2}:\d{2}.*", 0, _DATE),
    (rf"\d{{1,2}}[-/. ]{_MONTH}([-/., ]+\d{{2,4}}.*)?|{_MONTH}[-/. ]+\d{{1,2}}(,? *\d{{4}}.*)?", re.IGNORECASE, _DATE),
    (r"[-+]?[\d.]+([eE][-+]?\d+)?\s*(±|\+/-|\+-)\s*[\d.]+.*|[-+]?[\d.]+\(\d+\)", 0,
     "a value with its error: write the value alone, and the error in a column of its own"),
    (rf"[-+]?\s*[$€£¥]\s*[\d.,]+|[-+]?[\d.,]+\s*[%‰$€£¥]|[-+]?\d+({_UNITS})"
     r"|[-+]?(\d*\.\d+|\d+\.?\s)([eE][-+]?\d+)?\s*(°|[^\W\d_])[^\d_]{0,11}[-^]?\d?", 0,
     "a number with its unit: write the number alone"),
    (r"(<=?|>=?|[~≤≥])\s*[\d.]+", 0, "a bound and not a value: write the value, or leave the row out"),
    (r"[-+\d.eE]+(\s+[-+\d.eE]+)+", 0, "several numbers: put commas, semicolons or tabs between them"),
    (r"true|false|yes|no", re.IGNORECASE, "a truth value: write it as 1 or 0"),
    (r"[ACGTUN-]{4,}", re.IGNORECASE, "a sequence: write it as numbers, such as 0 to 3 for A, C, G and T"),
    (r"[ACDEFGHIKLMNPQRSTVWYX*-]{10,}", 0, "a sequence: write it as numbers, such as 0 to 19 for the amino acids"),
))  # fmt: skip


def is_number(cell: str) -> bool:
    """Whether it is written as a number."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def is_whole(cell: str) -> bool:
    """Whether it is written as a whole number of 64 bits, without a point."""
    cell = cell.strip()
    return _WHOLE.fullmatch(cell) is not None and int(cell) in _64_BITS


def is_empty(cell: str) -> bool:
    """Whether it says that there is nothing."""
    return cell.strip().lower() in _EMPTY


def is_text(cell: str) -> bool:
    """Whether it is neither."""
    return not is_number(cell) and not is_empty(cell)


def numbers(path: Path, cells: Sequence[str], lines: Sequence[int], name: str) -> np.ndarray:
    """The cells of one column as 64-bit floats, NaN where a cell is empty.

    Raises:
        DataError: naming the line, the column and what to do, if a cell is neither.
    """
    values = _plain(cells)
    if values is None:
        values = np.array([_number(path, cell.strip(), lines[i], name) for i, cell in enumerate(cells)])
    for i in np.flatnonzero(np.isfinite(values) & (abs(values) >= _FLOATS_END)).tolist():
        if _DIGITS.fullmatch(cells[i].strip()) and Decimal(cells[i].strip()) != Decimal(values[i]):
            raise DataError(
                f"{path} holds {cells[i].strip()[:40]!r} in line {lines[i]}, column {name!r}, a whole number beyond 2**53, "
                "which 64-bit floats round: say that it is the label or the index (--label, --index), leave the column out "
                "(--columns), or write it with fewer digits."
            )
    return values


def _plain(cells: Sequence[str]) -> np.ndarray | None:
    """The cells as Python reads them, or `None` where one of them is to be looked at."""
    try:
        # what Python's float takes beside what we take is written with an underscore or in other digits
        if all(cell.isascii() and "_" not in cell for cell in cells):
            return np.fromiter(map(float, cells), float, len(cells))
    except ValueError:
        pass
    return None


def whole_numbers(cells: Sequence[str]) -> np.ndarray | None:
    """The cells as 64-bit integers, or `None` where one of them is written otherwise."""
    return np.array([int(cell) for cell in cells], dtype=np.int64) if all(map(is_whole, cells)) else None


def labels(cells: Sequence[str]) -> np.ndarray:
    """The cells as integers or floats where these tell them apart as they are written, else as strings."""
    cells = [cell.strip() for cell in cells]
    text = np.array(cells, dtype=np.str_)
    if not all(map(is_number, cells)):
        return text
    values = whole_numbers(cells)
    if values is None:
        values = np.array([float(cell) for cell in cells])
        values = values.astype(np.int64) if are_whole(values) else values
    apart = len(set(values.tolist())) == len(set(cells))
    return values if apart and np.isfinite(values).all() else text


def are_whole(values: np.ndarray) -> bool:
    """Whether they are whole numbers that 64-bit floats tell apart."""
    return bool(
        np.isfinite(values).all()
        and (np.abs(values) < _FLOATS_END).all()
        and (values == np.round(values)).all()
    )


def _number(path: Path, cell: str, line: int, name: str) -> float:
    if _NUMBER.fullmatch(cell):
        return float(cell)
    if is_empty(cell):
        return np.nan
    known = next((what for pattern, what in _OTHERS if pattern.fullmatch(cell)), None)
    advice = (
        known
        or "write its categories as numbers, say that it is the label or the index (--label, --index), or name the "
        "columns to take (--columns)"
        + (", or that this line holds the names (--names yes)" if line == 1 else "")
    )
    kind = ", " if known else ", where a number was expected: "
    raise DataError(f"{path} holds {cell[:40]!r} in line {line}, column {name!r}{kind}{advice}.")
