"""The line of names of a text table: whether there is one, and what the columns are called."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from latlas.core import DataError
from latlas.data.formats._beneath import FEWEST_ROWS, far_from_beneath, is_spaced
from latlas.data.formats._cells import is_number, is_text, is_whole

# whole numbers that count on, such as years, are names where there are so many
_FEWEST_COUNTED = 3
_YEARS = range(1500, 2500)
# so many columns do not start with equal steps by accident; and rows that must lie apart from what has no equal steps
_NO_ACCIDENT, _FEWEST_TO_DOUBT = 10, 10
# a number with a slip of the pen or with its unit
_NEARLY_A_NUMBER = re.compile(r"[-+]?\s*([$€£¥]\s*)?\d[\dOolI]*([.,][\dOolI]*)?\s*[%$€£¥]?")
# what a number becomes by worse: signs and points in excess, bounds, groups of digits, a unit behind a point or a space;
# names such as 1st, 5HT1A, 24h and 10-19 are none
_DAMAGED_NUMBER = re.compile(
    r"[-+−–<>~≤≥=$€£¥'(\s]*[.,]?\d[\d.,'\s]*([eEdD][-+]?\d+)?(±\s*[\d.]+)?[)*†]*|[-+]?\d+(\.\d*\s*|\s+)[^\W\d]{1,5}"
    r"|[-+]?[oOlI][.,]\d+|0[xX][\da-fA-F]+"
)
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}.*")
# what above one column is no name: a time, a date, a number with a slip behind it, a fraction, digits in groups
_LONE = re.compile(
    r"\d{1,2}:\d{2}.*|\d{4}-\d{1,2}-\d{1,2}.*|\d+[eE][-+]?\d*[^\W\d]?|\d+/\d+|\d+-|±\s*[\d.]+|\d+(_+\d+)+|\d*[¼½¾]"
)


def names_of(
    path: Path, first: Sequence[str], below: Sequence[Sequence[str]], *, stated: bool | None = None
) -> list[str] | None:
    """The names in the first line, or `None` where it is a row like the others.

    Args:
        path: for messages.
        first: the cells of the first line.
        below: those of the lines after it, as many as were read.
        stated: what the user says of the first line; `None` for nothing.

    Raises:
        DataError: if names and numbers cannot be told apart, or two columns have the same name.
    """
    first = [cell.strip() for cell in first]
    _refuse_trailing(path, first, below)
    if not (_are_names(path, first, below) if stated is None else stated):
        return None
    names = _padded(path, first, below)
    twice = second(names)
    if twice is not None:
        raise DataError(f"{path} names a column {twice!r} for the second time: name each column once.")
    nameless = next((i for i, name in enumerate(names) if i and not name), None)
    if nameless is not None:
        raise DataError(
            f"{path} has no name for column {nameless + 1}: name it in the first line, or remove it."
        )
    return names


def _are_names(path: Path, first: list[str], below: Sequence[Sequence[str]]) -> bool:
    numbers = [cell for cell in first if is_number(cell)]
    texts = {i: cell for i, cell in enumerate(first) if is_text(cell)}
    if not texts:
        _refuse_holes(path, first, below)
        return bool(numbers) and (_count_on(first, below) or _are_number_names(path, first, below))
    words = list(texts.values())
    if not numbers:
        _refuse_slip(path, first, words, below)
        return True
    over_words = bool(below) and all(_is_text_column(i, below) for i in texts)
    if over_words and any(row[i].strip() == cell for row in below for i, cell in texts.items()):
        return False
    if not any(_NEARLY_A_NUMBER.fullmatch(cell) or _DAMAGED_NUMBER.fullmatch(cell) for cell in words):
        far = list(far_from_beneath(first, below))
        apart = len(far) > 1 and all(far)
        run = _is_run(numbers, fewest=_FEWEST_COUNTED if over_words else _NO_ACCIDENT)
        if run or (apart and (_is_run(numbers) or is_spaced(numbers) or _are_years(numbers))):
            return True
        if _is_run(numbers) or (apart and len(below) >= _FEWEST_TO_DOUBT):
            raise _unclear(path, words[0])
    if over_words:
        return False
    raise _unclear(path, words[0])


def _are_number_names(path: Path, first: list[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether numbers that do not count on by one are names, such as wavelengths, or a row of the data.

    Raises:
        DataError: if it cannot be told.
    """
    if len(first) < _FEWEST_COUNTED or not below or not all(map(is_number, first)):
        return False
    # R writes one name fewer than there are columns
    rows = [row[1:] if len(row) == len(first) + 1 else row for row in below]
    far = far_from_beneath(first, rows)
    if not is_spaced(first):
        if len(rows) >= _FEWEST_TO_DOUBT and all(far):
            raise _unclear_numbers(path, first)
        return False
    if sum(map(is_spaced, rows)) >= len(rows) / 2:
        return False
    found = list(far)
    if all(found) and len(rows) >= FEWEST_ROWS:
        return True
    years = _are_years(first) and not any(map(_are_years, rows))
    alone = len(first) >= _NO_ACCIDENT and not any(map(is_spaced, rows))
    if years or alone or sum(found) >= len(found) / 2:
        raise _unclear_numbers(path, first)
    return False


