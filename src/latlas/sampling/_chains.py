"""Many short Hamiltonian chains from the draws of a fit: where would the posterior take them?

Chains that leave the posterior invariant carry draws of q towards it. If q's means and variances are right, nothing
moves; if they are wrong, the chains show by how much, in the very units the user cares for. Pareto k cannot see what
all draws of q miss but is near; these chains walk there. What neither sees is a mode that no start has found.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from numpyro.diagnostics import effective_sample_size

from latlas.core import host_rng
from latlas.distributions.families import Affine, Diagonal, affine_of
from latlas.stats import rank_normalised_r_hat

NUM_CHAINS = 64
R_HAT_LIMIT = 1.1  # beyond the usual 1.01: the chains begin at draws of q, so half a dozen independent draws each will do
MAX_DIVERGENT = 0.02  # share of the transitions
_ADAPTING = 20  # transitions in which the step size is tuned; they are always left out
_MAX_STEPS = 320
_TARGET_ACCEPTANCE = 0.9
_MAX_LEAPFROGS = 16
_DIVERGENT = -50.0  # nats of energy error
ValueAndGrad = Callable[
    [Float[np.ndarray, "chains n"]], tuple[Float[np.ndarray, " chains"], Float[np.ndarray, "chains n"]]
]


@dataclass(frozen=True)
class Chains:
    """What the chains found.

    Attributes:
        draws: `(chains, steps, n)` in the coordinates of `start`, the first half of the walk left out.
        r_hat: the largest rank-normalised split R-hat over the coordinates, as they are and folded.
        effective_sample_size: the smallest over the coordinates.
        acceptance: mean acceptance rate of the kept part.
        divergent: share of kept transitions whose energy error exceeded 50 nats.
        num_steps: transitions of each chain, those left out included.
    """

    draws: Float[np.ndarray, "chains steps n"]
    r_hat: float
    effective_sample_size: float
    acceptance: float
    divergent: float
    num_steps: int

    @property
    def converged(self) -> bool:
        """Whether every chain by itself has seen the whole, and few were thrown off."""
        return self.r_hat < R_HAT_LIMIT and self.divergent <= MAX_DIVERGENT


def short_chains(
    key: PRNGKeyArray, value_and_grad: ValueAndGrad, start: Float[np.ndarray, "chains n"], *, tolerance: float
) -> Chains:
    """Hamiltonian chains from `start` until they agree with one another, or 320 transitions.

    Args:
        key: for momenta, lengths and decisions.
        value_and_grad: of a log density in nats, for the rows of a matrix; in coordinates whitened by the fit, so that the
            momenta are standard normal.
        start: one row per chain.
        tolerance: in standard deviations; enough draws are taken for means three times finer than this.

    Returns:
        The later half of all transitions.

    References:
        Hoffman 2017, ICML (chains that begin at a variational fit); Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021,
        Bayesian Analysis 16(2), section 4 (rank-normalised R-hat).
    """
    walk = _Walk(host_rng(key), value_and_grad, start)
    length = _ADAPTING
    while True:
        length *= 2
        while walk.num_steps < length:
            walk.step()
        chains = _summary(walk)
        enough = chains.converged and chains.effective_sample_size > (3.0 / tolerance) ** 2
        if enough or length >= _MAX_STEPS:
            return chains
        # all so far will be left out of the next summary, so it may tune what follows
        walk.tune(chains)


class _Walk:
    """State of all chains, in coordinates of their own: z, with w = loc + factor z."""

    def __init__(self, rng, value_and_grad, start):
        self.rng, self.num_steps, self.size = rng, 0, 0.3
        self.visited, self.accepted, self.divergent = [], [], []
        self.value_and_grad, dim = value_and_grad, start.shape[1]
        self._begin(Affine(np.zeros(dim), Diagonal(np.ones(dim))), np.array(start))

    def _begin(self, affine, w):
        self.affine, self.z = affine, affine.inverse_rows(w)
        self.value, self.score = self._evaluated(self.z)

    def _evaluated(self, z):
        """Values, up to a constant, and gradients with respect to z."""
        value, grad = self.value_and_grad(self.affine(z))
        with np.errstate(invalid="ignore"):  # an infinite score stays one that nobody can use
            return value, self.affine.factor.transpose_times(grad)

    def tune(self, chains):
        """Whitens by what was visited, and takes smaller steps where too many trajectories were thrown off."""
        self._begin(affine_of(chains.draws.reshape(-1, chains.draws.shape[-1])), self.visited[-1])
        if chains.divergent > 0.3 * MAX_DIVERGENT or chains.acceptance < 0.7:
            self.size *= 0.5

    def step(self):
        momentum = self.rng.standard_normal(self.z.shape)
        size = self.size * self.rng.uniform(0.8, 1.2)
        # about a quarter of an ellipse's round trip, jittered so that no trajectory returns to where it began
        leapfrogs = int(np.clip(round(self.rng.uniform(0.6, 1.4) * 1.5 / size), 1, _MAX_LEAPFROGS))
        z, value, score, end = self._trajectory(momentum, size, leapfrogs)
        with np.errstate(invalid="ignore", over="ignore"):
            change = value - self.value + 0.5 * np.sum(momentum**2, 1) - 0.5 * np.sum(end**2, 1)
        change = np.where(np.isfinite(change), change, -np.inf)
        accept = np.log(self.rng.uniform(size=len(z))) < change
        self.z = np.where(accept[:, None], z, self.z)
        self.value = np.where(accept, value, self.value)
        self.score = np.where(accept[:, None], score, self.score)
        self.num_steps += 1
        self.visited.append(self.affine(self.z))
        self.accepted.append(np.mean(np.exp(np.minimum(change, 0.0))))
        self.divergent.append(np.mean(change < _DIVERGENT))
        if self.num_steps <= _ADAPTING:
            self.size = float(
                np.clip(self.size * np.exp(0.8 * (self.accepted[-1] - _TARGET_ACCEPTANCE)), 0.01, 1.2)
            )

    def _trajectory(self, momentum, size, leapfrogs):
        z, value, score = self.z, self.value, self.score
        for _ in range(leapfrogs):
            momentum = momentum + 0.5 * size * score
            z = z + size * momentum
            value, score = self._evaluated(z)
            finite = np.isfinite(value) & np.isfinite(score).all(1)
            # a chain that left the support is lost for this transition; it must not carry nan along
            value, score = np.where(finite, value, -np.inf), np.where(finite[:, None], score, 0.0)
            momentum = momentum + 0.5 * size * score
        return z, value, score, momentum


def _summary(walk):
    first = walk.num_steps // 2
    draws = np.stack(walk.visited[first:], axis=1)
    return Chains(
        draws,
        rank_normalised_r_hat(draws),
        float(np.min(effective_sample_size(draws))),
        float(np.mean(walk.accepted[first:])),
        float(np.mean(walk.divergent[first:])),
        walk.num_steps,
    )
