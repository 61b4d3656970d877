"""Which column of a text table is what: labels, an index, and the data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latlas.core import DataError
from latlas.data._table import column_places
from latlas.data.formats._header import counts_rows, second

AUTO = "auto"
NONE = "none"
LABELS = ("label", "labels", "class", "target", "y")
INDICES = ("", "index", "id", "row")
# a column called y beside these is a coordinate
_COORDINATES = ("x", "z")
# what pandas calls a column that had no name: an index that was written, also where it begins again (as concat leaves it)
_UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)?(_level_\d+)?", re.IGNORECASE)
# in a table without names, so many rows that count on are no accident
_FEWEST_COUNTED = 10


@dataclass(frozen=True)
class Roles:
    """What a user says of the columns of a table; what is left open is told by their names.

    Attributes:
        columns: names of the columns to take as data (numbers from 0, in a table without names), in this order; `None` for
            all that are neither label nor index.
        label: likewise of the column of labels; `"none"` for none, `"auto"` for one called `label`, `labels`, `class`,
            `target`, or `y` where no column is called `x` or `z`.
        index: likewise of the column that names the rows; `"auto"` for a first column without a name or called
            `Unnamed: 0` and the like, and one that is called `index`, `id` or `row`, or has no names at all,
            and counts the rows.
        names: whether the first line holds names; `None` for telling it by what it holds.
        fitted: names of the columns of a fit: taken where `columns` says nothing and the table has names.
        beside: names that stood beside the data in the table of a fit, as (label, index): they are taken so again where they
            are there.
    """

    columns: tuple[str, ...] | None = None
    label: str = AUTO
    index: str = AUTO
    names: bool | None = None
    fitted: tuple[str, ...] | None = None
    beside: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class Places:
    """Where the columns stand.

    Attributes:
        data: those of the data, in the order asked for.
        label: that of the labels, or `None`.
        index: that of the index, or `None`.
    """

    data: tuple[int, ...]
    label: int | None
    index: int | None


def asked_columns(path: Path, columns: Sequence[str | int] | str | int | None) -> tuple[str, ...] | None:
    """What a user says of the columns to take, as their names.

    Raises:
        DataError: if one is named twice.
    """
    if columns is None:
        return None
    names = tuple(str(name) for name in ([columns] if isinstance(columns, str | int) else columns))
    twice = second(names)
    if twice is not None:
        raise DataError(f"{path}: the column {twice!r} is asked for twice: name each column to take once.")
    return names


def places_of(
    path: Path, roles: Roles, names: Sequence[str] | None, width: int, first_cells: Sequence[str]
) -> Places:
    """Where the columns of each role stand.

    Args:
        path: for messages.
        roles: what the user says.
        names: of the columns, or `None`.
        width: how many columns there are.
        first_cells: of the first column, as many as were read.

    Raises:
        DataError: if a column that is named is not there, or none is left for the data.
    """
    known = list(names) if names is not None else [str(i) for i in range(width)]
    columns = asked_of(roles, names)
    _check_roles(path, roles, columns)
    label = None if roles.label in (AUTO, NONE) else _named(path, known, roles.label, "label")
    index = None if roles.index in (AUTO, NONE) else _named(path, known, roles.index, "index")
    taken = {*(columns or ()), *(known[i] for i in (label, index) if i is not None)}
    if roles.index == AUTO:
        index = _index(roles, names, known, taken, first_cells)
    if roles.label == AUTO:
        taken |= set() if index is None else {known[index]}
        label = _label(roles, names, known, taken, index)
    rest = [i for i in range(width) if i not in (index, label)]
    if columns is None and names is not None:
        _refuse_second_index(path, [names[i] for i in rest], roles, known, index)
    if not rest:
        raise DataError(
            f"{path} has no column left for the data beside {_called(known, label, 'labels')}"
            f"{_called(known, index, 'an index')}: say which is which (--label, --index), or add columns."
        )
    if columns is None:
        return Places(tuple(rest), label, index)
    if names is None:
        check_numbers(path, columns, width)
    places_in_rest = column_places(str(path), [known[i] for i in rest], columns)
    return Places(tuple(rest[place] for place in places_in_rest), label, index)


def asked_of(roles: Roles, names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The columns to take as data: those that the user names, else those of a fit, by name."""
    return roles.columns if roles.columns is not None or names is None else roles.fitted


