"""Tells images that came as flat vectors from series and tables of the same length."""

import numpy as np

MOST_ITEMS = 1000
SHORTEST_SIDE = 8
MOST_BYTE = 255
# shares of a squared difference; handwritten digits have 0.2 to 0.5, and what is no image fails at least one by far
NEIGHBOURS, ROWS, SEAM = 0.7, 0.5, (0.2, 4.0)


def flat_image_shape(items: np.ndarray) -> tuple[int, int] | None:
    """The shape `(side, side)` of items that are square grey images, row after row; None where they are not.

    Pixels resemble their neighbours in both directions, more than pixels half an image away, and from the end of
    one row to the start of the next there is a seam: a border without any change, or a jump. A series
    resembles itself less and less with distance; a periodic one, whose period happens to be the side, has no
    seam; fingerprints and measurements resemble their neighbours no more than others.

    Args:
        items: `(n, size)`; images have values between 0 and 1, or whole numbers from 0 to 255.
    """
    items = np.asarray(items)[:MOST_ITEMS]
    if items.ndim != 2 or not len(items) or items.dtype.kind not in "biuf":
        return None
    items = items.astype(float)
    side = round(items.shape[1] ** 0.5)
    if side**2 != items.shape[1] or side < SHORTEST_SIDE or not _are_grey(items):
        return None
    pixels, half = items.reshape(-1, side, side), side // 2
    across, down = _difference(pixels, 2, 1), _difference(pixels, 1, 1)
    seam = float(np.mean((pixels[:, 1:, 0] - pixels[:, :-1, -1]) ** 2))
    is_image = (
        0 < across < NEIGHBOURS * _difference(pixels, 2, half)
        and 0 < down < NEIGHBOURS * _difference(pixels, 1, half)
        and _difference(items, 1, side) < ROWS * _difference(items, 1, half)
        and not SEAM[0] * across < seam < SEAM[1] * across
    )
    return (side, side) if is_image else None


def _are_grey(items: np.ndarray) -> bool:
    if not np.isfinite(items).all() or items.min() < 0:
        return False
    levels = items.max() <= MOST_BYTE and (items == np.round(items)).all()
    return bool(items.max() <= 1 or levels)


def _difference(items: np.ndarray, axis: int, distance: int) -> float:
    """Mean squared difference of values so far apart."""
    count = items.shape[axis]
    near, far = (np.take(items, range(*ends), axis) for ends in ((count - distance,), (distance, count)))
    return float(np.mean((far - near) ** 2))
