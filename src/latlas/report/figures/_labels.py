"""Labels of the latent map: classes, or a scale of numbers."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Projection(NamedTuple):
    """Points to draw and what their axes are.

    Attributes:
        points: `(n, 1)` for one latent dimension, else `(n, 2)`; rows with NaN are left out.
        kept: which rows of the codes they are, `(n,)`.
        axes: a name per axis.
        is_pca: whether the axes are principal components; else they are the latent dimensions themselves.
        explained: share of the variance along each axis, between 0 and 1.
    """

    points: np.ndarray
    kept: np.ndarray
    axes: tuple[str, ...]
    is_pca: bool
    explained: tuple[float, ...]


def project(codes: np.ndarray) -> Projection:
    """The codes themselves in one or two dimensions, else their two leading principal components.

    Args:
        codes: posterior means, `(n, latent_dim)`.

    Returns:
        The points, with signs fixed so that the same codes always give the same picture.
    """
    codes = np.asarray(codes, dtype=float)
    kept = np.flatnonzero(np.isfinite(codes).all(axis=1))
    points = codes[kept]
    if codes.shape[1] <= 2:
        names = tuple(f"latent {axis + 1}" for axis in range(codes.shape[1]))
        return Projection(
            points, kept, names, is_pca=False, explained=_shares(points.var(axis=0)) if len(kept) else ()
        )
    if len(kept) == 0:
        return Projection(np.zeros((0, 2)), kept, ("PC 1", "PC 2"), is_pca=True, explained=(0.0, 0.0))
    centred = points - points.mean(axis=0)
    variances, axes = np.linalg.eigh(
        centred.T @ centred
    )  # latent_dim is small; the number of examples need not be
    shares, axes = _shares(np.clip(variances[::-1], 0.0, None)), axes[:, ::-1][:, :2]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    names = tuple(f"PC {axis + 1} ({100 * shares[axis]:.0f} % of variance)" for axis in range(2))
    return Projection(centred @ axes, kept, names, is_pca=True, explained=shares[:2])


def _shares(variances: np.ndarray) -> tuple[float, ...]:
    total = variances.sum()
    return tuple(float(share) for share in (variances / total if total > 0 else np.zeros_like(variances)))


MAX_INTEGER_CLASSES = 20  # more distinct integers than this are a scale, not classes
MAX_CLASSES = 15  # named in the legend; the rest is one grey "others"


class Classes(NamedTuple):
    """Labels that are names.

    Attributes:
        names: the classes shown, most frequent kept, in natural order.
        index: per example the position in `names`; -1 where the class is not shown, -2 without a label.
        num_others: how many classes are not shown.
    """

    names: list[str]
    index: np.ndarray
    num_others: int


class Scale(NamedTuple):
    """Labels that are numbers on a scale; NaN where there is none."""

    values: np.ndarray


def read_labels(labels: np.ndarray | Sequence[Any]) -> Classes | Scale:
    """Tells classes from a scale: strings, booleans and a few integers are classes."""
    values = [None if _is_missing(label) else label for label in np.asarray(labels, dtype=object).ravel()]
    numbers = _as_numbers(values)
    if numbers is not None:
        finite = numbers[np.isfinite(numbers)]
        distinct = np.unique(finite)
        if len(distinct) > MAX_INTEGER_CLASSES or np.any(distinct != np.round(distinct)):
            return Scale(numbers)
        values = [None if value is None else int(value) for value in values]
    counts = Counter(value for value in values if value is not None)
    shown = sorted(counts, key=lambda value: (-counts[value], str(value)))
    if len(shown) > MAX_CLASSES + 1:
        shown = shown[:MAX_CLASSES]
    shown = sorted(shown, key=_natural)
    places = {value: place for place, value in enumerate(shown)}
    index = [-2 if value is None else places.get(value, -1) for value in values]
    return Classes([str(value) for value in shown], np.array(index, dtype=int), len(counts) - len(shown))


def _is_missing(label: Any) -> bool:
    if isinstance(label, str | bytes):
        return len(label) == 0
    return label is None or (isinstance(label, float | np.floating) and not math.isfinite(label))


def _as_numbers(values: list[Any]) -> np.ndarray | None:
    number = (int, float, np.integer, np.floating)
    if any(
        isinstance(value, bool | np.bool_) or not isinstance(value, number)
        for value in values
        if value is not None
    ):
        return None
    return np.array([math.nan if value is None else float(value) for value in values], dtype=float)


def _natural(value: Any) -> list[tuple[float, str]]:
    """Numbers by size, also inside of names: "day 9" before "day 10"."""
    parts = re.split(r"(\d+)", str(value))
    return [(float(part), "") if part.isdecimal() else (math.inf, part) for part in parts]
