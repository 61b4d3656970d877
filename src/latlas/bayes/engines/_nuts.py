"""NUTS: draws from the posterior itself, the reference and the last resort."""

import functools
import importlib.util
import itertools
import time
from typing import ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import RADIUS
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

_STRETCH = 100  # steps of one call of the compiled program, at most, and draws between two looks at them
_FIRST = 10  # steps of the first call, which measures the pace
_SETTLE = 75  # steps of warm-up before the coordinates are first whitened again, as Stan has them
_FIRST_WINDOW, _LAST_WINDOW = (
    25,
    200,
)  # then after windows that double; while the chains disagree, longer ones follow
_LAST = 50  # steps that tune the step size for the last coordinates
_AGREE = 1.1  # R-hat of a window at which the chains are in one place
_FEW_DRAWS = 5  # per coordinate: with fewer a covariance is worse than variances
_TARGET, _CAREFUL_TARGET = 0.8, 0.95  # acceptance; the latter once trajectories diverged
_TRIES = 16  # points a chain may look at for one to begin at
_WARM_UP_SHARE = 0.5  # of the limits
_ROUND = 4.0  # score's mean squared distance, per coordinate, from that of a standard normal: beyond, not whitened at all
_HOPELESS = 30.0  # nats of mass that a region may hold less than another for a chain to stay in it


class Nuts(AbstractEngine):
    """The no-U-turn sampler, BlackJAX's, on several chains in step.

    Half of the chains begin at the standard normal of the whitened coordinates, half as Stan's do, within 2 of where the
    user began (or of the origin) in every unconstrained coordinate. Where the whitening is none (the score at its draws is
    nothing like a standard normal's, as for a hierarchy whose density rises without end towards a scale of zero), all
    begin as Stan's do and in unconstrained coordinates.

    Warm-up follows Stan's windows: the coordinates are whitened again after each by what it saw, a chain whose region has
    no mass beside the others' is put where one of them is, and longer windows follow until the chains agree. Each chain
    has its own step size. Then it draws until split R-hat of every coordinate and of its square is below 1.01 and their
    effective sample size makes the standard error of a mean half the tolerance (at least 400 draws' worth), or until a
    limit. Limits are counted in gradients, so that a key gives the same draws on a slow machine; seconds only end a run
    that would take too long, with what it has, and the message says so.

    It minimises nothing. It fails where no step size serves everywhere (the neck of a funnel: divergent trajectories, which
    are counted) and where modes lie apart (chains that disagree: R-hat). The approximation that comes with the draws is the
    normal with their moments.

    Attributes:
        num_chains: chains.
        start: where the chains begin, in the density's coordinates; None: see above.
        max_draws: per chain.
        max_gradients: of all chains, warm-up included.
        max_seconds: after which it stops with what it has.
        max_doublings: of a trajectory; 10 are 1023 steps.

    References:
        Hoffman, Gelman 2014, JMLR 15, algorithm 6; Betancourt 2017, arXiv:1701.02434, appendix A.
        Stan Development Team, Stan Reference Manual, "HMC algorithm parameters": the windows.
        Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021, Bayesian Analysis 16(2): when to stop.
    """

    name: ClassVar[str] = "nuts"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)
    num_chains: int = 4
    start: AbstractApproximation | None = None
    max_draws: int = 10_000
    max_gradients: int = 2_000_000
    max_seconds: float = 600.0
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
        start_key, chains_key = itertools.islice(keys_from(key), 2)
        chains = _Chains(chains_key, density, self)
        chains.begin_at(*self._starts(start_key, density))
        chains.warm_up()
        wanted = max(MIN_EFFECTIVE_SAMPLES, 4.0 / tolerance**2)
        r_hat, size, converged = float("inf"), 0.0, False
        draws = np.empty((self.num_chains, 0, density.dim))
        while not converged and draws.shape[1] < self.max_draws and (draws.shape[1] == 0 or chains.may_go_on):
            draws = np.concatenate(
                [draws, chains.draw(min(_STRETCH, self.max_draws - draws.shape[1]))], axis=1
            )
            r_hat, size = worst_r_hat(draws), smallest_effective_sample_size(draws)
            converged = r_hat < R_HAT and size >= wanted
        if density.affine is not None:
            draws = density.affine.inverse_rows(draws.reshape(-1, density.dim)).reshape(draws.shape)
        return EngineResult(
            gaussian_of(draws.reshape(-1, density.dim)),
            converged,
            self._message(converged, draws.shape[1], r_hat, size, wanted, chains),
            draws=draws,
            details={
                "num_chains": self.num_chains,
                "num_draws": draws.shape[1],
                "r_hat": r_hat,
                "effective_sample_size": size,
                "num_divergences": chains.num_divergences,
                "num_leapfrogs": chains.num_leapfrogs,
                "step_size": float(np.exp(np.mean(chains.pace.log_step_size_avg))),
            },
        )

    def _starts(self, key, density):
        """One point of finite density a chain, in the coordinates before whitening, and the whitening to begin with."""
        rng, n, tries = host_rng(key), density.dim, _TRIES * self.num_chains
        whitening = density.affine or Affine(np.zeros(n), Triangular(np.eye(n)))
        bare = _bare(density)
        if self.start is not None:
            near = np.asarray(self.start.sample(key, tries))
            return _finite(bare, whitening(near), self.num_chains), whitening
        near = rng.standard_normal((tries, n))
        value, score = density.value_and_grad(near)
        usable = np.isfinite(value) & np.isfinite(score).all(axis=1)
        # of a standard normal the score is -w
        apart = np.mean((score + near) ** 2, axis=1)
        as_stan = _as_stan(rng, density, tries)
        if usable.mean() > 0.5 and np.median(apart[usable]) < _ROUND:
            alternate = np.where(np.arange(tries)[:, None] % 2, as_stan, whitening(near))
            return _finite(bare, alternate, self.num_chains), whitening
        return _finite(bare, as_stan, self.num_chains), Affine(np.zeros(n), Triangular(np.eye(n)))

    def _message(self, converged, num_draws, r_hat, size, wanted, chains):
        text = f"drew {self.num_chains} chains of {num_draws} draws, R-hat {r_hat:.3f}, effective sample size {size:.0f}"
        if chains.num_divergences:
            text += f", {chains.num_divergences} divergent trajectories"
        if converged:
            return text
        limit = "limit of draws"
        if chains.num_leapfrogs >= self.max_gradients:
            limit = f"limit of {self.max_gradients:,} gradients"
        elif chains.seconds_left <= 0:
            limit = (
                f"time limit of {self.max_seconds:g} s after {chains.num_leapfrogs:,} of {self.max_gradients:,} gradients "
                "(a faster machine gets farther, and so does max_seconds)"
            )
        return f"{text}; stopped by the {limit} before R-hat {R_HAT} and an effective sample size of {wanted:.0f}"


