"""Data as they came: an array with what belongs to it, and a fingerprint of its content."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Shaped

from latlas.core import DataError, num_masked
from latlas.data._blocks import row_blocks

_log = logging.getLogger("latlas")


@dataclass(frozen=True)
class Table:
    """Observations in their storage type, one per row.

    Attributes:
        x: `(examples, features)` or `(examples, *item_shape)`, real numbers or booleans.
        label: one label per row (numbers or strings), or `None`.
        observed: `True` where `x` was observed, of its shape; `None` where all of it was. What a masked array hides
            counts as not observed.
        columns: names of the features, or `None`.
        name: what to call the data: the file's name.
        label_name: what the labels are called, or `None`.
        index: what names each row (numbers or strings), or `None`; no part of the data.
        index_name: what that is called, or `None`.
    """

    x: Shaped[np.ndarray, "examples ..."]
    label: Shaped[np.ndarray, " examples"] | None = None
    observed: Bool[np.ndarray, "examples ..."] | None = None
    columns: tuple[str, ...] | None = None
    name: str = "data"
    label_name: str | None = None
    index: Shaped[np.ndarray, " examples"] | None = None
    index_name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.x, np.ma.MaskedArray):
            seen = ~np.ma.getmaskarray(self.x)
            seen = seen if self.observed is None else seen & self.observed
            object.__setattr__(self, "x", np.asarray(self.x))
            object.__setattr__(self, "observed", None if seen.all() else seen)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of `x`: type, shape and values."""
        return fingerprint(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `x`."""
        return self.x.shape

    @property
    def dtype(self) -> np.dtype:
        """The storage type of `x`."""
        return self.x.dtype

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)

    @property
    def holes(self) -> int:
        """How many entries were not observed."""
        return 0 if self.observed is None else int(self.observed.size - self.observed.sum())

    def take(self, rows: Shaped[np.ndarray, " few"] | slice) -> "Table":
        """The rows of these numbers, or where this is true."""
        parts = {
            name: None if (array := getattr(self, name)) is None else array[rows]
            for name in ("x", "label", "observed", "index")
        }
        return replace(self, **parts)

    def ordered(self, names: Sequence[str]) -> "Table":
        """The same with its columns in this order.

        Raises:
            DataError: if one of them is not there.
        """
        if self.columns is None or tuple(names) == self.columns:
            return self
        places = column_places(self.name, self.columns, names)
        observed = None if self.observed is None else self.observed[:, places]
        return replace(self, x=self.x[:, places], observed=observed, columns=tuple(names))

    def describe(self) -> str:
        """What was read, in a line: its size, the names of its columns, its labels, its index and its holes."""
        item = self.shape[1:]
        if len(item) == 1:
            names = f"({some_of(self.columns)})" if self.columns else "without names"
            words = [f"{_counted(len(self), 'row')} x {_counted(item[0], 'column')} {names}"]
        else:
            words = [f"{_counted(len(self), 'example')} of shape {' x '.join(map(str, item))}"]
        if self.label is not None:
            called = "" if self.label_name is None else f" from {self.label_name!r}"
            values = _counted(len(np.unique(self.label)), "value")
            words.append(f"labels{called} ({values}), not part of the data")
        if self.index is not None:
            called = repr(self.index_name) if self.index_name else "the first column"
            words.append(f"{called} taken as the index, not part of the data")
        words.append(_counted(self.holes, "hole") if self.holes else "no holes")
        return f"{self.name}: {'; '.join(words)}."


def column_places(source: str, columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where the columns of these names stand; which others there are is said and no more.

    Args:
        source: what has the columns, for the message.
        columns: names in the order in which they stand.
        names: those that are asked for.

    Raises:
        DataError: if one of them is not there.
    """
    place = {name: i for i, name in enumerate(columns)}
    asked = set(names)
    missing = [name for name in names if name not in place]
    others = [name for name in columns if name not in asked]
    if missing:
        besides = f" (it has {some_of(others)} besides)" if others else ""
        raise DataError(
            f"{source} lacks the columns {some_of(missing)}{besides}: give it the columns {some_of(names)}, in any order."
        )
    if others:
        _log.warning("%s: left out the columns %s.", source, some_of(others))
    return [place[name] for name in names]


def some_of(names: Sequence[str], most: int = 8) -> str:
    """The names, the first of many, in one line whatever they hold."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(" ".join(name.split()) for name in names[:most]) + more


def fingerprint(x: Shaped[np.ndarray, "..."]) -> str:
    """SHA-256 of an array's type, shape and values in C order, the same on every machine.

    >>> fingerprint(np.arange(3, dtype=np.uint8))[:12]
    '0b86b89f9ad2'
    """
    if hidden := num_masked(x):
        raise DataError(
            f"The array masks {hidden:,} of its {np.size(x):,} entries, and a fingerprint is one of all of them: fill them."
        )
    x = np.asarray(x)
    little = x.dtype.newbyteorder("<")
    state = hashlib.sha256(f"{little.str} {x.shape} ".encode())
    # in blocks, so that an array in another order is not copied whole
    x = np.atleast_1d(x)
    for rows in row_blocks(x):
        state.update(np.ascontiguousarray(x[rows], dtype=little).data)
    return state.hexdigest()


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
