"""Numbers in the first line of a table, held against the columns beneath them: a row, or the names of the columns."""

from collections.abc import Iterator, Sequence

import numpy as np

from latlas.data.formats._cells import is_number

# rows that say where a column lies; from so many on, the extreme ones are left out
_MOST_ROWS, _TRIMMED_ROWS = 50, 20
# so few rows show no spread of their own
FEWEST_ROWS = 5
# of the mean step, since wavelengths are written in few digits
_ROUNDING = 0.03


def is_spaced(cells: Sequence[str], fewest: int = 3) -> bool:
    """Whether they are numbers with the same step from each to the next."""
    if len(cells) < fewest or not all(map(is_number, cells)):
        return False
    values = np.array([float(cell) for cell in cells])
    if not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    step = np.mean(steps)
    return bool(np.isfinite(steps).all() and step != 0 and (abs(steps - step) <= _ROUNDING * abs(step)).all())


def far_from_beneath(first: Sequence[str], below: Sequence[Sequence[str]]) -> Iterator[bool]:
    """For each number of the first line that stands over numbers: whether it lies farther from them than they spread."""
    rows = below[:_MOST_ROWS]
    for i, cell in enumerate(first):
        if is_number(cell):
            values = np.sort([float(row[i]) for row in rows if len(row) > i and is_number(row[i])])
            if len(values):
                yield _is_far(float(cell), values)


def _is_far(value: float, values: np.ndarray) -> bool:
    cut = max(1, len(values) // _TRIMMED_ROWS) if len(values) >= _TRIMMED_ROWS else 0
    low, high = values[cut], values[-1 - cut]
    spread = high - low if len(values) >= FEWEST_ROWS else max(high - low, abs(low), abs(high))
    return bool(max(low - value, value - high) > spread)
