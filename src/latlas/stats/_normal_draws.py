"""Standard normal draws made once and kept, their first moments exact: a stochastic objective becomes a function."""

import numpy as np
import scipy
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import ndtri


def fixed_draws(generator: np.random.Generator, num_draws: int, dim: int) -> Float[np.ndarray, "draws n"]:
    """Antithetic draws of the standard normal whose first three moments are exact where their number allows.

    The second half mirrors the first, so every odd moment is zero. Each coordinate's absolute values are one from each of as
    many strata of equal mass, in an order of its own (Latin hypercube). With at least 2 n draws the second moments are
    the identity, so that averages of quadratic functions are exact; with fewer, each coordinate has variance one.

    Args:
        generator: for the first half.
        num_draws: even.
        dim: n.
    """
    size = num_draws // 2
    strata = generator.permuted(np.tile(np.arange(size)[:, None], (1, dim)), axis=0)
    sizes = ndtri(0.5 + 0.5 * (strata + generator.uniform(size=(size, dim))) / size)
    half = sizes * generator.choice([-1.0, 1.0], (size, dim))
    if len(half) >= dim:
        # orthonormal columns by the polar decomposition: of all that are, the ones nearest to what was drawn
        left, _, right = np.linalg.svd(half, full_matrices=False)
        half = np.sqrt(len(half)) * (left @ right)
    else:
        half = half / np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half])


def even_normal_draws(
    generator: np.random.Generator, num_draws: int, dim: int
) -> Float[np.ndarray, "draws n"]:
    """Scrambled Sobol points as normal draws; of at least two more than dimensions mean is 0 and covariance I exactly.

    So a quadratic function is averaged without error, and whatever is near one with little.

    Args:
        generator: scrambles.
        num_draws: a power of two.
        dim: n.

    References:
        Owen 1997, Annals of Statistics 25(4): the scrambling.
    """
    uniform = scipy.stats.qmc.Sobol(dim, rng=generator).random(num_draws)
    noise = ndtri(np.clip(uniform, 1e-12, 1.0 - 1e-12))
    if num_draws <= dim + 1:
        return noise
    noise = noise - noise.mean(axis=0)
    root = np.linalg.cholesky(noise.T @ noise / num_draws)
    return solve_triangular(root, noise.T, lower=True).T
