"""What every disentanglement score is given: codes beside the discrete factors that made their examples."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray, Shaped

MIN_ROWS = 10

Codes = Shaped[np.ndarray | Array, "examples latent"]
Factors = Shaped[np.ndarray | Array, "examples factors"]


@dataclass(frozen=True)
class LabelledCodes:
    """Codes and factors that were found usable.

    Attributes:
        codes: `(examples, latent)`, float64.
        levels: `(examples, factors)`; the values of each factor numbered 0, 1, ... in their order.
        num_levels: of each factor, at least 2.
    """

    codes: np.ndarray
    levels: np.ndarray
    num_levels: tuple[int, ...]

    @property
    def num_factors(self) -> int:
        """Number of factors."""
        return len(self.num_levels)

    def rows(self, index: np.ndarray) -> "LabelledCodes":
        """Some of the rows; the levels keep their numbers."""
        return LabelledCodes(self.codes[index], self.levels[index], self.num_levels)


def labelled_codes(codes: Codes, factors: Factors) -> LabelledCodes:
    """The pair, checked.

    Raises:
        ValueError: if the shapes do not fit, there are fewer than 10 rows, a code is not finite, a factor is
            continuous or has one value only.
    """
    codes, factors = np.asarray(codes), np.asarray(factors)
    for name, array, axis in (("codes", codes, "latent dimension"), ("factors", factors, "factor")):
        if array.ndim != 2 or array.shape[1] == 0:
            raise ValueError(
                f"The {name} have shape {array.shape}; give a matrix with one row per example and one column "
                f"per {axis}."
            )
        if array.dtype.kind not in "biuf":
            raise ValueError(f"The {name} must be numbers; their type is {array.dtype}. Number the values.")
    if len(codes) != len(factors):
        raise ValueError(
            f"Each row of codes belongs to a row of factors; got {len(codes)} and {len(factors)} rows. Give "
            "both for the same examples, in the same order."
        )
    if len(codes) < MIN_ROWS:
        raise ValueError(
            f"{len(codes)} rows are too few to judge codes by; give at least {MIN_ROWS}, better thousands."
        )
    codes = codes.astype(np.float64)
    bad = ~np.isfinite(codes).all(axis=1)
    if bad.any():
        raise ValueError(
            f"Codes must be finite; {int(bad.sum())} of {len(codes)} rows hold nan or infinity, the first is "
            f"row {int(bad.argmax())}. Find out why the encoder gave them, or leave these examples out."
        )
    columns = [_levels(factors[:, place], place) for place in range(factors.shape[1])]
    return LabelledCodes(
        codes,
        np.stack([levels for levels, _ in columns], axis=1),
        tuple(count for _, count in columns),
    )


def generator(key: PRNGKeyArray) -> np.random.Generator:
    """NumPy's generator, seeded by a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def split(key: PRNGKeyArray, data: LabelledCodes, test_share: float) -> tuple[LabelledCodes, LabelledCodes]:
    """Rows to learn from and rows to judge by, drawn without replacement.

    Raises:
        ValueError: if the share is not between 0 and 1, or a value of a factor is left out of the first part.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share is a share of the rows, between 0 and 1; got {test_share}.")
    order = generator(key).permutation(len(data.codes))
    num_test = min(max(1, round(test_share * len(order))), len(order) - 1)
    train, test = data.rows(order[num_test:]), data.rows(order[:num_test])
    for place, count in enumerate(data.num_levels):
        missing = count - len(np.unique(train.levels[:, place]))
        if missing:
            raise ValueError(
                f"{missing} of the {count} values of factor {place} do not occur in the {len(train.codes)} rows "
                "to learn from. Give more rows, or merge rare values."
            )
    return train, test


def _levels(column: np.ndarray, place: int) -> tuple[np.ndarray, int]:
    if not np.isfinite(column).all():
        raise ValueError(
            f"Factor {place} holds nan or infinity. Leave the rows out whose factors are not known."
        )
    if column.dtype.kind == "f" and (column != np.round(column)).any():
        value = float(column[column != np.round(column)][0])
        raise ValueError(
            f"Factors are discrete, and factor {place} holds {value:g}. Number its values, or cut a continuous "
            "one into bins with np.digitize."
        )
    values, levels = np.unique(column, return_inverse=True)
    if len(values) == 1:
        raise ValueError(
            f"Factor {place} has the same value {values[0]:g} in every row, so that nothing can be said of it. "
            "Leave this column out."
        )
    if 2 * len(values) > len(column):
        raise ValueError(
            f"Factor {place} has {len(values)} different values in {len(column)} rows, too many to be discrete. "
            "Cut it into bins with np.digitize, or give more rows."
        )
    return levels.reshape(-1), len(values)
