"""Which column of a text table is what: labels, an index, and the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latlas.core import DataError
from latlas.data._table import column_places
from latlas.data.formats._header import counts_rows

AUTO = "auto"
NONE = "none"
LABELS = ("label", "labels", "class", "target", "y")
INDICES = ("", "index", "id", "row", "unnamed: 0")
# a column called y beside these is a coordinate
_COORDINATES = ("x", "z")
# in a table without names, so many rows that count on are no accident
_FEWEST_COUNTED = 10


@dataclass(frozen=True)
class Roles:
    """What a user says of the columns of a text table; what is left open is told by their names.

    Attributes:
        columns: names of the columns to take as data, in this order; `None` for all that are neither label nor index.
        label: name (or number from 0, in a table without names) of the column of labels; `"none"` for none, `"auto"` for one
            called `label`, `labels`, `class`, `target`, or `y` where no column is called `x` or `z`.
        index: likewise of the column that names the rows; `"auto"` for a first column without a name, and one that is
            called `index`, `id` or `row`, or has no names at all, and counts the rows.
        names: whether the first line holds names; `None` for telling it by what it holds.
        beside: names that stood beside the data in the table of a fit, as (label, index): they are taken so again where they
            are there.
    """

    columns: Sequence[str] | None = None
    label: str = AUTO
    index: str = AUTO
    names: bool | None = None
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
    wanted = set(roles.columns or ()) if names is not None else set()
    index = _index(path, roles, names, known, wanted, first_cells)
    label = _label(path, roles, names, known, wanted, index)
    rest = [i for i in range(width) if i not in (index, label)]
    if not rest:
        raise DataError(
            f"{path} has no column left for the data beside {_called(known, label, 'labels')}"
            f"{_called(known, index, 'an index')}: say which is which (--label, --index), or add columns."
        )
    if roles.columns is None or names is None:
        return Places(tuple(rest), label, index)
    places_in_rest = column_places(str(path), [known[i] for i in rest], roles.columns)
    return Places(tuple(rest[place] for place in places_in_rest), label, index)


def _label(path, roles, names, known, wanted, index) -> int | None:
    if roles.label == NONE:
        return None
    if roles.label != AUTO:
        return _named(path, known, roles.label, "label")
    if roles.beside[0] in known:
        return known.index(roles.beside[0])
    if names is None or len(names) - (index is not None) < 2:
        return None
    lower = [name.lower() for name in names]
    for name in LABELS:
        if name == "y" and any(other in lower for other in _COORDINATES):
            continue
        if name in lower and names[lower.index(name)] not in wanted:
            return lower.index(name)
    return None


def _index(path, roles, names, known, wanted, first_cells) -> int | None:
    if roles.index == NONE:
        return None
    if roles.index != AUTO:
        return _named(path, known, roles.index, "index")
    if roles.beside[1] in known:
        return known.index(roles.beside[1])
    if len(known) < 2 or (names is not None and names[0] in wanted):
        return None
    if names is None:
        return 0 if len(first_cells) >= _FEWEST_COUNTED and counts_rows(first_cells) else None
    if names[0] == "" or (names[0].lower() in INDICES and counts_rows(first_cells)):
        return 0
    return None


def _named(path: Path, known: list[str], name: str, role: str) -> int:
    if name in known:
        return known.index(name)
    raise DataError(
        f"{path} has no column {name!r} to take as {role}; its columns are {_list(known)}: name one of them, or 'none'."
    )


def _called(known: list[str], place: int | None, role: str) -> str:
    return "" if place is None else f" {known[place]!r} ({role})"


def _list(names: Sequence[str], most: int = 8) -> str:
    """The names, the first of many."""
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
