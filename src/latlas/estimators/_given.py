"""What a user may hand over as rows: an array or a DataFrame; anything else is refused in a sentence, without its values."""

import datetime
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from latlas.core import DataError, num_masked

_DATES = "give their distance from a fixed one as a number, such as days since 2000"
_IN_A_UNIT = "give them as a number in a unit, such as hours"
_DURATIONS = "give them as a number in a unit (`.dt.total_seconds()` in {})"
_PERIODS = ("periods of time", "give their distance from a fixed one as a number, such as years since 2000")
_COMPLEX = ("complex numbers", "give real and imaginary parts as two columns")
# how the name of a column's type begins -> what it holds, and what to do
_COLUMN_KINDS = {
    "category": ("categories", "give their numbers (`.cat.codes` in pandas), or leave the column out"),
    "enum": ("categories", "give their numbers (`.to_physical()` in polars), or leave the column out"),
    "str": ("text", "write its categories as numbers, or leave the column out"),
    "datetime": ("dates", _DATES),
    "date": ("dates", _DATES),
    "timedelta": ("durations", _DURATIONS.format("pandas")),
    "duration": ("durations", _DURATIONS.format("polars")),
    "period": _PERIODS,
    "complex": _COMPLEX,
}
# of objects in an array, the first that fits: pandas' NaT is a date as well
_ENTRY_KINDS = (
    (datetime.date, ("dates", _DATES)),
    (datetime.timedelta, ("durations", _IN_A_UNIT)),
    (complex, _COMPLEX),
)
_MISSING = ("NAType", "NaTType")


class _NoNumberError(DataError, TypeError):
    """An object where a number was expected: a `TypeError` too, as scikit-learn's checks of estimators ask."""


def array_or_frame(X: Any) -> Any:
    """The data as an array, or the DataFrame that they are, of numbers as far as the types say.

    Raises:
        DataError: if they are something else, hide entries behind a mask, or hold no numbers.
    """
    if isinstance(X, str | bytes | os.PathLike):
        raise DataError(
            f"Got {type(X).__name__} {str(X)[:80]!r} where rows of numbers were expected: give what `latlas.data.read` "
            "makes of a file."
        )
    if issparse(X):
        raise DataError("Sparse data are not taken: give `X.toarray()`, the same as a dense array.")
    if hidden := num_masked(X):
        raise DataError(holes_sentence("The array", hidden, np.size(X)))
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        _check_columns(X)
        return X
    named = type(X).__name__
    try:
        x = np.asarray(X)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Got a {named} that is no array of numbers ({str(error).splitlines()[0]}): make its rows equally long, and all "
            "of numbers."
        ) from error
    if x.ndim == 0:
        raise DataError(
            f"Got {'None' if X is None else f'a {named}'} where rows of numbers were expected: give an array "
            "(examples, features), a DataFrame, or what `latlas.data.read` makes of a file."
        )
    if x.dtype.names:
        raise DataError(
            f"The data are records with the fields {', '.join(x.dtype.names)}: give their numbers as columns, as "
            "`numpy.lib.recfunctions.structured_to_unstructured` makes them."
        )
    if x.ndim == 1:
        raise DataError(
            f"Got a {named} of one axis, with {len(x):,} entries, where rows of features were expected. Reshape your data: "
            "`np.reshape(x, (-1, 1))` is one feature of so many rows, `np.reshape(x, (1, -1))` one row of so many features."
        )
    return _numbers(x)


def holes_sentence(name: str, holes: int, size: int) -> str:
    """That data have holes, and what to do."""
    return (
        f"{name} marks {holes:,} of its {size:,} entries as not observed, and no model here takes holes yet: fill them, or "
        "leave those rows out."
    )


def _numbers(x: np.ndarray) -> np.ndarray:
    """An array of numbers; longer floats than NumPy's other functions take, and objects, become 64-bit ones."""
    if x.dtype.kind in "Mm":
        raise DataError(
            f"The data hold {'dates' if x.dtype.kind == 'M' else 'durations'}, where numbers were expected: "
            f"{_DATES if x.dtype.kind == 'M' else _IN_A_UNIT}."
        )
    if x.dtype.kind == "c":  # in scikit-learn's words, which its checks of estimators ask for
        raise DataError(f"Complex data not supported: {_COMPLEX[1]}.")
    if x.dtype.kind == "O":
        return _of_objects(x)
    return x.astype(np.float64) if x.dtype.kind == "f" and x.dtype.itemsize > 8 else x


def _of_objects(x: np.ndarray, names: Sequence[Any] = ()) -> np.ndarray:
    """Objects as 64-bit numbers.

    Raises:
        DataError: naming what the first that is no number is, and its column if it has a name.
    """
    try:
        return x.astype(np.float64)
    except (TypeError, ValueError) as error:
        place = next(place for place in np.ndindex(x.shape) if not _is_number(x[place]))
        entry, whose = x[place], f"The column {str(names[place[1]])!r} holds" if names else "The data hold"
        if type(entry).__name__ in _MISSING:
            holes = sum(type(one).__name__ in _MISSING for one in x.flat)
            raise DataError(holes_sentence("The array", holes, x.size)) from error
        for kind, (what, cure) in _ENTRY_KINDS:
            if isinstance(entry, kind):
                raise DataError(f"{whose} {what}, where numbers were expected: {cure}.") from error
        if isinstance(entry, str | bytes):
            raise DataError(
                f"{whose} text where numbers were expected ({str(entry)[:40]!r}): write categories as numbers, or "
                "leave them out."
            ) from error
        raise _NoNumberError(
            f"{whose} a {type(entry).__name__} where a number was expected ({str(error).splitlines()[0]}): give numbers "
            "alone."
        ) from error


def _is_number(entry: Any) -> bool:
    try:
        float(entry)
    except (TypeError, ValueError):
        return False
    return True


def _check_columns(X: Any) -> None:
    """Refuses columns of a DataFrame that hold no numbers, each with a way to make them numbers.

    Raises:
        DataError: naming the first of them.
    """
    names, kinds = list(X.columns), [str(dtype).lower() for dtype in X.dtypes]
    for name, kind in zip(names, kinds, strict=True):
        known = next((cure for part, cure in _COLUMN_KINDS.items() if kind.startswith(part)), None)
        if known is not None:
            raise DataError(
                f"The column {str(name)!r} holds {known[0]}, where numbers were expected: {known[1]}."
            )
    if kinds and all(kind.startswith("sparse") for kind in kinds):
        raise DataError(
            "Sparse data are not taken: give `X.sparse.to_dense()`, the same as a dense DataFrame."
        )
    if "object" in kinds:
        _of_objects(np.asarray(X, dtype=object), names)
