"""A first guess that does not need a mode: the mean-field normal of the largest ELBO."""

import numpy as np
from jaxtyping import Float
from scipy import optimize

from latlas.bayes.densities._density import Density
from latlas.distributions.families import Affine

_HALF = 16  # antithetic pairs of fixed draws
_BEGIN = -1.0  # log standard deviations at the beginning: small steps into the unknown
_MAX_LOG_SCALE = 50.0
_REJECTED = 1e100


def elbo_start(
    rng: np.random.Generator, density: Density, start: Float[np.ndarray, " n"], *, max_iterations: int = 300
) -> Affine:
    """Means and standard deviations that maximise a fixed-draw ELBO from `start`.

    Where the density rises without end along a thin funnel there is no mode to begin at, but the ELBO, which pays for
    thinness with entropy, has its maximum in the bulk.

    Args:
        rng: for the fixed draws.
        density: in any coordinates.
        start: where the means begin.
        max_iterations: of L-BFGS.

    Returns:
        The diagonal map from the standard normal to that guess.
    """
    n = len(start)
    noise = rng.standard_normal((_HALF, n))
    noise = np.concatenate([noise, -noise])
    noise /= np.sqrt(np.mean(noise**2, axis=0))  # then a normal target gives its exact answer

    def loss(params):
        loc, log_scale = params[:n], params[n:]
        scale = np.exp(np.clip(log_scale, -_MAX_LOG_SCALE, _MAX_LOG_SCALE))
        value, score = density.value_and_grad(loc + scale * noise)
        if not (np.isfinite(value).all() and np.isfinite(score).all()):
            return _REJECTED, np.zeros_like(params)
        gradient = np.concatenate([score.mean(0), (score * noise).mean(0) * scale + 1.0])
        return -value.mean() - log_scale.sum(), -gradient

    options = {"maxiter": max_iterations, "ftol": 1e-9}
    begin = np.concatenate([start, np.full(n, _BEGIN)])
    found = optimize.minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x
    return Affine(found[:n], np.exp(np.clip(found[n:], -_MAX_LOG_SCALE, _MAX_LOG_SCALE)))
