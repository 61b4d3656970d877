"""NUTS: draws from the posterior itself, the reference and the last resort."""

import functools
import importlib.util
import time
from typing import ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import RequestError, WorkError, host_rng, keys_from
from latlas.distributions.families import (
    AbstractApproximation,
    AbstractFamily,
    Affine,
    Triangular,
    gaussian_of,
)
from latlas.stats import smallest_effective_sample_size, worst_r_hat

blackjax = lazy_loader.load("blackjax")

R_HAT = 1.01
MIN_EFFECTIVE_SAMPLES = (
    400  # below it R-hat itself is too noisy to say anything (Vehtari et al. 2021, section 4)
)

_STRETCH = 100  # steps of one call of the compiled program, at most
_FIRST = 10  # steps of the first call, which measures the pace
_WINDOWS = (50, 100, 100)  # warm-up: after each but the last the coordinates are whitened again
_FEW_DRAWS = 5  # per coordinate: with fewer a covariance is worse than variances
_TARGET, _CAREFUL_TARGET = 0.8, 0.95  # acceptance; the latter once trajectories diverged
_TRIES = 16  # points a chain may look at for one to begin at
_WARM_UP_SHARE = 0.4  # of the time limit


class Nuts(AbstractEngine):
    """The no-U-turn sampler, BlackJAX's, on several chains in step.

    In whitened coordinates the metric is the identity and only the step size, which the chains share, is adapted; the
    coordinates are whitened again by what the warm-up saw. It draws until split R-hat of every coordinate and of its square
    is below 1.01 and their effective sample size makes the standard error of a mean half the tolerance (at least 400 draws'
    worth), or until a limit.

    It minimises nothing. It fails where no step size serves everywhere (the neck of a funnel: divergent trajectories, which
    are counted) and where modes lie apart (chains that disagree: R-hat). The approximation that comes with the draws is the
    normal with their moments.

    Attributes:
        num_chains: chains.
        start: where the chains begin, in the density's coordinates; None: draws of the standard normal.
        max_draws: per chain.
        max_seconds: after which it stops with what it has.
        max_doublings: of a trajectory; 10 are 1023 steps.

    References:
        Hoffman, Gelman 2014, JMLR 15, algorithm 6; Betancourt 2017, arXiv:1701.02434, appendix A.
        Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021, Bayesian Analysis 16(2): when to stop.
    """

    name: ClassVar[str] = "nuts"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)
    num_chains: int = 4
    start: AbstractApproximation | None = None
    max_draws: int = 5000
    max_seconds: float = 60.0
    max_doublings: int = 10

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """Draws `(chains, draws, n)` and the normal with their moments.

        Raises:
            RequestError: if BlackJAX is not installed.
            WorkError: if the log density is not finite anywhere where chains could begin.
        """
        if importlib.util.find_spec("blackjax") is None:
            raise RequestError("NUTS is BlackJAX's, which is not installed. Run: pip install latlas[bayes]")
        keys = keys_from(key)
        chains = _Chains(keys, density, self.max_doublings, self.max_seconds)
        chains.begin_at(self._starts(next(keys), density))
        chains.warm_up()
        wanted = max(MIN_EFFECTIVE_SAMPLES, 4.0 / tolerance**2)
        r_hat, size, converged = float("inf"), 0.0, False
        draws = np.empty((self.num_chains, 0, density.dim))
        while (
            not converged
            and draws.shape[1] < self.max_draws
            and (draws.shape[1] == 0 or chains.seconds_left > 0)
        ):
            draws = np.concatenate(
                [draws, chains.advance(min(_STRETCH, self.max_draws - draws.shape[1]))], axis=1
            )
            r_hat, size = worst_r_hat(draws), smallest_effective_sample_size(draws)
            converged = r_hat < R_HAT and size >= wanted
        return EngineResult(
            gaussian_of(draws.reshape(-1, density.dim)),
            converged,
            _message(converged, draws, r_hat, size, wanted, chains),
            draws=draws,
            details={
                "num_chains": self.num_chains,
                "num_draws": draws.shape[1],
                "r_hat": r_hat,
                "effective_sample_size": size,
                "num_divergences": chains.num_divergences,
                "num_leapfrogs": chains.num_leapfrogs,
                "step_size": float(np.exp(chains.pace.log_step_size_avg)),
            },
        )

    def _starts(self, key, density):
        """One point of finite density a chain."""
        tries = _TRIES * self.num_chains
        if self.start is None:
            candidates = host_rng(key).standard_normal((tries, density.dim))
        else:
            candidates = np.asarray(self.start.sample(key, tries))
        found = np.empty((0, density.dim))
        # as many rows at a time as there are chains, so that one compiled program serves here and later
        for w in np.split(candidates, _TRIES):
            value, grad = density.value_and_grad(w)
            found = np.concatenate([found, w[np.isfinite(value) & np.isfinite(grad).all(axis=1)]])
            if len(found) >= self.num_chains:
                return found[: self.num_chains]
        raise WorkError(
            f"NUTS looked at {tries} points to begin at, and the log density and its gradient are finite at {len(found)}, "
            f"fewer than its {self.num_chains} chains. Give `init` where the posterior has mass, or look whether the log "
            "density returns nan."
        )


