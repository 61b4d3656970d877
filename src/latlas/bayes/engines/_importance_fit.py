"""A family's member fitted by weighted draws: the forward KL and its neighbours, the Renyi divergences of low order."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._adaptive_importance import Proposal, Round, importance_round
from latlas.bayes.engines._maximum_likelihood import has_moments, matched, maximum_likelihood
from latlas.core import PARETO_K_LIMIT, host_rng
from latlas.distributions.families import AbstractApproximation, AbstractFamily, Mixture, MixtureApproximation

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX

_FEWEST_DRAWS, _MOST_DRAWS = 1024, 65_536
_MAX_ROUNDS = 40


@dataclass(frozen=True)
class ImportanceFit:
    """Where adaptive importance sampling ended.

    Attributes:
        approximation: the family's member.
        last: the last round.
        converged: whether the means twice in a row erred by less than the tolerance and moved by no more than it or three
            errors, on weights that can be trusted.
        num_rounds: how many.
        num_gaps: draws at which the density was not finite, in all rounds.
    """

    approximation: AbstractApproximation
    last: Round
    converged: bool
    num_rounds: int
    num_gaps: int

    @property
    def message(self) -> str:
        """How it ended, after "The engine"."""
        draws, k = len(self.last.draws.points), self.last.draws.pareto_k
        text = f"{'settled' if self.converged else 'not settled'} after {self.num_rounds} rounds, the last of {draws} draws"
        text += f", Pareto k {k:.2f}"
        if k > PARETO_K_LIMIT:
            text += ": too few draws carry the weight, so that parts of the posterior may be missing"
        if self.last.draws.temper < 1.0:
            text += "; the weights had to be tempered to the end"
        if self.num_gaps:
            text += f"; {self.num_gaps} draws fell where the log density is not finite and got no weight"
        return text

    @property
    def details(self) -> dict:
        """Numbers for the record."""
        draws, log_evidence = self.last.draws, self.last.log_evidence
        return {
            "num_rounds": self.num_rounds,
            "num_draws": len(draws.points),
            "num_gaps": self.num_gaps,
            "pareto_k": draws.pareto_k,
            "log_evidence": {"value": log_evidence.value, "standard_error": log_evidence.standard_error},
        }


def fit_by_importance(
    key: PRNGKeyArray, density: Density, family: AbstractFamily, *, alpha: float, tolerance: float
) -> ImportanceFit:
    """Minimises the Renyi divergence of order `alpha` < 1, the forward KL at 0, by weighted draws.

    Args:
        key: for all that is drawn.
        density: in whitened coordinates.
        family: any.
        alpha: the order.
        tolerance: wanted accuracy of the means, in posterior standard deviations.

    Raises:
        WorkError: where the density is finite at no draw.
    """
    init_key, draw_key = jax.random.split(key)
    rng = host_rng(draw_key)
    proposal = Proposal(np.zeros(density.dim), np.eye(density.dim))
    closed = alpha == 0.0 and has_moments(family)
    q: AbstractApproximation | None = None
    num_draws, gaps, settled = _FEWEST_DRAWS, 0, 0
    for num_rounds in range(1, _MAX_ROUNDS + 1):  # noqa: B007
        last = importance_round(rng, density, proposal, num_draws)
        gaps += last.draws.num_gaps
        sd = np.sqrt(np.diagonal(last.covariance))
        moved = np.max(np.abs(last.mean - proposal.mean) / sd)
        spread = np.max(np.abs(np.log(sd**2 / np.diagonal(proposal.covariance)))) / 2
        error = np.max(last.mean_error / sd)
        steady = last.draws.temper == 1.0 and max(moved, spread) < max(tolerance, 3 * error)
        if steady and not closed:
            before, q = q, _refined(init_key, q, family, last, alpha)
            # the fitted member has an error of its own, which two sets of draws tell
            error = max(error, 0.7 * _distance(init_key, before, q))
        proposal = Proposal(last.mean, last.covariance, q)
        settled = settled + 1 if steady and error < tolerance else 0
        if settled == 2 or (error >= tolerance and num_draws == _MOST_DRAWS and steady):
            break
        if steady and tolerance < error < np.inf:
            num_draws = min(_MOST_DRAWS, 4 * num_draws)
    converged = settled == 2 and last.draws.pareto_k < PARETO_K_LIMIT
    if closed:
        q = matched(family, last.mean, last.covariance)
        assert q is not None  # as `has_moments` said
    elif q is None:
        q = _refined(init_key, q, family, last, alpha)
    return ImportanceFit(q, last, converged, num_rounds, gaps)


def _distance(key, before, q):
    """Largest difference of means and log standard deviations, in standard deviations."""
    if before is None:
        return np.inf
    old, new = (np.asarray(_drawn(p, key)) for p in (before, q))
    sd = new.std(axis=0)
    return max(
        np.max(np.abs(old.mean(axis=0) - new.mean(axis=0)) / sd),
        np.max(np.abs(np.log(old.std(axis=0) / sd))) / 2,
    )


_drawn = eqx.filter_jit(lambda q, key: q.sample(key, _FEWEST_DRAWS))


def _refined(key, q: AbstractApproximation | None, family, last, alpha) -> AbstractApproximation:
    """The member of highest weighted likelihood, from the last one or from a fresh start."""
    if q is None:
        q = _first(key, family, last)
    draws = last.draws
    log_weights = draws.log_weights if alpha == 0.0 else _tilted(draws, alpha)
    return maximum_likelihood(q, draws.points, log_weights, alpha)


def _tilted(draws, alpha):
    """log of p^(1 - alpha) / proposal, up to a constant."""
    return (1.0 - alpha) * draws.log_ratio - alpha * draws.log_proposal


def _first(key, family, last) -> AbstractApproximation:
    member = matched(family, last.mean, last.covariance)
    if member is not None:
        return member
    if not isinstance(family, Mixture):
        return family.init(key, last.draws.points.shape[1])
    points, weights = last.draws.points, np.exp(last.draws.log_weights)
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    found = sklearn.cluster.KMeans(family.num_components, n_init=3, random_state=seed).fit(
        points, sample_weight=weights
    )
    parts, shares = [], []
    for label in range(family.num_components):
        part = np.where(found.labels_ == label, weights, 0.0)
        share = part.sum()
        mean = part @ points / share
        apart = points - mean
        covariance = (part * apart.T) @ apart / share + 1e-3 * np.diag(np.diagonal(last.covariance))
        parts.append(matched(family.of, mean, covariance))
        shares.append(share)
    components = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
    return MixtureApproximation(components, jnp.log(jnp.array(shares)))