def check_numbers(path: Path, columns: Sequence[str], width: int) -> None:
    """Refuses columns that are not told by number where there are no names.

    Raises:
        DataError: if one of them is no number of a column.
    """
    known = {str(i) for i in range(width)}
    other = next((name for name in columns if name not in known), None)
    if other is not None:
        told = f"told by their numbers from 0 to {width - 1}" if width > 1 else "told by its number 0"
        raise DataError(
            f"{path} has no names of columns, and so no column {other!r}: its columns are {told}; give those, or a table "
            "whose first line holds the names (--names yes says that it does)."
        )


def _check_roles(path: Path, roles: Roles, columns: Sequence[str] | None) -> None:
    """Refuses one column in two roles."""
    told = list(columns or ())
    for role, name in (("label", roles.label), ("index", roles.index)):
        if name in (AUTO, NONE):
            continue
        if name in told:
            raise DataError(
                f"{path}: the column {name!r} is asked for as {role} and as something else: give each column one role "
                "(--columns, --label, --index)."
            )
        told.append(name)


def _label(
    roles: Roles, names: Sequence[str] | None, known: list[str], taken: set[str], index: int | None
) -> int | None:
    if roles.beside[0] in known and roles.beside[0] not in taken:
        return known.index(roles.beside[0])
    if names is None or len(names) - (index is not None) < 2:
        return None
    lower = [name.lower() for name in names]
    for name in LABELS:
        if name == "y" and any(other in lower for other in _COORDINATES):
            continue
        if name in lower and names[lower.index(name)] not in taken:
            return lower.index(name)
    return None


def _index(
    roles: Roles, names: Sequence[str] | None, known: list[str], taken: set[str], first_cells: Sequence[str]
) -> int | None:
    if roles.beside[1] in known and roles.beside[1] not in taken:
        return known.index(roles.beside[1])
    if len(known) < 2 or known[0] in taken:
        return None
    if names is None:
        return 0 if len(first_cells) >= _FEWEST_COUNTED and counts_rows(first_cells) else None
    if (
        names[0] == ""
        or _UNNAMED.fullmatch(names[0])
        or (names[0].lower() in INDICES and counts_rows(first_cells))
    ):
        return 0
    return None


def stays_index(name: str, roles: Roles) -> bool:
    """Whether a first column of this name is an index whatever it holds: by its name, a fit's, or the user's word."""
    return roles.index != AUTO or name in ("", roles.beside[1]) or _UNNAMED.fullmatch(name) is not None


def _refuse_second_index(
    path: Path, names: Sequence[str], roles: Roles, known: list[str], index: int | None
) -> None:
    """A column that only pandas named is another index that was written; beside an index it is none of the data."""
    other = next((name for name in names if _UNNAMED.fullmatch(name)), None)
    if other is not None and index is not None and roles.index == AUTO:
        raise DataError(
            f"{path} has the column {other[:40]!r} beside{_called(known, index, 'an index')}, which looks like another "
            "index: take it out, or name the columns to take (--columns)."
        )


def _named(path: Path, known: list[str], name: str, role: str) -> int:
    if name in known:
        return known.index(name)
    row = ""
    if name.isdecimal() and int(name[:9]) < len(known):
        row = "; if the first line is a row, say so (--names no; in Python names=False)"
    raise DataError(
        f"{path} has no column {name!r} to take as {role}; its columns are {_list(known)}: name one of them, or 'none'{row}."
    )


def _called(known: list[str], place: int | None, role: str) -> str:
    return "" if place is None else f" {known[place]!r} ({role})"


def _list(names: Sequence[str], most: int = 8) -> str:
    """The names, the first of many."""
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
