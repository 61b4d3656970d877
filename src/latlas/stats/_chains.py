"""How far Markov chains have mixed: R-hats and effective sample sizes."""

import numpy as np
from jaxtyping import Float
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from scipy.special import ndtri

_MIN_DRAWS = 4  # per chain, of split R-hat


def worst_r_hat(chains: Float[np.ndarray, "chains draws n"]) -> float:
    """The largest split R-hat of the coordinates and of their squared distances from the mean; inf where it has none.

    The squares see chains that agree in where they are but not in how wide they are.

    References:
        Gelman, Carlin, Stern, Dunson, Vehtari, Rubin 2013, Bayesian Data Analysis, section 11.4.
    """
    if chains.shape[1] < _MIN_DRAWS:
        return float("inf")
    return _finite_max(split_gelman_rubin(_with_squares(chains)))


def smallest_effective_sample_size(chains: Float[np.ndarray, "chains draws n"]) -> float:
    """Of the coordinates and of their squared distances from the mean; 0 where it has none."""
    if chains.shape[1] < _MIN_DRAWS:
        return 0.0
    sizes = effective_sample_size(_with_squares(chains))
    return float(np.min(np.where(np.isfinite(sizes), sizes, 0.0)))


def _with_squares(chains):
    return np.concatenate([chains, (chains - chains.mean((0, 1))) ** 2], axis=-1)


def _finite_max(values):
    return float(np.max(np.where(np.isfinite(values), values, np.inf)))


def rank_normalised_r_hat(draws: Float[np.ndarray, "chains steps n"]) -> float:
    """The largest split R-hat over the coordinates, of normal scores and of their folded values.

    Infinite where it is not a number, and of fewer than four draws a chain.
    """
    if draws.shape[1] < _MIN_DRAWS:
        return float("inf")
    worst = 1.0
    for coordinate in np.moveaxis(draws, -1, 0):
        for values in (coordinate, np.abs(coordinate - np.median(coordinate))):
            scores = ndtri((_ranks(values) - 0.375) / (values.size + 0.25))
            r_hat = split_gelman_rubin(scores)
            worst = max(worst, float(r_hat)) if np.isfinite(r_hat) else np.inf
    return worst


def _ranks(values):
    ranks = np.empty(values.size)
    ranks[np.argsort(values, axis=None)] = np.arange(1, values.size + 1)
    return ranks.reshape(values.shape)
