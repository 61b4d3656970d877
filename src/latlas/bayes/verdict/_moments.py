"""Mean and standard deviation of each parameter, and how far two of them are apart."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of each parameter, entries of all parameters in one vector, with the draws behind them.

    Attributes:
        mean: of each entry.
        sd: of each entry.
        num_effective: independent draws that they are worth.
        values: the draws, for what means and deviations do not tell; None where only these are known.
        weights: of the draws, normalised; None where all count alike.
    """

    mean: Float[np.ndarray, " m"]
    sd: Float[np.ndarray, " m"]
    num_effective: float
    values: Float[np.ndarray, "draws m"] | None = field(default=None, repr=False, compare=False)
    weights: Float[np.ndarray, " draws"] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls, values: Float[np.ndarray, "draws m"], weights: Float[np.ndarray, " draws"] | None = None
    ) -> "Moments":
        """Of draws with normalised weights, or with equal ones."""
        shares = np.full(len(values), 1.0 / len(values)) if weights is None else weights
        mean = shares @ values
        sd = np.sqrt(shares @ (values - mean) ** 2)
        return cls(mean, sd, float(1.0 / np.sum(shares**2)), values, weights)


def deviations(
    moments: Moments, reference: Moments
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """How far apart: |difference| of the means in reference sds, and |log ratio| of the sds; 0 for a constant."""
    rounding = 1e-12 * np.abs(reference.mean) + 1e-300
    scale = np.maximum(reference.sd, rounding)
    error = np.abs(moments.mean - reference.mean) / scale
    return error, np.abs(np.log(np.maximum(moments.sd, rounding) / scale))


def quantiles_of(
    values: Float[np.ndarray, "draws m"], weights: Float[np.ndarray, " draws"] | None
) -> Float[np.ndarray, "3 m"]:
    """The 5, 50 and 95 % quantiles of each column."""
    if weights is None:
        return np.quantile(values, QUANTILES, axis=0)
    return np.stack(
        [np.quantile(c, QUANTILES, weights=weights, method="inverted_cdf") for c in values.T], axis=1
    )


def misplaced(moments: Moments, reference: Moments) -> Float[np.ndarray, "3 m"] | None:
    """By how much probability the 5, 50 and 95 % quantiles of one miss their place in the other; None without draws."""
    if moments.values is None or reference.values is None:
        return None
    found, values = quantiles_of(moments.values, moments.weights), reference.values
    weights = np.full(len(values), 1.0 / len(values)) if reference.weights is None else reference.weights
    rounding = 1e-9 * np.abs(found) + 1e-300
    below = np.stack([weights @ (values < row) for row in found - rounding])
    upto = np.stack([weights @ (values <= row) for row in found + rounding])
    wanted = np.array(QUANTILES)[:, None]
    # a value that many draws share holds a range of probabilities
    return np.maximum(np.maximum(below - wanted, wanted - upto), 0.0)
