r"""How far the codes of all examples lie from the prior: KL(aggregate posterior || prior), from below.

For any density r, $KL(q || p) \ge E_q[\log r(z) - \log p(z)]$, with equality where r is the aggregate posterior
$q(z) = E_x[q(z | x)]$ itself. Several r that never saw the code they are tried on are fitted to the codes, and the
largest value counts: an estimate that errs towards "no mismatch", where the plug-in `rate - information` errs towards one
as soon as the rate comes near the logarithm of the number of examples.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from latlas.core import Estimate
from latlas.evaluation.evidence._elbo import mean_estimate

# kernels of the density estimate, in units of Scott's rule
_BANDWIDTHS = (0.5, 1.0)
# fewer codes per dimension say nothing about a covariance
_FEWEST_PER_DIMENSION = 10


def aggregate_kl(
    codes: Float[np.ndarray, "examples latent"],
    log_prior: Float[np.ndarray, " examples"],
    log_q: Float[np.ndarray, "examples draws"],
) -> Estimate | None:
    """A lower estimate of KL(q(z) || p(z)) in nats and its standard error; `None` for too few or infinite values.

    Args:
        codes: one draw of each example's posterior.
        log_prior: log p of each.
        log_q: entry (j, i) is log q(code i | example j).
    """
    n, latent = codes.shape
    if n < _FEWEST_PER_DIMENSION * max(latent, 2) or not (
        np.isfinite(codes).all() and np.isfinite(log_prior).all()
    ):
        return None
    densities = [_normal(codes), _leave_one_out(log_q), *(_kernels(codes, b) for b in _BANDWIDTHS)]
    estimates = [mean_estimate(log_r - log_prior) for log_r in densities if np.isfinite(log_r).all()]
    return max(estimates, key=lambda estimate: estimate.value, default=None)


def _normal(codes: np.ndarray) -> Float[np.ndarray, " examples"]:
    """Log density of each code under the normal with the moments of the other half of the codes."""
    halves = np.arange(len(codes)) % 2 == 0
    found = np.full(len(codes), np.nan)
    for half in (halves, ~halves):
        loc, covariance = codes[half].mean(axis=0), np.atleast_2d(np.cov(codes[half], rowvar=False))
        sign, log_det = np.linalg.slogdet(covariance)
        if sign <= 0:
            return found
        centred = codes[~half] - loc
        square = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
        found[~half] = -0.5 * (square + log_det + len(loc) * np.log(2 * np.pi))
    return found


def _leave_one_out(log_q: np.ndarray) -> Float[np.ndarray, " examples"]:
    """Log density of each code under the mixture of all other examples' posteriors."""
    others = np.where(np.eye(len(log_q), dtype=bool), -np.inf, log_q)
    return logsumexp(others, axis=0) - np.log(len(log_q) - 1)


def _kernels(codes: np.ndarray, bandwidth: float) -> Float[np.ndarray, " examples"]:
    """Log density of each code under normal kernels on all others, along the axes of their covariance."""
    n, latent = codes.shape
    try:
        whiten = np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(codes, rowvar=False))))
    except np.linalg.LinAlgError:
        return np.full(n, np.nan)
    white = codes @ whiten.T
    width = bandwidth * n ** (-1.0 / (latent + 4))
    norms = np.sum(white**2, axis=1)
    square = norms[:, None] + norms - 2.0 * white @ white.T
    constant = np.sum(np.log(np.diagonal(whiten))) - latent * np.log(width * np.sqrt(2 * np.pi))
    return _leave_one_out(-0.5 * square / width**2) + constant
