"""What a user may hand to an `Atlas`, as a table of rows with the shape that one item had."""

from typing import Any

import numpy as np
from jaxtyping import Shaped
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from latlas.core import DataError


def checked_rows(
    estimator: BaseEstimator, X: Any, item_shape: tuple[int, ...] | None
) -> tuple[Shaped[np.ndarray, "examples ..."], tuple[int, ...]]:
    """Data as an array of items, checked the way scikit-learn does.

    Args:
        estimator: learns the number and the names of features when `item_shape` is `None`, and is held to them otherwise.
        X: `(examples, features)`, or `(examples, *item_shape)`: images.
        item_shape: that of the data of the fit.

    Returns:
        The items, and the shape of one.

    Raises:
        DataError: if the data cannot be used.
    """
    shape = tuple(getattr(X, "shape", ()))
    flat = np.reshape(np.asarray(X), (len(X), -1)) if len(shape) > 2 and len(X) and 0 not in shape else X
    if item_shape is not None and len(shape) > 2 and shape[1:] != item_shape and len(item_shape) > 1:
        raise DataError(
            f"These items have the shape {shape[1:]}, and the model was fitted on items of shape {item_shape}: "
            "give it data of the same shape."
        )
    fitting = item_shape is None
    try:
        # pyright takes the defaults of scikit-learn's arguments, which are strings, for their types
        rows: np.ndarray = validate_data(  # pyright: ignore[reportAssignmentType]
            estimator,
            flat,  # pyright: ignore[reportArgumentType]
            reset=fitting,
            ensure_min_samples=2 if fitting else 1,
        )
    except ValueError as error:
        raise DataError(str(error)) from error
    if item_shape is None:
        item_shape = shape[1:] if len(shape) > 2 else rows.shape[1:]
    return rows.reshape(len(rows), *item_shape), item_shape


def checked_latents(Z: Any, latent_dim: int) -> Shaped[np.ndarray, "examples latent"]:
    """Latents as finite float32 rows.

    Raises:
        DataError: if they are not, or have another number of dimensions than the model.
    """
    try:
        z = check_array(Z, dtype=np.float32)  # pyright: ignore[reportArgumentType]  # scikit-learn's default is a string
    except ValueError as error:
        raise DataError(str(error)) from error
    if z.shape[1] != latent_dim:
        raise DataError(
            f"These latents have {z.shape[1]} dimensions, and the model has {latent_dim}: "
            "give it what its own transform returned."
        )
    return z
