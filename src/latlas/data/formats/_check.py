"""What every reader refuses, in sentences that name the file, the fault and the cure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from latlas.core import DataError
from latlas.data._blocks import row_blocks

_KINDS = {
    "O": "Python objects, which are never loaded from a file",
    "U": "strings",
    "S": "strings",
    "T": "strings",
    "V": "records",
    "M": "dates",
    "m": "durations",
    "c": "complex numbers",
}


def checked_values(
    path: Path, x: Shaped[np.ndarray, "..."], *, missing: bool, columns: Sequence[str] | None = None
) -> tuple[Shaped[np.ndarray, "..."], Bool[np.ndarray, "..."] | None]:
    """The array in native byte order, and where it was observed if holes are allowed.

    Raises:
        DataError: if the array is not a batch of finite numbers.
    """
    check_kind(path, x.dtype)
    if x.ndim < 2:
        shape = "one number" if x.ndim == 0 else f"one row of {len(x)} numbers"
        raise DataError(
            f"{path} holds {shape}, where an array of shape (examples, features) was expected: "
            "give it one row per example, for example with x.reshape(-1, 1)."
        )
    if x.size == 0:
        raise DataError(
            f"{path} holds no data (its shape is {x.shape}): give it at least one row and one column."
        )
    x = x.astype(np.float64) if x.dtype.itemsize > 8 else x.astype(x.dtype.newbyteorder("="), copy=False)
    if x.dtype.kind != "f":
        return x, None
    holes, first = _scan(x, columns)
    if holes["infinite"]:
        raise DataError(
            f"{path} holds {_times(holes['infinite'], 'infinity', 'infinities')}, the first {first['infinite']}: "
            "replace or remove those entries."
        )
    if holes["missing"] and not missing:
        raise DataError(
            f"{path} holds {_times(holes['missing'], 'NaN', 'NaNs')}, the first {first['missing']}: fill the holes "
            "or leave those rows out, since no model here takes holes yet."
        )
    return x, ~np.isnan(x) if holes["missing"] else None


def check_kind(path: Path, dtype: np.dtype) -> None:
    """Refuses a type that is not made of real numbers or booleans.

    Raises:
        DataError: if it is not.
    """
    if dtype.kind not in "biuf" or dtype.hasobject:
        what = _KINDS.get("O" if dtype.hasobject else dtype.kind, f"values of type {dtype}")
        raise DataError(f"{path} holds {what}, where numbers were expected: convert it to a numeric array.")


def checked_label(path: Path, label: Shaped[np.ndarray, "..."] | None, rows: int) -> np.ndarray | None:
    """The labels as one row each.

    Raises:
        DataError: if there are more or fewer labels than rows, or labels of an unusable type.
    """
    if label is None:
        return None
    if label.dtype.kind not in "biufUS":
        raise DataError(f"{path} holds labels of type {label.dtype}: give numbers or strings.")
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    if label.shape != (rows,):
        raise DataError(
            f"{path} holds labels of shape {label.shape} for {rows} rows: give one label per row."
        )
    return label


def _scan(x: np.ndarray, columns: Sequence[str] | None) -> tuple[dict[str, int], dict[str, str]]:
    """How many entries are missing or infinite, and where the first one of each stands."""
    counts, first = {"missing": 0, "infinite": 0}, {}
    for rows in row_blocks(x):
        block = x[rows]
        if np.isfinite(block).all():
            continue
        for what, mask in (("missing", np.isnan(block)), ("infinite", np.isinf(block))):
            found = np.argwhere(mask)
            counts[what] += len(found)
            if len(found):
                row, *place = (int(i) for i in found[0])
                where = repr(columns[place[0]]) if columns else place[0] if len(place) == 1 else tuple(place)
                first.setdefault(what, f"in row {row + rows.start}, column {where} (counted from 0)")
    return counts, first


def _times(count: int, one: str, many: str) -> str:
    return f"one {one}" if count == 1 else f"{count:,} {many}"