def _bare(density):
    """Without its whitening: the chains have their own."""
    return Density(density.target, density.bijection, None, density.count)


def _as_stan(rng, density, count):
    """Points within `RADIUS` of where the user began, or of the origin, in the coordinates before whitening."""
    centre = density.target.start
    u = (0.0 if centre is None else np.asarray(centre)) + rng.uniform(-RADIUS, RADIUS, (count, density.dim))
    return u if density.bijection is None else np.asarray(_inverse(density.bijection, u))


def _finite(density, candidates, wanted):
    """The first of the candidates at which the density and its gradient are finite."""
    found = np.empty((0, density.dim))
    # as many rows at a time as there are chains, so that one compiled program serves here and later
    for rows in np.split(candidates, len(candidates) // wanted):
        value, grad = density.value_and_grad(rows)
        found = np.concatenate([found, rows[np.isfinite(value) & np.isfinite(grad).all(axis=1)]])
        if len(found) >= wanted:
            return found[:wanted]
    raise WorkError(
        f"NUTS looked at {len(candidates)} points to begin at, and the log density and its gradient are finite at "
        f"{len(found)}, fewer than its {wanted} chains. Give `init` where the posterior has mass, or look whether the log "
        "density returns nan."
    )


class _Chains:
    """Where the chains stand, in coordinates v of their own with (the density's, before its whitening) = affine(v)."""

    def __init__(self, key, density, nuts):
        self.key, self.rng, self.density = key, host_rng(key), _bare(density)
        self.max_doublings, self.max_gradients = nuts.max_doublings, nuts.max_gradients
        self.gradients = float(nuts.max_gradients)  # that the present part may have spent
        self.max_seconds, self.deadline = nuts.max_seconds, time.monotonic() + nuts.max_seconds
        self.target, self.adapting = _TARGET, True
        self.num_steps = self.num_divergences = self.num_leapfrogs = 0
        self.seconds_a_step = None

    @property
    def seconds_left(self):
        return self.deadline - time.monotonic()

    @property
    def may_go_on(self):
        return self.num_leapfrogs < self.max_gradients and self.seconds_left > 0

    def begin_at(self, points, affine):
        """Puts the chains at these points, in these coordinates, and the step sizes at their first guess."""
        self.affine = Affine(np.asarray(affine.loc), Triangular(np.asarray(affine.factor.dense)))
        inner, v = self.density.whitened(self.affine), self.affine.inverse_rows(points)
        self.state = blackjax.mcmc.hmc.HMCState(
            jnp.asarray(v), *(jnp.asarray(a) for a in inner.value_and_grad(v))
        )
        self.restart_pace(np.full(len(v), self.density.dim**-0.25))

    def restart_pace(self, steps):
        begin, _, _ = blackjax.adaptation.step_size.dual_averaging_adaptation(self.target)
        pace = jax.vmap(begin)(jnp.asarray(steps))
        self.pace = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), pace)

    def warm_up(self):
        """Finds the coordinates and the step sizes; these draws are thrown away."""
        until = self.deadline - (1.0 - _WARM_UP_SHARE) * self.max_seconds
        # the program itself stops there, in the middle of a call if need be: how long calls are must not matter
        self.gradients = _WARM_UP_SHARE * self.max_gradients

        def go_on():
            return self.num_leapfrogs < self.gradients and time.monotonic() < until

        self._window(_SETTLE, go_on)
        length, agree = _FIRST_WINDOW, False
        while go_on() and not (length > _LAST_WINDOW and agree):
            points, values = self._window(length, go_on)
            agree = worst_r_hat(points) < _AGREE
            self._whiten_again(points, values)
            length *= 2
        before, self.gradients = self.num_divergences, float(self.max_gradients)
        self._window(_LAST, go_on)
        if self.num_divergences > before:
            self.target = _CAREFUL_TARGET
            self.restart_pace(np.exp(np.asarray(self.pace.log_step_size_avg)))
            self._window(2 * _LAST, go_on)
        self.adapting, self.num_divergences = False, 0

    def _whiten_again(self, points, values):
        """Coordinates by what a window saw, but for a beginning on its way; chains without hope are put elsewhere."""
        begin = min(points.shape[1] // 2, _FIRST_WINDOW)
        late, values = points[:, begin:], values[:, begin:]
        stay = _with_hope(
            self.affine.inverse_rows(late.reshape(-1, late.shape[-1])).reshape(late.shape), values
        )
        at = late[:, -1].copy()
        for lost in np.flatnonzero(~stay):
            at[lost] = late[self.rng.choice(np.flatnonzero(stay)), self.rng.integers(late.shape[1])]
        self.begin_at(at, _whitening(self.affine, late[stay]))

    def _window(self, length, go_on):
        parts = [self._advance(length)]
        while (left := length - sum(p.shape[1] for p, _ in parts)) > 0 and go_on():
            parts.append(self._advance(left))
        points, values = zip(*parts, strict=True)
        return np.concatenate(points, axis=1), np.concatenate(values, axis=1)

    def draw(self, wanted):
        """`(chains, draws, n)`: `wanted`, or as many as the limits allow, at least one."""
        return self._window(wanted, lambda: self.may_go_on)[0]

    def _advance(self, wanted):
        """Points `(chains, steps, n)` and their log densities: `wanted`, or as many as time allows, at least one step."""
        began = time.monotonic()
        affordable = _FIRST if self.seconds_a_step is None else int(self.seconds_left / self.seconds_a_step)
        count = max(1, min(wanted, _STRETCH, affordable))
        # keys belong to the number of the step: how many steps a call makes, which depends on the clock, changes no draw
        self.state, self.pace, v, values, counts = _advance(
            (self.density.target, self.density.bijection, self.affine),
            (self.state, self.pace, self.target, self.adapting),
            self.key,
            (self.num_steps, count, max(self.gradients - self.num_leapfrogs, 1.0)),
            max_doublings=self.max_doublings,
        )
        made, divergences, leapfrogs = (int(a) for a in counts)
        self.num_steps += made
        self.num_divergences += divergences
        self.num_leapfrogs += leapfrogs
        self.density.count.num_evaluations += leapfrogs
        self.seconds_a_step = max(time.monotonic() - began, 1e-9) / made  # a coarse clock may not have moved
        return np.swapaxes(self.affine(np.asarray(v)[:made]), 0, 1), np.asarray(values)[:made].T


def _with_hope(v, values):
    """Which chains stand in a region that has mass beside that of the others: by Laplace's estimate from their own draws.

    A chain in the neck of a funnel sees large densities in no volume, one on a far slope small ones; neither tells alone.
    """
    with np.errstate(divide="ignore"):
        mass = values.mean(1) + np.log(v.std(1)).sum(-1)
    mass = np.where(np.isfinite(mass), mass, -np.inf)
    if not np.isfinite(mass).any():
        return np.full(len(mass), True)
    # the estimate of each coordinate's width is rough
    return mass >= mass.max() - _HOPELESS - 0.5 * v.shape[-1]


def _whitening(affine, points):
    """Coordinates in which each chain's `(chains, steps, n)` have about covariance 1, shrunk towards the present ones."""
    v = affine.inverse_rows(points.reshape(-1, points.shape[-1])).reshape(points.shape)
    # about the chain's own mean: chains that are still apart would be taken for one that is wide
    centred = (v - v.mean(1, keepdims=True)).reshape(-1, v.shape[-1])
    count, n = centred.shape
    covariance = centred.T @ centred / max(count - len(v), 1)
    if count < _FEW_DRAWS * n:
        covariance = np.diag(np.diagonal(covariance))
    # the weights of Stan's adaptation
    covariance = (count * covariance + 5.0 * np.eye(n)) / (count + 5.0)
    return affine.after(Affine(v.mean((0, 1)), Triangular(np.linalg.cholesky(covariance))))


@jax.jit
def _inverse(bijection, u):
    return jax.vmap(lambda row: bijection.inverse_and_log_det(row)[0])(u)


@functools.partial(jax.jit, static_argnames="max_doublings")
def _advance(parts, chains, key, limits, *, max_doublings):
    """Steps of all chains; one program for warm-up and draws, whatever the coordinates and the step sizes.

    Returns:
        The states, the paces, points `(steps, chains, n)`, log densities, and how many steps were made, trajectories
        diverged and gradients were taken.
    """
    log_density = Density(*parts).log_prob
    states, pace, target, adapting = chains
    first, wanted, gradients = limits
    _, update, _ = blackjax.adaptation.step_size.dual_averaging_adaptation(target)
    kernel, (num_chains, n) = blackjax.mcmc.nuts.build_kernel(), states.position.shape

    def one(chain_key, state, size):
        return kernel(chain_key, state, log_density, size, jnp.ones(n), max_doublings)

    def step(carry):
        number, states, pace, points, values, divergences, leapfrogs = carry
        sizes = jnp.exp(jnp.where(adapting, pace.log_step_size, pace.log_step_size_avg))
        keys = jr.split(jr.fold_in(key, first + number), num_chains)
        states, info = jax.vmap(one)(keys, states, sizes)
        after = jax.vmap(update)(pace, jnp.nan_to_num(info.acceptance_rate))
        pace = jax.tree.map(lambda new, old: jnp.where(adapting, new, old).astype(old.dtype), after, pace)
        points, values = points.at[number].set(states.position), values.at[number].set(states.logdensity)
        divergences += jnp.sum(info.is_divergent)
        return (
            number + 1,
            states,
            pace,
            points,
            values,
            divergences,
            leapfrogs + jnp.sum(info.num_integration_steps),
        )

    def go_on(carry):
        return (carry[0] < wanted) & (carry[-1] < gradients)

    zero, empty = jnp.zeros((), int), jnp.zeros((_STRETCH, num_chains, n))
    carry = (zero, states, pace, empty, empty[..., 0], zero, zero)
    made, states, pace, points, values, divergences, leapfrogs = jax.lax.while_loop(go_on, step, carry)
    return states, pace, points, values, (made, divergences, leapfrogs)
