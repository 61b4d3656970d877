"""Tells pictures by their pixels: neighbours resemble each other in both directions, and are no counts."""

import numpy as np

MOST_ITEMS, MOST_VALUES = 1000, 2**18
SHORTEST_SIDE = 4  # in shorter items there is no distance to compare neighbours with
DARKEST_TOP, MOST_BYTE = 127, 255  # a byte scale reaches beyond its middle
# share of the squared difference half an item away: 0.2 to 0.5 in handwritten digits, 0.1 to 0.7 in photographs, 1 elsewhere
NEIGHBOURS = 0.8
# squared differences of neighbouring counts, by the sum of the two: 0.44 or more in the median, 1 in the mean of Poisson's
COUNTS_MEDIAN, COUNTS_MEAN = 0.42, 1.4


def are_pictures(items: np.ndarray, shape: tuple[int, int] | None = None) -> bool:
    """Whether items are grey or coloured pictures, by their values and not by their storage type.

    Counts of a rate that changes smoothly resemble their neighbours as pixels do, but differ from them at least as much as
    counts must.

    Args:
        items: `(n, ...)`; pictures have values between 0 and 1, or whole numbers from 0 to 255. Of items with more than two
            axes the two longest are the directions.
        shape: of items that came flat, as `flat_image_shape` finds it.
    """
    items = spread(np.asarray(items))
    if shape is not None:
        items = items.reshape(len(items), *shape)
    if items.ndim < 3 or not are_grey(items):
        return False
    pixels = _planes(items.astype(float))
    if min(pixels.shape[1:]) < SHORTEST_SIDE:
        return False
    return all(resemble(pixels, axis) for axis in (1, 2)) and not _differ_as_counts(pixels)


def spread(items: np.ndarray) -> np.ndarray:
    """At most so many items as a look needs, evenly over all: data often come sorted."""
    if not items.size:
        return items[:0]
    most = max(1, min(len(items), MOST_ITEMS, MOST_VALUES // items[0].size))
    return items[np.linspace(0, len(items) - 1, most).round().astype(int)]


def are_grey(items: np.ndarray) -> bool:
    """Whether values can be those of pixels: shares, or whole numbers of a byte."""
    if not items.size or items.dtype.kind not in "biuf" or not np.isfinite(items).all() or items.min() < 0:
        return False
    return bool(items.max() <= 1 or (items.max() <= MOST_BYTE and (items == np.round(items)).all()))


def resemble(pixels: np.ndarray, axis: int) -> bool:
    """Whether neighbours along an axis resemble each other more than pixels half an item apart."""
    return 0 < difference(pixels, axis, 1) < NEIGHBOURS * difference(pixels, axis, pixels.shape[axis] // 2)


def difference(items: np.ndarray, axis: int, distance: int) -> float:
    """Mean squared difference of values so far apart."""
    near, far = _apart(items, axis, distance)
    return float(np.mean((far - near) ** 2))


def _apart(items: np.ndarray, axis: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
    moved = np.moveaxis(items, axis, 0)
    return moved[:-distance], moved[distance:]


def _planes(items: np.ndarray) -> np.ndarray:
    """Items along their two longest axes; what the others hold, as colours, are items of their own."""
    lengths = items.shape[1:]
    first, second = sorted(sorted(range(len(lengths)), key=lambda axis: -lengths[axis])[:2])
    return np.moveaxis(items, (first + 1, second + 1), (-2, -1)).reshape(-1, lengths[first], lengths[second])


def _differ_as_counts(pixels: np.ndarray) -> bool:
    """Whether neighbours differ as counts do: everywhere, and more where they are larger.

    Most pixels differ by less, and those at edges by much more. Counts that are more scattered than Poisson's are told
    only below the scale of a byte.
    """
    highest = pixels.max()
    if highest <= 1:
        return False
    for axis in (1, 2):
        near, far = _apart(pixels, axis, 1)
        total = near + far
        some = total > 0
        relative = (far - near)[some] ** 2 / total[some]
        if np.median(relative) < COUNTS_MEDIAN or (highest > DARKEST_TOP and relative.mean() > COUNTS_MEAN):
            return False
    return True
