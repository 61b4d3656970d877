"""Tells images that came as flat vectors from series and tables of the same length."""

import numpy as np

from latlas.data.kinds._pictures import are_grey, difference, resemble, spread

SHORTEST_SIDE, LONGEST_BY_SHORTEST = 8, 4
# the difference from row to row: of the largest within a row, and of those one pixel more or less apart
ROWS, SHOULDER = 0.65, 0.9
# the difference from the end of a row to the start of the next, of that of neighbours: no change, or a jump
BORDER, JUMP, LARGEST = 0.2, 1.6, 0.65
# differences down, of those across: 0.2 to 1.3 in images; the periods of a series are much more alike than its values
LEAST_DOWN, MOST_DOWN = 0.16, 6.0


def flat_image_shape(items: np.ndarray) -> tuple[int, int] | None:
    """The shape `(height, width)` of items that are grey images, row after row; None where they are not.

    Pixels resemble their neighbours in both directions alike, more than pixels half an image away, and from the end of
    one row to the start of the next there is a seam: a border without any change, or a jump. A series resembles itself
    less and less with distance; a periodic one, whose period happens to be a width, has no seam, or periods that are
    all alike; fingerprints and measurements resemble their neighbours no more than others. Each rectangle with sides of
    8 or more, one at most four times the other, is tried, and the one whose rows are the most alike taken.

    Args:
        items: `(n, size)`; images have values between 0 and 1, or whole numbers from 0 to 255.
    """
    items = np.asarray(items)
    if items.ndim != 2:
        return None
    size = items.shape[1]
    widths = [
        width for width in range(SHORTEST_SIDE, size // SHORTEST_SIDE + 1) if _is_rectangle(size, width)
    ]
    if not widths:
        return None
    items = spread(items)
    if not are_grey(items):
        return None
    items = items.astype(float)
    apart = _differences(items, widths[-1] + 1)
    # the clearest is the one whose rows are the most alike
    alike = sorted((apart[width] / (apart[1:width].max() or 1.0), width) for width in widths)
    for share, width in alike:
        if share >= ROWS:
            return None
        beside = min(apart[width - 1], apart[width + 1])
        if apart[width] < SHOULDER * beside and _are_rows(items.reshape(-1, size // width, width)):
            return size // width, width
    return None


def _is_rectangle(size: int, width: int) -> bool:
    long, short = max(width, size // width), min(width, size // width)
    return size % width == 0 and long <= LONGEST_BY_SHORTEST * short


def _are_rows(pixels: np.ndarray) -> bool:
    """Whether neighbours resemble each other along and across the rows, and a seam divides these."""
    if not (resemble(pixels, 1) and resemble(pixels, 2)):
        return False
    height, width = pixels.shape[1:]
    for down, across in ((1, 1), (height // 2, width // 2)):
        share = difference(pixels, 1, down) / difference(pixels, 2, across)
        if not LEAST_DOWN < share < MOST_DOWN:
            return False
    # what all rows share is taken off: a series that is steep or flat at the end of every period has no seam
    pixels = pixels - pixels.mean(axis=(0, 1))
    columns = np.mean((pixels[:, :, 1:] - pixels[:, :, :-1]) ** 2, axis=(0, 1))
    seam = float(np.mean((pixels[:, 1:, 0] - pixels[:, :-1, -1]) ** 2))
    jump = seam > max(JUMP * columns.mean(), LARGEST * columns.max())
    return bool(seam < BORDER * columns.mean() or jump)


def _differences(items: np.ndarray, most: int) -> np.ndarray:
    """Mean squared differences of values 0, 1, ... `most` apart, all at once by Fourier transforms."""
    size = items.shape[1]
    items = items - items.mean()
    length = 1 << (size + most).bit_length()  # zeros behind the values keep their ends apart
    power = (np.abs(np.fft.rfft(items, length)) ** 2).sum(axis=0)
    products = np.fft.irfft(power, length)[: most + 1]
    squares = np.concatenate([[0.0], np.cumsum((items**2).sum(axis=0))])
    distances = np.arange(most + 1)
    ends = squares[size - distances] + squares[-1] - squares[distances]
    return np.maximum(ends - 2 * products, 0.0) / (len(items) * (size - distances))
