"""NumPy's masked arrays, whose hidden values every other function of NumPy would take for data."""

from typing import Any

import numpy as np

from latlas.core._errors import DataError


def num_masked(x: Any) -> int:
    """How many entries a mask hides, of an array or of lists of them.

    >>> num_masked(np.ma.array([1.0, -999.0], mask=[False, True]))
    1
    """
    if isinstance(x, list | tuple):
        return sum(map(num_masked, x))
    return int(np.ma.getmaskarray(x).sum()) if isinstance(x, np.ma.MaskedArray) else 0


def refuse_masked(x: Any) -> None:
    """Refuses data of which a mask hides entries.

    Raises:
        DataError: if a mask hides any.
    """
    if hidden := num_masked(x):
        raise DataError(
            f"The data mask {hidden:,} entries, which would be read as numbers: fill them, or leave them out."
        )
