"""What draws say about the distribution they came from: moments, and how far Markov chains have mixed."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

from latlas.bayes.families._gaussian import FullGaussian

_MIN_DRAWS = 4  # per chain, of split R-hat


def gaussian_of(draws: Float[np.ndarray, "draws n"]) -> FullGaussian:
    """The normal with the draws' mean and covariance; with no more draws than coordinates only their variances."""
    mean, centred = draws.mean(0), draws - draws.mean(0)
    if len(draws) > draws.shape[1] + 1:
        covariance = np.cov(centred.T, ddof=1).reshape(draws.shape[1], -1)
    else:
        covariance = np.diag(centred.var(0, ddof=1))
    # coordinates that never moved would make it singular
    covariance += 1e-12 * max(np.max(np.diagonal(covariance)), 1e-300) * np.eye(len(mean))
    return FullGaussian.of(jnp.asarray(mean), jnp.asarray(np.linalg.cholesky(covariance)))


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
