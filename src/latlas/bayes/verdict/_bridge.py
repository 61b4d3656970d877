"""The evidence between two sets of draws: those of an approximation, and those of chains that settled at the posterior."""

import numpy as np
from jaxtyping import Float
from numpyro.diagnostics import effective_sample_size
from scipy.special import logsumexp

from latlas.bayes.densities._density import Density
from latlas.bayes.verdict._importance import ImportanceDraws, log_density_of
from latlas.core import Estimate
from latlas.distributions.families import AbstractApproximation

_MAX_DRAWS = 4096  # of the chains
_MAX_TURNS = 100
_SETTLED = 1e-8  # nats


def bridge_between(
    density: Density,
    approximation: AbstractApproximation,
    importance: ImportanceDraws,
    draws: Float[np.ndarray, "chains steps n"],
) -> Estimate | None:
    r"""log Z by bridge sampling: $Z = E_q[\tilde p \alpha] / E_p[q \alpha]$ with $\alpha = 1 / (s \tilde p + (1 - s) Z q)$.

    Both means are of bounded numbers, so that no tail of weights decides: what q misses is seen by the share of the chains'
    draws that lie where q has nothing.

    Args:
        density: of the posterior.
        approximation: q.
        importance: draws of q with their weights.
        draws: of the posterior, in the density's coordinates.

    Returns:
        In nats, with its standard error; None where it cannot be told.

    References:
        Meng, Wong 1996, Statistica Sinica 6; Fruehwirth-Schnatter 2004, Econometrics Journal 7(1): the error.
    """
    thinned = draws[:, :: -(-draws.shape[0] * draws.shape[1] // _MAX_DRAWS)]
    flat = thinned.reshape(-1, draws.shape[-1])
    at_p = density.value(flat) - log_density_of(approximation, flat)
    at_q = importance.log_ratios
    if not np.isfinite(at_p).all() or not np.isfinite(at_q).any():
        return None
    log_z, size, over_p = float(np.median(at_p)), float(len(flat)), np.ones(len(flat))
    share = size / (len(at_q) + size)
    for _ in range(
        2
    ):  # s is the share of the chains' draws in all, by what they are worth, which the first round tells
        share = size / (len(at_q) + size)
        log_z = _fixed_point(at_q, at_p, log_z, share)
        over_p = np.exp(-np.logaddexp(np.log(share) + at_p - log_z, np.log1p(-share)))
        size = _size(over_p.reshape(thinned.shape[:2]))
    over_q = np.exp(at_q - log_z - np.logaddexp(np.log(share) + at_q - log_z, np.log1p(-share)))
    if not (over_q.any() and over_p.any()):
        return None  # no draw of either lies where the other has anything
    variance = _relative_variance(over_q) / len(over_q) + _relative_variance(over_p) / size
    return Estimate(log_z, float(np.sqrt(variance))) if np.isfinite(variance) else None


def _fixed_point(at_q, at_p, log_z, share):
    for _ in range(_MAX_TURNS):
        above = at_q - np.logaddexp(np.log(share) + at_q, np.log1p(-share) + log_z)
        below = -np.logaddexp(np.log(share) + at_p, np.log1p(-share) + log_z)
        new = logsumexp(above) - np.log(len(above)) - logsumexp(below) + np.log(len(below))
        if abs(new - log_z) < _SETTLED:
            return float(new)
        log_z = float(new)
    return log_z


def _relative_variance(values):
    return np.var(values, ddof=1) / np.mean(values) ** 2


def _size(values):
    """Independent draws that these of each chain are worth, at most as many as they are."""
    if np.ptp(values) < 1e-12:
        return float(values.size)
    return float(np.clip(np.nan_to_num(effective_sample_size(values)), 1.0, values.size))
