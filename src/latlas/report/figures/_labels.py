"""Labels of the latent map: classes, or a scale of numbers."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

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
