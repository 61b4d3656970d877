"""Standard normal draws that are made once and kept: what turns a stochastic objective into a function."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri


def fixed_draws(rng: np.random.Generator, num_draws: int, dim: int) -> Float[np.ndarray, "draws n"]:
    """Antithetic draws of the standard normal whose first three moments are exact where their number allows.

    The second half mirrors the first, so every odd moment is zero. Each coordinate's absolute values are one from each of as
    many strata of equal mass, in an order of its own (Latin hypercube). With at least 2 n draws the second moments are
    the identity, so that averages of quadratic functions are exact; with fewer, each coordinate has variance one.

    Args:
        rng: for the first half.
        num_draws: even.
        dim: n.
    """
    size = num_draws // 2
    strata = rng.permuted(np.tile(np.arange(size)[:, None], (1, dim)), axis=0)
    sizes = ndtri(0.5 + 0.5 * (strata + rng.uniform(size=(size, dim))) / size)
    half = sizes * rng.choice([-1.0, 1.0], (size, dim))
    if len(half) >= dim:
        # orthonormal columns by the polar decomposition: of all that are, the ones nearest to what was drawn
        left, _, right = np.linalg.svd(half, full_matrices=False)
        half = np.sqrt(len(half)) * (left @ right)
    else:
        half = half / np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half])
