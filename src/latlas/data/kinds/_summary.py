"""What kind of data an array holds, in a few numbers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

# a grid of more levels than these is as good as continuous
_MAX_LEVELS = 256
# denominators of grey levels that were scaled to [0, 1]
_DENOMINATORS = (1, 3, 4, 7, 8, 10, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255)


@dataclass(frozen=True)
class Grid:
    """Equal steps that entries lie on, and how many lie at their upper end.

    Attributes:
        step: distance of neighbouring levels: 1 for whole numbers, 1/255 for bytes scaled to [0, 1]; `None` where the
            entries lie on no such grid.
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
    """

    shape: tuple[int, ...]
    dtype: str
    minimum: float
    maximum: float
    integer: bool
    grid: Grid
    constant: int

    @property
    def step(self) -> float | None:
        """Distance of neighbouring levels; `None` where there are none."""
        return self.grid.step

    @property
    def num_levels(self) -> int | None:
        """Levels from the minimum to the maximum, `None` where there is no grid or more than 256 of them."""
        if self.step is None:
            return None
        levels = round((self.maximum - self.minimum) / self.step) + 1
        return levels if levels <= _MAX_LEVELS else None

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape))


def summarise(x: Shaped[np.ndarray, "examples ..."]) -> Summary:
    """What kind of data it is; `x` has finite entries.

    >>> summarise(np.array([[0, 255], [255, 0]], np.uint8)).num_levels
    256
    >>> summarise(np.array([[0.25, 1.0], [0.0, 0.5]])).step
    0.25
    """
    x = np.asarray(x)
    minimum, maximum = float(x.min()), float(x.max())
    integer = x.dtype.kind in "biu" or bool(np.all(x == np.round(x)))
    step = 1.0 if integer else _grid(x, minimum, maximum)
    below = maximum - (step or 0.0)
    near = 1e-3 * (step or 1.0)
    return Summary(
        shape=x.shape,
        dtype=str(x.dtype),
        minimum=minimum,
        maximum=maximum,
        integer=integer,
        grid=Grid(
            step,
            top=int(np.sum(x == x.max())),
            below_top=int(np.sum(np.abs(x.astype(np.float32, copy=False) - below) < near)) if step else 0,
        ),
        constant=int(np.sum(x.min(axis=0) == x.max(axis=0))),
    )


def _grid(x: np.ndarray, minimum: float, maximum: float) -> float | None:
    """1/d for the smallest d such that all entries are multiples of it in [0, 1]; `None` if there is none."""
    if minimum < 0 or maximum > 1:
        return None
    tolerance = 3e-4 if x.dtype == np.float16 else 1e-5  # half a unit in the last place of float16 is 2.4e-4
    sample = x.ravel()[: 2**16].astype(np.float64)
    for denominator in _DENOMINATORS:
        if _on_grid(sample, denominator, tolerance) and _on_grid(x, denominator, tolerance):
            # a handful of entries lies on some grid by chance
            return 1.0 / denominator if x.size >= 4 * denominator or denominator <= 4 else None
    return None


def _on_grid(x: np.ndarray, denominator: int, tolerance: float) -> bool:
    scaled = x * denominator
    return bool(np.all(np.abs(scaled - np.round(scaled)) <= tolerance * denominator))
