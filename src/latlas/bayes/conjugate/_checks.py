"""What conjugate models ask of their hyperparameters and data, said in sentences."""

from typing import Any

import numpy as np

from latlas.core import DataError, RequestError


def check_positive(**values: Any) -> None:
    """Refuses hyperparameters that are not finite and above zero; `None` stands for a default and passes."""
    for name, value in values.items():
        if value is None:
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array) & (array > 0)):
            raise RequestError(f"{name} is {value!r}; give a finite number above 0.")


def check_count(**values: Any) -> None:
    """Refuses numbers of things that are not whole and at least 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise RequestError(f"{name} is {value!r}; give a whole number, at least 1.")


def finite_array(name: str, value: Any, ndim: int, *, min_rows: int = 1) -> np.ndarray:
    """The data as float64 of so many axes and at least so many rows.

    Raises:
        DataError: if they are no numbers, of another shape, too few, or not finite.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} cannot be read as numbers ({error}); give one rectangular array of numbers."
        ) from error
    if array.ndim != ndim or 0 in array.shape[1:]:
        wanted = {1: "one value per row", 2: "rows and at least one column"}[ndim]
        raise DataError(f"{name} has the shape {array.shape}; it needs {ndim} axes: {wanted}.")
    if len(array) < min_rows:
        raise DataError(f"{name} has {len(array)} rows; this model needs at least {min_rows}.")
    if bad := int(np.sum(~np.isfinite(array))):
        raise DataError(
            f"{name} has {bad} values that are NaN or infinite; leave those rows out or fill them in first."
        )
    return array
