"""Adaptive importance sampling of a density: its moments and log evidence, with their errors, from a cold start.

Draws come from a mixture: a Gaussian with the moments found so far, a wide Student-t that keeps every weight bounded
where the Gaussian's tail is too thin (Hesterberg 1995, Technometrics 37(2)), and the approximation under way where it
is no Gaussian. What the Gaussian explains is integrated exactly and only the rest by weights (control variates: Owen,
Zhou 2000, JASA 95), so that a Gaussian target comes out without Monte Carlo error.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np
import scipy
from jaxtyping import Float
from scipy.special import logsumexp

from latlas.bayes.densities._density import Density
from latlas.core import Estimate, WorkError
from latlas.distributions.families import AbstractApproximation
from latlas.stats import fixed_draws, pareto_k, psis_log_weights

_DEGREES, _WIDTH = 3.0, 2.0  # of the wide part: degrees of freedom, and scale over the Gaussian's
_HEAVY = 0.5  # above this shape the variance of the weights is infinite, and they are smoothed
_FEWEST_EFFECTIVE = 5  # effective draws per dimension; with fewer the weights are tempered


@dataclass(frozen=True)
class Proposal:
    """Where the next draws come from.

    Attributes:
        mean: of the Gaussian and of the wide part.
        covariance: of the Gaussian.
        own: an approximation that takes a share as well, or None.
    """

    mean: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]
    own: AbstractApproximation | None = None


@dataclass(frozen=True)
class Weighted:
    """Draws of a proposal with their weights.

    Attributes:
        points: the draws, `(s, n)`.
        log_weights: normalised, smoothed where their tail is heavy; -inf in gaps.
        log_ratio: log p~ - log proposal, as they came; -inf in gaps.
        log_proposal: log density of the mixture that was drawn from.
        pareto_k: shape of the weights' tail.
        temper: 1; below, the power to which the weights had to be raised to have any effective size.
        num_gaps: draws at which the density was not finite.
    """

    points: Float[np.ndarray, "s n"]
    log_weights: Float[np.ndarray, " s"]
    log_ratio: Float[np.ndarray, " s"]
    log_proposal: Float[np.ndarray, " s"]
    pareto_k: float
    temper: float
    num_gaps: int


@dataclass(frozen=True)
class Round:
    """What one set of draws says of the target.

    Attributes:
        draws: weighted.
        mean: of the target.
        covariance: of the target.
        mean_error: standard errors of the means.
        log_evidence: log of the integral of p~, in nats, with its error.
    """

    draws: Weighted
    mean: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]
    mean_error: Float[np.ndarray, " n"]
    log_evidence: Estimate


def importance_round(rng: np.random.Generator, density: Density, proposal: Proposal, num_draws: int) -> Round:
    """One round of `num_draws`, a power of two.

    Raises:
        WorkError: where the density is finite at no draw.
    """
    points, log_gaussian, log_proposal = _draw(rng, proposal, num_draws)
    value = density.value(points)
    finite = np.isfinite(value)
    if not finite.any():
        raise WorkError(
            f"The log density is finite at none of {num_draws} draws; check it near the point where the fit begins."
        )
    log_ratio = np.where(finite, value - log_proposal, -np.inf)
    temper = _temper(log_ratio, min(_FEWEST_EFFECTIVE * density.dim + 5, 0.5 * num_draws))
    tempered = temper * np.where(finite, log_ratio, 0.0) + np.where(finite, 0.0, -np.inf)
    k, smoothed = (np.asarray(a) for a in _smoothed(log_ratio, tempered))
    heavy = k > _HEAVY or temper < 1.0
    log_weights = smoothed if heavy else tempered - np.asarray(logsumexp(tempered))
    explained = np.zeros(num_draws) if heavy else np.exp(log_gaussian - log_proposal)
    mean, covariance, error, total, total_error = _moments(
        points, np.exp(log_weights) * num_draws, explained, proposal
    )
    draws = Weighted(
        points, log_weights, log_ratio, log_proposal, float(k), temper, num_gaps=int(np.sum(~finite))
    )
    log_evidence = float(logsumexp(log_ratio) - np.log(num_draws) + np.log(total))
    return Round(draws, mean, covariance, error, Estimate(log_evidence, total_error))


def _draw(rng, proposal, num_draws):
    """Draws with the log densities of the Gaussian part and of the whole proposal."""
    n = len(proposal.mean)
    half = num_draws // 2
    counts = [half, half] if proposal.own is None else [half, half // 2, half // 2]
    root = np.linalg.cholesky(proposal.covariance)
    noise = fixed_draws(rng, counts[0], n)
    stretch = _WIDTH / np.sqrt(rng.chisquare(_DEGREES, counts[1]) / _DEGREES)
    wide = stretch[:, None] * rng.standard_normal((counts[1], n))
    points = proposal.mean + np.concatenate([noise, wide]) @ root.T
    if proposal.own is not None:
        drawn = proposal.own.sample(jax.random.key(int(rng.integers(2**31))), counts[2])
        points = np.concatenate([points, np.asarray(drawn)])
    log_gaussian = (
        scipy.stats.multivariate_normal(proposal.mean, proposal.covariance).logpdf(points).reshape(-1)
    )
    t = scipy.stats.multivariate_t(proposal.mean, _WIDTH**2 * proposal.covariance, df=_DEGREES)
    parts = [log_gaussian, t.logpdf(points).reshape(-1)]
    if proposal.own is not None:
        parts.append(np.asarray(_log_probs(proposal.own, points)))
    shares = np.array(counts) / num_draws
    return points, log_gaussian, np.asarray(logsumexp(np.stack(parts), axis=0, b=shares[:, None]))


@eqx.filter_jit  # a flow holds functions
def _log_probs(q, points):
    return jax.vmap(q.log_prob)(points)


def _moments(points, weights, explained, proposal):
    """Mean, covariance and errors of the means; the integral, and its relative error. The Gaussian's part is exact."""
    scale = np.sum(weights * explained) / max(np.sum(explained**2), 1e-300)
    for share in (scale, 0.0):  # the plain estimate, where the difference is no covariance
        rest = (weights - share * explained) / len(points)
        total = rest.sum() + share
        mean = (rest @ points + share * proposal.mean) / total
        apart, shift = points - mean, proposal.mean - mean
        second = (rest * apart.T) @ apart + share * (proposal.covariance + np.outer(shift, shift))
        covariance = 0.5 * (second + second.T) / total
        if total > 0 and np.linalg.eigvalsh(covariance)[0] > 0:
            break
    if np.linalg.eigvalsh(covariance)[0] <= 1e-12 * np.trace(covariance):
        covariance = covariance + 1e-3 * np.diag(np.diagonal(covariance)) + 1e-12 * np.eye(len(mean))
    error = np.sqrt(np.sum((rest[:, None] * apart) ** 2, axis=0)) / total
    return mean, covariance, error, float(total), float(np.std(rest) * len(rest) ** 0.5 / total)


@jax.jit
def _smoothed(log_ratio, tempered):
    return pareto_k(log_ratio), psis_log_weights(tempered)


def _temper(log_weights, fewest):
    """The largest power up to 1 at which the weights are worth `fewest` draws."""
    finite = log_weights[np.isfinite(log_weights)]

    def effective(power):
        weights = np.exp(power * (finite - finite.max()))
        return weights.sum() ** 2 / np.sum(weights**2)

    if effective(1.0) >= fewest:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= fewest else (low, middle)
    return max(low, 1e-6)
