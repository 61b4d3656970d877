"""The names of a DataFrame's columns as text, by which they are known again."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from latlas.core import DataError


def named_as_text(estimator: Any, X: Any, *, fitting: bool) -> Any:
    """A DataFrame with its names as text, which scikit-learn compares with those of the fit; else what was given.

    The numbers 0, 1, ... that pandas gives to columns without names are no names, in that order.

    Raises:
        DataError: if columns numbered otherwise meet a fit without names.
    """
    columns = list(getattr(X, "columns", ()))
    if all(isinstance(name, str) for name in columns) or not hasattr(X, "set_axis"):
        return X
    names = [_as_text(name) for name in columns]
    fitted = None if fitting else getattr(estimator, "feature_names_in_", None)
    numbered = all(isinstance(name, Integral) for name in columns)
    if numbered and columns == list(range(len(columns))) and not set(names).intersection(_of(fitted)):
        return X
    if numbered and not fitting and fitted is None and len(columns) == estimator.n_features_in_:
        raise DataError(
            f"The columns of these data are numbered {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}, and the "
            f"model was fitted on columns without names, which count from 0 to {len(names) - 1}: give it those in their "
            "order (`X[list(range(n))]`), or `X.to_numpy()` where the order is the right one."
        )
    return X.set_axis(names, axis=1)


def ordering(X: Any) -> str:
    """How those columns of a DataFrame that were fitted are brought into the order of the fit."""
    if all(isinstance(name, str) for name in X.columns):
        return "Give it `X[list(atlas.feature_names_in_)]`."
    return "Give it `X[fitted.columns]`, where `fitted` is the DataFrame of the fit."


def latent_places(columns: Iterable[Any], names: Sequence[str]) -> list[int]:
    """Where each latent of a model stands among the columns of a DataFrame.

    The numbers 0, 1, ... that pandas gives to columns without names are no names, in that order.

    Raises:
        DataError: if the columns have other names.
    """
    columns = list(columns)
    if columns == list(range(len(names))):
        return columns
    called = [_as_text(name) for name in columns]
    if sorted(called) != sorted(names):
        raise DataError(
            f"The columns of these latents are named {_first(called)}, and those of the model {_first(names)}: rename them "
            "so that each is known, or give `Z.to_numpy()` where the order is the right one."
        )
    return [called.index(name) for name in names]


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _of(names: Any) -> list[str]:
    return [] if names is None else [str(name) for name in names]


def _as_text(name: Any) -> str:
    """Of several levels, joined by points."""
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)
