"""Items as a report shows them: images, series or rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latlas.report.data._order import is_ordered

KINDS = ("image", "series", "table")
SMALLEST_SIDE = 4  # of an image: a (100, 3) item is a series of three channels
LONGEST_TABLE = 16  # values of an unnamed vector that are still shown one by one


@dataclass(frozen=True, eq=False)
class Items:
    """What one example is, some of them, and what the model makes of them. They may come flat; they are reshaped.

    Attributes:
        shape: of one example: `(h, w)` or `(h, w, c)` images, `(n,)` vectors, `(time, channels)` series.
        kind: "image", "series" or "table"; None tells it by the shape, by `feature_names`, and by whether neighbours
            resemble each other.
        feature_names: one name per value, for tables.
        originals: examples, better not those of the fit, `(n, *shape)`; a table is scaled by them, so give many.
        of_fit: whether the originals are of the data of the fit; None where nobody knows.
        reconstructions: of the originals, same shape.
        samples: items drawn from the model, `(n, *shape)`.
        samples_are_means: whether they lack the likelihood's noise.

    Raises:
        ValueError: if sizes disagree; the message names them.
    """

    shape: tuple[int, ...]
    kind: str | None = None
    feature_names: Sequence[str] | None = None
    originals: np.ndarray | None = None
    reconstructions: np.ndarray | None = None
    samples: np.ndarray | None = None
    samples_are_means: bool = False
    of_fit: bool | None = None

    @cached_property
    def is_ordered(self) -> bool | None:
        """Whether neighbouring values resemble each other; None where there are too few items to tell."""
        known = self.originals if self.originals is not None else self.samples
        return None if known is None else is_ordered(np.reshape(known, (len(known), -1)))

    def __post_init__(self) -> None:
        """Checks that the sizes agree."""
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"The kind of items is one of {KINDS} or None; got {self.kind!r}.")
        if self.kind == "image" and not _is_image(self.shape):
            raise ValueError(f"An image has shape (h, w) or (h, w, c) with c 1, 3 or 4; got {self.shape}.")
        for name in ("samples", "originals", "reconstructions"):
            check_items(name, getattr(self, name), self.shape, leading=1)
        if self.feature_names is not None and len(self.feature_names) != size(self.shape):
            raise ValueError(
                f"There are {len(self.feature_names)} feature names for items of {size(self.shape)} values; "
                "give one name per value, or none."
            )
        if self.originals is not None and self.reconstructions is not None:
            if len(self.originals) != len(self.reconstructions):
                raise ValueError(
                    f"There are {len(self.reconstructions)} reconstructions of {len(self.originals)} originals; "
                    "give one of each, in the same order."
                )


def kind_of(items: Items) -> str:
    """How one item is drawn: as an "image", a "series" or a "table".

    A long vector is a series where its neighbours resemble each other, as those of a spectrum do, and where nobody can tell;
    the values of genes are a table, and so is what has names, unless these are the places of a series.
    """
    if items.kind is not None:
        return items.kind
    if items.feature_names is not None and positions(items) is None:
        return "table"
    if items.feature_names is None and _is_image(items.shape) and min(items.shape[:2]) >= SMALLEST_SIDE:
        return "image"
    if size(items.shape) <= LONGEST_TABLE:
        return "table"
    has_order = items.is_ordered if len(items.shape) == 1 else True
    return "series" if has_order or (has_order is None and items.feature_names is None) else "table"


def positions(items: Items) -> np.ndarray | None:
    """Where the values of a series stand, from names that are rising or falling numbers; None where they are not."""
    try:
        places = np.array([float(name) for name in items.feature_names or ()])
    except ValueError:
        return None
    steps = np.diff(places)
    return (
        places
        if len(steps) and np.isfinite(places).all() and (np.all(steps > 0) or np.all(steps < 0))
        else None
    )


def whose(of_fit: bool | None) -> str:
    """Examples as the subject of a sentence: held out only where they are known not to be those of the fit."""
    return {True: "examples of the fit itself", False: "held-out examples", None: "examples"}[of_fit]


def part(holder: Any, name: str) -> np.ndarray:
    """An array of `Items` or of a `LatentMap` that must be there.

    Raises:
        ValueError: if it is missing.
    """
    array = getattr(holder, name)
    if array is None:
        raise ValueError(
            f"The report has no {name}, which this needs; make its {type(holder).__name__} with {name}=."
        )
    return np.asarray(array)


def shaped(arrays: np.ndarray, items: Items) -> np.ndarray:
    """Items as floats, their shape last; infinities become NaN, which is left blank."""
    arrays = np.asarray(arrays, dtype=float)
    shape = items.shape
    if arrays.shape[-len(shape) :] != shape:
        arrays = arrays.reshape(*arrays.shape[:-1], *shape)
    return np.where(np.isfinite(arrays), arrays, np.nan)


def spread(count: int, most: int) -> np.ndarray:
    """Indices of at most so many items, evenly over all: data often come sorted."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def size(shape: tuple[int, ...]) -> int:
    """Number of values in one item."""
    return int(np.prod(shape, dtype=int))


def check_items(name: str, items: np.ndarray | None, item_shape: tuple[int, ...], *, leading: int) -> None:
    """Refuses items that have another shape than one item, flat or not, behind so many axes.

    Raises:
        ValueError: naming both shapes.
    """
    if items is None:
        return
    shape = np.shape(items)
    if shape[leading:] not in (item_shape, (size(item_shape),)) or 0 in item_shape:
        raise ValueError(
            f"{name} has shape {shape}; expected {leading} leading axes and then {item_shape} or "
            f"{(size(item_shape),)}."
        )


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
