"""The cells of a text table: which are numbers, which are empty, and what to do with the others."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latlas.core import DataError

_EMPTY = {"", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", ".", "-", "--"}
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)
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
    """Whether it is written as a whole number, without a point."""
    return _WHOLE.fullmatch(cell.strip()) is not None


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
    try:
        # what Python's float takes beside what we take is written with an underscore or in other digits
        if all(cell.isascii() and "_" not in cell for cell in cells):
            return np.fromiter(map(float, cells), float, len(cells))
    except ValueError:
        pass
    return np.array([_number(path, cell.strip(), lines[i], name) for i, cell in enumerate(cells)])


def labels(cells: Sequence[str]) -> np.ndarray:
    """The cells as integers or floats where all of them are numbers, else as strings."""
    cells = [cell.strip() for cell in cells]
    if not all(is_number(cell) for cell in cells):
        return np.array(cells, dtype=np.str_)
    values = np.array([float(cell) for cell in cells])
    return values.astype(np.int64) if are_whole(values) else values


def are_whole(values: np.ndarray) -> bool:
    """Whether they are whole numbers that 64-bit floats tell apart."""
    return bool(
        np.isfinite(values).all() and (np.abs(values) < 2**53).all() and (values == np.round(values)).all()
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
