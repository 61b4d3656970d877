"""Standard normal draws whose first two moments are exact."""

import numpy as np
import scipy
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import ndtri


def even_normal_draws(rng: np.random.Generator, num_draws: int, dim: int) -> Float[np.ndarray, "draws n"]:
    """Scrambled Sobol points as normal draws; with more draws than dimensions their mean is 0 and covariance I exactly.

    So a quadratic function is averaged without error, and whatever is near one with little.

    Args:
        rng: scrambles.
        num_draws: a power of two.
        dim: n.

    References:
        Owen 1997, Annals of Statistics 25(4): the scrambling.
    """
    uniform = scipy.stats.qmc.Sobol(dim, rng=rng).random(num_draws)
    noise = ndtri(np.clip(uniform, 1e-12, 1.0 - 1e-12))
    if num_draws <= dim + 1:
        return noise
    noise = noise - noise.mean(axis=0)
    root = np.linalg.cholesky(noise.T @ noise / num_draws)
    return solve_triangular(root, noise.T, lower=True).T
