"""One Newton step of full-rank Gaussian variational inference: what mean-field and linear response leave in the means."""

import numpy as np
from jaxtyping import Float

from latlas.bayes.densities._density import Density
from latlas.stats import fixed_draws

_NUM_DRAWS = 32
_NUM_PAIRS = 2  # of draws at which a Hessian is taken
_MAX_STEP = 3.0  # sds in any coordinate: beyond, the quadratic that the step rests on is not to be believed


def newton_step(
    rng: np.random.Generator,
    density: Density,
    loc: Float[np.ndarray, " n"],
    covariance: Float[np.ndarray, "n n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]] | None:
    """Mean and covariance after one step from a normal; None where the step cannot be taken.

    The best normal N(m, S) has E[grad log p] = 0 and S^-1 = -E[Hessian of log p]; so m moves by S E[grad log p], and S
    follows, with expectations under the given normal.

    Args:
        rng: for the draws.
        density: of the posterior.
        loc: m.
        covariance: S.

    References:
        Opper, Archambeau 2009, Neural Computation 21(3), equations 7 and 8.
    """
    n = len(loc)
    try:
        factor = np.linalg.cholesky(covariance)
        _, score = density.value_and_grad(loc + fixed_draws(rng, _NUM_DRAWS, n) @ factor.T)
        step = covariance @ score.mean(0)
        if not np.max(np.abs(step) / np.sqrt(np.diagonal(covariance))) < _MAX_STEP:
            return None
        # of the noise the signs are enough for second moments, so that few Hessians are
        signs = np.where(rng.random((_NUM_PAIRS, n)) < 0.5, -1.0, 1.0)
        at = loc + step + np.concatenate([signs, -signs]) @ factor.T
        root = np.linalg.inv(np.linalg.cholesky(-density.hessian(at).mean(0)))
    except np.linalg.LinAlgError:
        return None
    return loc + step, root.T @ root
