"""Stochastic ADVI without a learning rate to choose: phases of fixed rates, averaged iterates, and a rule that ends them."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

from latlas.bayes.densities._anchor import Anchor, AnchoredBatches, estimate, full_gradient
from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.bayes.targets._stochastic import AbstractStochasticTarget
from latlas.bayes.targets._target import AbstractTarget
from latlas.core import RequestError, WorkError, host_rng, keys_from, stop_gradient
from latlas.distributions.families import AbstractFamily, AbstractFlow, AbstractTransport
from latlas.training import Adam, global_norm

FIRST_RATE = 0.1  # of Adam, in whitened coordinates: sds a step
FLOW_RATE = 0.005
RHO = 0.5  # the next phase's rate over this one's
R_HAT = 1.1

_LOOKS, _STEPS = 20, 10  # of a stretch: its iterates are looked at every ten steps
_MIN_STRETCHES = 2  # of a phase
_MAX_PHASES = 6
_ERROR_SHARE, _MOVE_SHARE = (
    0.4,
    0.5,
)  # of the tolerance: standard error of an average; move between two phases
_WITNESSES = 128  # fixed noise through which means and sds of an approximation are seen


class Advi(AbstractEngine):
    r"""Maximises the ELBO by stochastic gradients that stick the landing; no learning rate and no number of steps.

    A phase runs Adam at a fixed rate until R-hat of the means and log sds of the iterates is below 1.1 and the Monte Carlo
    standard error of their average is small. Iterates at a rate $\gamma$ are off by about $\gamma$ on average, so halving
    it moves the average by what would still be left afterwards: it ends once this is below half the tolerance.

    It minimises KL(q || p), as `dadvi` does, for any family with reparameterised draws, and alone among the engines it works
    from minibatches. It fails where q cannot follow p: variances too small, one mode of several, the open end of a
    funnel only.

    Attributes:
        num_draws: of the noise, in each step.
        max_stretches: of 200 steps each, at most, in each of up to six phases.
        max_seconds: after which it stops with what it has, and says so; far more than most fits need, so that a slow machine
            gives the same answer.

    References:
        Welandawe, Andersen, Vehtari, Huggins 2022, arXiv:2203.15945, algorithm 1;
        Roeder, Wu, Duvenaud 2017, NeurIPS, section 3 (the gradient);
        Dhaka, Catalina, Andersen, Magnusson, Huggins, Vehtari 2020, NeurIPS (R-hat of iterates).
    """

    name: ClassVar[str] = "advi"
    families: ClassVar[tuple[str, ...]] = (
        "mean-field",
        "full-rank",
        "low-rank",
        "block",
        "structured",
        "flow",
    )
    num_draws: int = 16
    max_stretches: int = 50
    max_seconds: float = 600.0

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The member at the average of the last phase's iterates.

        Raises:
            RequestError: for a family whose draws no gradient passes through.
            WorkError: if the log density or its gradient is not finite in the steps of a whole stretch.
        """
        keys = keys_from(key)
        approximation = family.init(next(keys), density.dim)
        if not isinstance(approximation, AbstractTransport):
            raise RequestError(
                f"ADVI needs draws that gradients pass through, and family {family.name!r} has none; take "
                f"{self.families[0]!r}."
            )
        deadline = time.monotonic() + self.max_seconds
        with _Climb(keys, density, approximation, self) as climb:
            # a network's weights have no unit of sds, and steps of a tenth tear it apart
            rate = FLOW_RATE if isinstance(approximation, AbstractFlow) else FIRST_RATE
            previous, converged, moved = None, False, np.inf
            for _ in range(_MAX_PHASES):
                settled = climb.phase(rate, _ERROR_SHARE * tolerance, deadline)
                average = climb.average()
                summary = climb.summary(average)
                if previous is not None:
                    moved = _distance(summary, previous)
                    converged = settled and moved <= _MOVE_SHARE * tolerance
                if converged or time.monotonic() > deadline:
                    break
                previous, rate = summary, rate * RHO
        if converged:
            message = f"settled after {climb.num_steps} steps; halving the rate moved nothing by more than {moved:.3f} sds"
        elif time.monotonic() > deadline:
            message = f"stopped by the time limit of {self.max_seconds:g} s after {climb.num_steps} steps"
        else:
            message = f"the iterates had not settled after {climb.num_steps} steps"
        details = {"num_steps": climb.num_steps, "rate": rate, "moved": float(moved)}
        return EngineResult(average, converged, message, details=details)


