"""What a user may hand to an `Atlas`, as a table of rows with the shape that one item had."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from latlas.core import DataError
from latlas.data import Table
from latlas.estimators._column_names import latent_places, named_as_text, ordering
from latlas.estimators._given import array_or_frame, holes_sentence

_log = logging.getLogger("latlas")


def checked_rows(
    estimator: BaseEstimator, X: Any, item_shape: tuple[int, ...] | None
) -> tuple[Shaped[np.ndarray, "examples ..."], tuple[int, ...]]:
    """Data as an array of items, checked the way scikit-learn does.

    Args:
        estimator: learns the number and the names of features when `item_shape` is `None`, and is held to them otherwise.
        X: `(examples, features)`, or `(examples, *item_shape)`: images; of a `data.Table` the columns are brought into the
            order of the fit by their names.
        item_shape: that of the data of the fit.

    Returns:
        The items, and the shape of one.

    Raises:
        DataError: if the data cannot be used.
    """
    table, fitting = (X if isinstance(X, Table) else None), item_shape is None
    if table is not None:
        X = _of_table(estimator, table, fitting=fitting)
    given = X = array_or_frame(X)
    X = X if table is not None else named_as_text(estimator, X, fitting=fitting)
    shape = tuple(X.shape)
    if item_shape is not None and len(shape) > 2 and shape[1:] != item_shape and len(item_shape) > 1:
        raise DataError(
            f"These items have the shape {shape[1:]}, and the model was fitted on items of shape {item_shape}: "
            "give it data of the same shape."
        )
    flat = np.reshape(np.asarray(X), (len(X), math.prod(shape[1:]))) if len(shape) > 2 else X
    fewest = 2 if fitting else 1
    try:
        if table is not None:  # its names are ours to check
            rows = _as_rows(estimator, flat, fewest, table.columns if fitting else None, fitting=fitting)
        else:
            # pyright takes the defaults of scikit-learn's arguments, which are strings, for their types
            rows: np.ndarray = validate_data(  # pyright: ignore[reportAssignmentType]
                estimator,
                flat,  # pyright: ignore[reportArgumentType]
                reset=fitting,
                ensure_min_samples=fewest,
            )
    except ValueError as error:
        found = str(error)
        all_there = found.startswith("The feature names") and "now missing" not in found
        raise DataError(_said(error) + (ordering(given) if all_there else "")) from error
    if item_shape is None:
        item_shape = shape[1:] if len(shape) > 2 else rows.shape[1:]
    return rows.reshape(len(rows), *item_shape), item_shape


def _as_rows(estimator: Any, x: np.ndarray, fewest: int, columns: Any, *, fitting: bool) -> np.ndarray:
    """Finite rows, of as many features as were fitted; a fit learns their number and their names."""
    rows = check_array(x, ensure_min_samples=fewest)
    if fitting:
        estimator.n_features_in_ = rows.shape[1]
        estimator.__dict__.pop("feature_names_in_", None)
        if columns is not None:
            estimator.feature_names_in_ = np.array(columns, dtype=object)
    elif rows.shape[1] != estimator.n_features_in_:
        raise DataError(
            f"These data have {rows.shape[1]} features, and the model was fitted on {estimator.n_features_in_}: give it the "
            "same features."
        )
    return rows


def _of_table(estimator: BaseEstimator, table: Table, *, fitting: bool) -> np.ndarray:
    """The array of a table, its columns in the order of the fit.

    Raises:
        DataError: if it has holes, or columns of other names than those of the fit.
    """
    if table.holes:
        raise DataError(holes_sentence(table.name, table.holes, table.x.size))
    names = None if fitting else getattr(estimator, "feature_names_in_", None)
    if not fitting and (names is None) != (table.columns is None) and len(table.shape) == 2:
        whose = "the data" if names is not None else "the fit"
        _log.warning(
            "%s: there are no names of columns in %s, so they are taken in their order.", table.name, whose
        )
    return table.x if names is None else table.ordered([str(name) for name in names]).x


def _said(error: ValueError) -> str:
    """What scikit-learn found, with what to do instead of the estimators that it recommends."""
    found = str(error)
    if "NaN" in found:
        return (
            found.split("\n")[0] + " Fill the holes, or leave those rows out: no model here takes holes yet."
        )
    if found.startswith("could not convert") or "arrays of bytes/strings" in found:
        return f"The data hold text where numbers were expected ({found}): write categories as numbers, or leave them out."
    return found


def checked_latents(Z: Any, names: Sequence[str]) -> Shaped[np.ndarray, "examples latent"]:
    """Latents as finite float32 rows, those of a DataFrame in the model's order by their names.

    Args:
        Z: rows of latents.
        names: of the model's latents.

    Raises:
        DataError: if they are not, have another number of dimensions than the model, or other names.
    """
    given = array_or_frame(Z)
    try:
        z = check_array(given, dtype=np.float32)  # pyright: ignore[reportArgumentType]  # scikit-learn's default is a string
    except ValueError as error:
        raise DataError(_said(error)) from error
    if z.shape[1] != len(names):
        raise DataError(
            f"These latents have {z.shape[1]} dimensions, and the model has {len(names)}: "
            "give it what its own transform returned."
        )
    return z[:, latent_places(given.columns, names)] if hasattr(given, "columns") else z