def _count_on(first: list[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether numbers in the first line are names, such as years or the places of pixels."""
    if first[0] == "" and len(first) > 1:  # pandas has no name for its index
        first_column = [row[0] for row in below if row]
        counted = counts_rows(first_column) or any(is_text(cell) for cell in first_column)
        return counted and (_is_run(first[1:], fewest=1) or is_spaced(first[1:]))
    if not _is_run(first, fewest=_FEWEST_COUNTED):
        return False
    if _are_years(first) and not any(_are_years(row) for row in below):
        return True
    return sum(_is_run(row) for row in below) < len(below) / 2


def _are_years(cells: Sequence[str]) -> bool:
    return all(is_whole(cell) and int(cell) in _YEARS for cell in cells)


def _is_run(cells: Sequence[str], fewest: int = 2) -> bool:
    """Whether the cells are whole numbers, each one more than the one before."""
    if len(cells) < fewest or not all(is_whole(cell) for cell in cells):
        return False
    values = [int(cell) for cell in cells]
    return all(b - a == 1 for a, b in itertools.pairwise(values))


def _refuse_slip(path: Path, first: list[str], texts: list[str], below: Sequence[Sequence[str]]) -> None:
    """A first line of damaged numbers above numbers is no line of names that anybody meant."""
    slip = next((cell for cell in texts if _NEARLY_A_NUMBER.fullmatch(cell)), None)
    if slip is not None and below and any(is_number(row[0]) for row in below[:1] if row):
        raise _unclear(path, slip)
    above = [cell for i, cell in enumerate(first) if is_text(cell) and _is_over_numbers(i, below)]
    if above == first[:1] == first and _LONE.fullmatch(first[0]):  # of several columns these are names
        raise _unclear(path, first[0])
    dates = [_DATE.fullmatch(cell) is not None for cell in above]
    if above and (all(map(_DAMAGED_NUMBER.fullmatch, above)) or (dates[0] and not all(dates))):
        raise _unclear(path, above[0])


def _refuse_holes(path: Path, first: list[str], below: Sequence[Sequence[str]]) -> None:
    """A first line of nothing but words for a hole is a row or a line of names, such as of sodium."""
    words = [cell for cell in first if cell.isalpha() and cell.lower() not in ("nan", "nat")]
    if (
        words
        and not any(map(is_number, first))
        and any(_is_over_numbers(i, below) for i in range(len(first)))
    ):
        raise _unclear(path, words[0])


def _is_over_numbers(i: int, below: Sequence[Sequence[str]]) -> bool:
    return any(len(row) > i and is_number(row[i]) for row in below[:_FEWEST_TO_DOUBT])


def _unclear(path: Path, cell: str) -> DataError:
    return DataError(
        f"{path} holds numbers and {cell[:40]!r} in line 1, which could be a row or the names of the columns: mend that "
        "cell, or say whether the first line holds names (--names yes or no; in Python names=True or False)."
    )


def _unclear_numbers(path: Path, first: Sequence[str]) -> DataError:
    return DataError(
        f"{path} holds the numbers {', '.join(first[:4])[:40]}, ... in line 1, which could be a row or the names of the "
        "columns: say whether the first line holds names (--names yes or no; in Python names=True or False)."
    )


def _is_text_column(i: int, below: Sequence[Sequence[str]]) -> bool:
    return all(len(row) > i and not is_number(row[i]) for row in below)


def _refuse_trailing(path: Path, first: list[str], below: Sequence[Sequence[str]]) -> None:
    """Separators at the ends of rows look as if the first of the columns had no name, as R writes them."""
    short = len(first) >= 2 and len(below) > 0 and all(len(row) == len(first) + 1 for row in below)
    if short and not any(row[-1].strip() for row in below):
        raise DataError(
            f"{path} has an empty cell behind the last column {first[-1][:40]!r} in every row, and none in its first line: "
            "take out the commas (semicolons, tabs) at the ends of the rows."
        )


def _padded(path: Path, first: list[str], below: Sequence[Sequence[str]]) -> list[str]:
    """The names, with an empty one in front where R left out that of the row names."""
    short = len(first) >= 2 and below and all(len(row) == len(first) + 1 for row in below)
    if short and (all(is_text(row[0]) for row in below) or counts_rows([row[0] for row in below])):
        return ["", *first]
    return list(first)


def counts_rows(cells: Sequence[str]) -> bool:
    """Whether they are 0, 1, 2, ... or 1, 2, 3, ..., as the numbers of rows are."""
    if not cells or not all(is_whole(cell) for cell in cells):
        return False
    start = int(cells[0])
    return start in (0, 1) and all(int(cell) == start + i for i, cell in enumerate(cells))


def second(names: Sequence[str]) -> str | None:
    """The first name that stands for the second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