class _Climb:
    """The loop's state, and for a stochastic target the thread that reads ahead."""

    def __init__(self, keys, density, approximation, engine):
        self.keys, self.density, self.num_draws = keys, density, engine.num_draws
        self.max_stretches = engine.max_stretches
        self.params, self.static = eqx.partition(approximation, eqx.is_inexact_array)
        self.optimizer_state, self.num_steps = Adam().init(self.params), 0
        self.witnesses = host_rng(next(keys)).standard_normal((_WITNESSES // 2, density.dim))
        self.witnesses = np.concatenate([self.witnesses, -self.witnesses])
        self.target, self.anchor = _behind(density)
        self.reader, self.rng = None, host_rng(next(keys))
        if isinstance(self.target, AbstractStochasticTarget):
            self.reader = ThreadPoolExecutor(1)
            self.ahead = self.reader.submit(self._read)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.reader is not None:
            self.reader.shutdown()

    def _read(self):
        batches = [self.target.draw_batch(self.rng) for _ in range(_LOOKS * _STEPS)]
        return jax.tree.map(lambda *rows: np.stack(rows), *batches)

    def _batches(self):
        if self.reader is None:
            return None
        batches, self.ahead = self.ahead.result(), self.reader.submit(self._read)
        return jax.tree.map(lambda a: a.reshape(_LOOKS, _STEPS, *a.shape[1:]), batches)

    def phase(self, rate, standard_error, deadline):
        """Runs at one rate until the iterates have settled (true) or a limit is reached."""
        self.averages, looks = [], []
        while len(self.averages) < self.max_stretches and (not self.averages or time.monotonic() < deadline):
            self.params, self.optimizer_state, average, seen, num_bad = _stretch(
                (self.target, self.density.bijection, self.density.affine, self.anchor),
                (self.params, self.optimizer_state),
                self.static,
                self.witnesses,
                next(self.keys),
                jnp.asarray(rate),
                self._batches(),
                self.num_draws,
            )
            if int(num_bad) == _LOOKS * _STEPS:
                raise WorkError(
                    f"ADVI took {_LOOKS * _STEPS} steps of {self.num_draws} draws each, and in none of them the log density "
                    "and its gradient were finite at all draws; the posterior is not finite around its mode, or "
                    "its support is smaller than the family's."
                )
            self.num_steps += _LOOKS * _STEPS
            self.density.count.num_evaluations += _LOOKS * _STEPS * self.num_draws
            self.averages.append(average)
            looks.append(np.asarray(seen))
            if len(looks) >= _MIN_STRETCHES and _settled(looks[len(looks) // 2 :], standard_error):
                return True
        return False

    def average(self):
        """The approximation at the mean of the later half of the phase's iterates."""
        window = self.averages[len(self.averages) // 2 :]
        self.params = jax.tree.map(lambda *a: sum(a) / len(window), *window)
        return eqx.combine(self.params, self.static)

    def summary(self, approximation):
        return np.asarray(_summary(approximation, self.witnesses))


def _behind(density):
    """All the data behind a density on a few batches, and where their gradient is known."""
    target = density.target
    if isinstance(target, AnchoredBatches):
        return target.few.target, target.anchor
    if not isinstance(target, AbstractStochasticTarget):
        return target, None
    u = density.unconstrained(np.zeros((1, density.dim)))[0]
    grad = full_gradient(target, u)
    return target, None if grad is None else Anchor(jnp.asarray(u), jnp.asarray(grad))


def _settled(looks, standard_error):
    series = np.concatenate(looks)[None]
    spread = series.std(1)[0]
    # what no longer moves has no R-hat worth the name
    still = spread < 1e-3 * standard_error
    unit = np.ones_like(spread)
    unit[: len(unit) // 2] = np.exp(series[0, -1, len(unit) // 2 :])
    with np.errstate(all="ignore"):
        r_hat = split_gelman_rubin(series)
        error = spread / np.sqrt(np.maximum(effective_sample_size(series), 1.0))
    return bool(np.all(still | ((r_hat < R_HAT) & (error < standard_error * unit))))


def _distance(summary, previous):
    """The largest move of a mean, in sds, or of a log sd."""
    n = len(summary) // 2
    return float(
        max(
            np.max(np.abs(summary - previous)[:n] / np.exp(summary[n:])),
            np.max(np.abs(summary - previous)[n:]),
        )
    )


@eqx.filter_jit
def _summary(approximation, witnesses):
    w = jax.vmap(approximation.transport)(witnesses)
    return jnp.concatenate([w.mean(0), jnp.log(w.std(0))])


@eqx.filter_jit
def _stretch(parts, state, static, witnesses, key, rate, batches, num_draws):
    """Some hundred steps; the mean of their iterates, what they look like, and how many came to nothing."""
    target, bijection, affine, anchor = parts
    optimizer = Adam(learning_rate=rate)

    def log_prob(w, batch):
        if batches is None:
            return Density(target, bijection, affine).log_prob(w)
        estimated = _Estimated(target, anchor, batch)
        return Density(estimated, bijection, affine).log_prob(w)

    def loss(params, noise, batch):
        here, held = eqx.combine(params, static), eqx.combine(stop_gradient(params), static)

        def one(z):
            w = here.transport(z)
            return held.log_prob(w) - log_prob(w, batch)

        return jnp.mean(jax.vmap(one)(noise))

    def step(carry, inputs):
        params, optimizer_state, total, num_bad = carry
        step_key, batch = inputs
        half = jr.normal(step_key, (num_draws // 2, witnesses.shape[1]))
        value, grads = jax.value_and_grad(loss)(params, jnp.concatenate([half, -half]), batch)
        norm = jnp.where(jnp.isfinite(value), global_norm(grads), jnp.nan)  # such a step changes nothing
        updates, optimizer_state = optimizer.update(grads, optimizer_state, params, norm)
        params = jax.tree.map(jnp.add, params, updates)
        total = jax.tree.map(jnp.add, total, params)
        return (params, optimizer_state, total, num_bad + ~jnp.isfinite(norm)), None

    def look(carry, inputs):
        carry, _ = jax.lax.scan(step, carry, inputs)
        return carry, _summary(eqx.combine(carry[0], static), witnesses)

    params, optimizer_state = state
    keys = jr.split(key, (_LOOKS, _STEPS))
    carry = (params, optimizer_state, jax.tree.map(jnp.zeros_like, params), jnp.zeros((), int))
    (params, optimizer_state, total, num_bad), seen = jax.lax.scan(look, carry, (keys, batches))
    average = jax.tree.map(lambda a: a / (_LOOKS * _STEPS), total)
    return params, optimizer_state, average, seen, num_bad


class _Estimated(AbstractTarget):
    """A stochastic target on one batch."""

    target: AbstractStochasticTarget
    anchor: Anchor | None
    batch: PyTree[Array]

    @property
    def dim(self):
        return self.target.dim

    @property
    def start(self):
        return self.target.start

    @property
    def free_shapes(self):
        return self.target.free_shapes

    def log_density(self, u):
        return estimate(self.target, self.anchor, u, self.batch)

    def constrain(self, u):
        return self.target.constrain(u)

    def suspects(self, u):
        return self.target.suspects(u)