class _Chains:
    """Where the chains stand, in coordinates v of their own with (the density's w) = again(v)."""

    def __init__(self, keys, density, max_doublings, max_seconds):
        self.keys, self.density, self.max_doublings = keys, density, max_doublings
        self.max_seconds, self.deadline = max_seconds, time.monotonic() + max_seconds
        self.target, self.adapting = _TARGET, True
        self.num_divergences = self.num_leapfrogs = 0
        self.seconds_a_step = None

    @property
    def seconds_left(self):
        return self.deadline - time.monotonic()

    def begin_at(self, w, again=None):
        """Puts the chains at rows `w`, in the coordinates `again`, and the step size at its first guess."""
        n = self.density.dim
        self.again = again or Affine(np.zeros(n), Triangular(np.eye(n)))
        v = self.again.inverse_rows(w)
        inner = self.density.whitened(self.again)
        self.affine = inner.affine
        self.state = blackjax.mcmc.hmc.HMCState(
            jnp.asarray(v), *(jnp.asarray(a) for a in inner.value_and_grad(v))
        )
        self.restart_pace(n**-0.25)

    def restart_pace(self, step):
        begin, _, _ = blackjax.adaptation.step_size.dual_averaging_adaptation(self.target)
        self.pace = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), begin(step))

    def warm_up(self):
        """Finds the coordinates and the step size; these draws are thrown away."""
        until = self.deadline - (1.0 - _WARM_UP_SHARE) * self.max_seconds
        windows = list(_WINDOWS)
        while windows and time.monotonic() < until:
            before, length = self.num_divergences, windows.pop(0)
            draws = self._window(length, until)
            if windows:
                # the first half of a window is on its way to the posterior
                late = draws[:, draws.shape[1] // 2 :].reshape(-1, draws.shape[-1])
                self.begin_at(draws[:, -1], _whitening(late))
            elif self.num_divergences > before and self.target < _CAREFUL_TARGET:
                self.target, windows = _CAREFUL_TARGET, [_WINDOWS[-1]]
                self.restart_pace(float(np.exp(self.pace.log_step_size_avg)))
        self.adapting, self.num_divergences = False, 0

    def _window(self, length, until):
        parts = [self.advance(length)]
        while (left := length - sum(p.shape[1] for p in parts)) > 0 and time.monotonic() < until:
            parts.append(self.advance(left))
        return np.concatenate(parts, axis=1)

    def advance(self, wanted):
        """`(chains, draws, n)` in the density's coordinates: `wanted`, or as many as time allows, at least one."""
        began = time.monotonic()
        affordable = _FIRST if self.seconds_a_step is None else int(self.seconds_left / self.seconds_a_step)
        count = max(1, min(wanted, _STRETCH, affordable))
        self.state, self.pace, v, divergences, leapfrogs = _advance(
            (self.density.target, self.density.bijection, self.affine),
            (self.state, self.pace, self.target, self.adapting),
            next(self.keys),
            count,
            max_doublings=self.max_doublings,
        )
        v = np.asarray(v)[:count]
        self.num_divergences += int(divergences)
        self.num_leapfrogs += int(leapfrogs)
        self.density.count.num_evaluations += int(leapfrogs)
        self.seconds_a_step = (time.monotonic() - began) / count
        return np.swapaxes(self.again(v), 0, 1)


def _whitening(draws):
    """Coordinates in which these draws have about mean 0 and covariance 1, shrunk towards the present ones."""
    count, n = draws.shape
    covariance = np.cov(draws.T).reshape(n, n)
    if count < _FEW_DRAWS * n:
        covariance = np.diag(np.diagonal(covariance))
    # the weights of Stan's adaptation
    covariance = (count * covariance + 5.0 * np.eye(n)) / (count + 5.0)
    return Affine(draws.mean(0), Triangular(np.linalg.cholesky(covariance)))


@functools.partial(jax.jit, static_argnames="max_doublings")
def _advance(parts, chains, key, count, *, max_doublings):
    """`count` steps of all chains; one program for warm-up and draws, whatever the coordinates and the step size."""
    log_density = Density(*parts).log_prob
    states, pace, target, adapting = chains
    _, update, _ = blackjax.adaptation.step_size.dual_averaging_adaptation(target)
    kernel, num_chains, n = blackjax.mcmc.nuts.build_kernel(), *states.position.shape

    def step(number, carry):
        states, pace, draws, divergences, leapfrogs = carry
        size = jnp.exp(jnp.where(adapting, pace.log_step_size, pace.log_step_size_avg))
        keys = jr.split(jr.fold_in(key, number), num_chains)

        def one(chain_key, state):
            return kernel(chain_key, state, log_density, size, jnp.ones(n), max_doublings)

        states, info = jax.vmap(one)(keys, states)
        acceptance = jnp.mean(jnp.nan_to_num(info.acceptance_rate))
        after = update(pace, acceptance)
        pace = jax.tree.map(lambda new, old: jnp.where(adapting, new, old).astype(old.dtype), after, pace)
        draws = draws.at[number].set(states.position)
        divergences += jnp.sum(info.is_divergent)
        return states, pace, draws, divergences, leapfrogs + jnp.sum(info.num_integration_steps)

    empty = jnp.zeros((_STRETCH, num_chains, n))
    return jax.lax.fori_loop(0, count, step, (states, pace, empty, jnp.zeros((), int), jnp.zeros((), int)))


def _message(converged, draws, r_hat, size, wanted, chains):
    num_chains, num_draws, _ = draws.shape
    text = f"{num_chains} chains of {num_draws} draws, R-hat {r_hat:.3f}, effective sample size {size:.0f}"
    if chains.num_divergences:
        text += f", {chains.num_divergences} divergent trajectories"
    if not converged:
        limit = f"time limit of {chains.max_seconds:g} s" if chains.seconds_left <= 0 else "limit of draws"
        text += f"; stopped by the {limit} before R-hat {R_HAT} and an effective sample size of {wanted:.0f}"
    return text
