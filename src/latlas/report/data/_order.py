"""Tells values in an order, such as those of a spectrum, from values in none, such as those of genes."""

import numpy as np

MOST_ITEMS, MOST_VALUES = 500, 1000
FEWEST_ITEMS = 8
NUM_SHUFFLES = 199
# of the squared differences between any two values: neighbours of values in no order have 1
ALIKE = 0.7


def is_ordered(items: np.ndarray) -> bool | None:
    """Whether neighbouring values resemble each other more than values that stand anywhere; None where too few are known.

    Each value is taken in its own units, so that columns which only have similar means, as sorted ones do, are not alike.
    Held against the same values in 199 random orders: what has no order is taken for ordered once in 200 times.

    Args:
        items: `(n, values)`.
    """
    items = np.asarray(items, dtype=float)[:MOST_ITEMS]
    first = max(0, (items.shape[1] - MOST_VALUES) // 2)
    items = items[:, first : first + MOST_VALUES]
    items = items[np.isfinite(items).all(axis=1)]
    items = items[:, items.std(axis=0) > 0] if len(items) else items
    if len(items) < FEWEST_ITEMS or items.shape[1] < FEWEST_ITEMS:
        return None
    units = (items - items.mean(axis=0)) / items.std(axis=0)
    unlike = 1.0 - units.T @ units / len(units)  # half the mean squared difference of two values
    count = len(unlike)
    anywhere = unlike.sum() / (count * (count - 1))
    if anywhere < 1e-9:  # all values say the same
        return True
    rng = np.random.default_rng(0)
    shuffled = [_of_neighbours(unlike, rng.permutation(count)) for _ in range(NUM_SHUFFLES)]
    found = _of_neighbours(unlike, np.arange(count))
    return bool(found < ALIKE * anywhere and found < min(shuffled))


def _of_neighbours(unlike: np.ndarray, order: np.ndarray) -> float:
    return float(unlike[order[:-1], order[1:]].mean())
