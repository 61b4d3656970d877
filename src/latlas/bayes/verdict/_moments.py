"""Mean and standard deviation of each parameter, and how far two of them are apart."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of each parameter, entries of all parameters in one vector, with the draws behind them."""

    mean: Float[np.ndarray, " m"]
    sd: Float[np.ndarray, " m"]
    num_effective: float

    @classmethod
    def of(
        cls, values: Float[np.ndarray, "draws m"], weights: Float[np.ndarray, " draws"] | None = None
    ) -> "Moments":
        """Of draws with normalised weights, or with equal ones."""
        weights = np.full(len(values), 1.0 / len(values)) if weights is None else weights
        mean = weights @ values
        sd = np.sqrt(weights @ (values - mean) ** 2)
        return cls(mean, sd, float(1.0 / np.sum(weights**2)))


def deviations(
    moments: Moments, reference: Moments
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """How far apart: |difference| of the means in reference sds, and |log ratio| of the sds; 0 for a constant."""
    rounding = 1e-12 * np.abs(reference.mean) + 1e-300
    scale = np.maximum(reference.sd, rounding)
    error = np.abs(moments.mean - reference.mean) / scale
    return error, np.abs(np.log(np.maximum(moments.sd, rounding) / scale))
