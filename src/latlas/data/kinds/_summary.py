"""What kind of data an array holds, in a few numbers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from latlas.core import refuse_masked
from latlas.data._blocks import row_blocks
from latlas.data.kinds._flat_images import flat_image_shape
from latlas.data.kinds._pictures import DARKEST_TOP, MOST_BYTE, are_pictures

# a grid of more levels than these is as good as continuous
_MAX_LEVELS = 256
# a handful of entries lies on some grid by chance, unless it has very few levels
_ENTRIES_A_LEVEL, _FEW_LEVELS = 4, 5
# how far an entry may lie from its level, as a share of the step; half a unit in the last place of float16 is 2.4e-4
_OFF_GRID, _HALF_PRECISION = 1e-3, 3e-4
_MAX_DIVISIONS, _BLOCK = 20, 2**20


@dataclass(frozen=True)
class Grid:
    """Equal steps that entries lie on, and how many lie at their upper end.

    Attributes:
        step: distance of neighbouring levels: 1 for pictures of whole numbers and for most other whole numbers, 1/255 for
            bytes scaled to [0, 1]; `None` where the entries lie on no such grid.
        top: how many entries hold the maximum.
        below_top: how many entries hold the level below the maximum (0 without a grid).
    """

    step: float | None
    top: int
    below_top: int


@dataclass(frozen=True)
class Summary:
    """What kind of data an array holds.

    Attributes:
        shape: of the array.
        dtype: its storage type.
        minimum: smallest entry.
        maximum: largest entry.
        integer: whether every entry is a whole number.
        grid: of the levels that the entries lie on.
        constant: how many columns hold one value only.
        pictures: whether its items are pictures, by what their pixels hold; flat ones, pixel after pixel, as well.
    """

    shape: tuple[int, ...]
    dtype: str
    minimum: float
    maximum: float
    integer: bool
    grid: Grid
    constant: int
    pictures: bool = False

    @property
    def step(self) -> float | None:
        """Distance of neighbouring levels; `None` where there are none."""
        return self.grid.step

    @property
    def num_levels(self) -> int | None:
        """Levels of the scale; `None` where there is no grid or more than 256 of them."""
        if self.step is None:
            return None
        if self.is_grey:
            return MOST_BYTE + 1
        levels = round((self.maximum - self.minimum) / self.step) + 1
        return levels if levels <= _MAX_LEVELS else None

    @property
    def lowest(self) -> float:
        """Where the levels begin: 0 for grey levels, whichever of them occur, else the minimum."""
        return 0.0 if self.is_grey else self.minimum

    @property
    def is_grey(self) -> bool:
        """Whether the entries are grey levels from 0 to 255, whichever of them occur."""
        return (
            self.pictures and self.integer and 0 <= self.minimum and DARKEST_TOP < self.maximum <= MOST_BYTE
        )

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape))


def summarise(x: Shaped[np.ndarray, "examples ..."]) -> Summary:
    """What kind of data it is; `x` has finite entries.

    >>> summarise(np.array([[0, 3], [1, 2]])).num_levels
    4
    >>> summarise(np.array([[0.25, 1.0], [0.0, 0.5]])).step
    0.25
    >>> summarise(np.array([[10.0, 12.5], [17.5, 15.0]])).step
    2.5

    Raises:
        DataError: if a mask hides entries of it.
    """
    refuse_masked(x)
    x = np.asarray(x)
    minimum, largest = float(x.min()), x.max()
    maximum = float(largest)
    integer = x.dtype.kind in "biu" or all(
        bool(np.all(x[rows] == np.round(x[rows]))) for rows in row_blocks(x)
    )
    pictures = are_pictures(x, flat_image_shape(x))
    # grey levels are all levels, whichever of them occur
    step = 1.0 if pictures and integer else _grid(x, integer=integer)
    return Summary(
        shape=x.shape,
        dtype=str(x.dtype),
        minimum=minimum,
        maximum=maximum,
        integer=integer,
        grid=Grid(
            step,
            top=sum(int(np.sum(x[rows] == largest)) for rows in row_blocks(x)),
            below_top=_near(x, maximum - step, _OFF_GRID * step) if step else 0,
        ),
        constant=int(np.sum(x.min(axis=0) == x.max(axis=0))),
        pictures=pictures,
    )


def _near(x: np.ndarray, value: float, distance: float) -> int:
    """How many entries lie this near to a value."""
    blocks = (x[rows].astype(np.float32, copy=False) for rows in row_blocks(x))
    return sum(int(np.sum(np.abs(block - value) < distance)) for block in blocks)


def _grid(x: np.ndarray, *, integer: bool) -> float | None:
    """The step of the levels that the entries lie on; `None` where they lie on none, or a handful do by chance."""
    if x.dtype == np.float16 and not integer:
        return _fraction(x)
    levels = _distinct_bytes(x) if x.dtype == np.uint8 else _distinct(x)
    if levels is None or len(levels) < 2:
        return 1.0 if integer else None
    step = _common_step(levels)
    if step is None:
        return 1.0 if integer else None
    count = round((levels[-1] - levels[0]) / step) + 1
    enough = x.size >= _ENTRIES_A_LEVEL * count or count <= _FEW_LEVELS
    if not enough:
        return 1.0 if integer else None
    return step


def _distinct(x: np.ndarray) -> np.ndarray | None:
    """The distinct entries, rising; `None` where there are more than a grid may have."""
    found = np.empty(0)
    for rows in row_blocks(x):
        flat = x[rows].ravel()
        for start in range(0, len(flat), _BLOCK):
            found = np.union1d(found, flat[start : start + _BLOCK].astype(np.float64))
            if len(found) > _MAX_LEVELS:
                return None
    return found


def _distinct_bytes(x: np.ndarray) -> np.ndarray:
    """The distinct bytes, rising: they are counted, which is much faster than sorting them."""
    counts = np.zeros(256, np.int64)
    for rows in row_blocks(x):
        flat = x[rows].ravel()
        for start in range(0, len(flat), _BLOCK):
            counts += np.bincount(flat[start : start + _BLOCK], minlength=256)
    return np.flatnonzero(counts).astype(np.float64)


def _fraction(x: np.ndarray) -> float | None:
    """1/d for the smallest d of whose fraction all entries are multiples in [0, 1], as near as float16 keeps them."""
    if x.min() < 0 or x.max() > 1:
        return None
    sample = np.unique(x[: 1 + _BLOCK // x[0].size]).astype(np.float64)
    for denominator in range(1, _MAX_LEVELS):
        off = np.abs(sample * denominator - np.round(sample * denominator))
        if off.max() <= _HALF_PRECISION * denominator:
            enough = x.size >= _ENTRIES_A_LEVEL * denominator or denominator < _FEW_LEVELS
            return 1.0 / denominator if enough else None
    return None


def _common_step(levels: np.ndarray) -> float | None:
    """The largest step of which all distances are multiples, by Euclid's algorithm with a tolerance."""
    distances = levels[1:] - levels[0]
    span = float(distances[-1])
    step = float(np.diff(levels).min())
    for _ in range(_MAX_DIVISIONS):
        if not span / step < _MAX_LEVELS:
            return None
        step = span / round(span / step)
        rest = np.abs(distances - np.round(distances / step) * step)
        if rest.max() <= _OFF_GRID * step:
            return step
        step = float(rest[rest > _OFF_GRID * step].min())
    return None
