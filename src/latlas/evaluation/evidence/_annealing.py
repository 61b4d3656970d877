"""Annealed importance sampling: log p(x) by a walk from an initial distribution to the posterior."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import AbstractSchedule, Example, Progress, in_precision_of_model
from latlas.evaluation.evidence._importance import EvidencePerExample
from latlas.evaluation.evidence._path import posterior_path
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.models import AbstractLatentModel
from latlas.sampling import HMC, AbstractTransition, GeometricPath
from latlas.stats import WeightStatistics, pareto_k, weight_statistics


class SigmoidTemperatures(AbstractSchedule):
    r"""Inverse temperatures along a sigmoid, dense at both ends: $\sigma(d (2 t - 1))$, scaled to run from 0 to 1.

    Attributes:
        steepness: d > 0; towards 0 the temperatures become equidistant.

    References:
        Grosse, Ghahramani and Adams 2015, arXiv:1511.02543, section 5.
    """

    steepness: float = 4.0

    def __call__(self, progress: float | Scalar) -> Scalar:
        """The inverse temperature at this share of the walk."""
        first, last = (
            jax.nn.sigmoid(-jnp.float32(self.steepness)),
            jax.nn.sigmoid(jnp.float32(self.steepness)),
        )
        return (jax.nn.sigmoid(self.steepness * (2.0 * progress - 1.0)) - first) / (last - first)


class AnnealedChains(NamedTuple):
    """Of one example.

    Attributes:
        log_weights: each chain's log weight from the initial distribution to the posterior, whichever way it went.
        z: where each chain ended.
        acceptance: mean probability of acceptance of each chain.
        tuning: the transition's, at each temperature.
    """

    log_weights: Float[Array, " chains"]
    z: PyTree[Array]
    acceptance: Float[Array, " chains"]
    tuning: PyTree[Array]


class Annealing(eqx.Module):
    r"""How to walk between an initial distribution and the posterior.

    **Tuning and bounds.** A weight is unbiased only if the steps of a chain do not depend on where it was. So
    beside the chains of an example run `num_pilots` more, which tune the steps of all and are then thrown away;
    a chain that tuned itself would leave a bias (about +0.03 nats for ten latents of probabilistic PCA, above
    the truth for what is called a lower bound). A walk back takes the steps that a walk forward was tuned to.

    Memory is that of `examples_at_once * num_chains` latents and the decoder's activations for them, and does
    not grow with the number of temperatures but for its step size and each chain's acceptance.

    Attributes:
        num_temperatures: steps of the walk, one transition each.
        num_chains: independent walks per example.
        transition: the Markov step at each temperature.
        temperatures: share of the walk -> inverse temperature b, rising from 0 to 1: `LinearWarmUp(1.0)` for
            equidistant ones, or `SigmoidTemperatures()`.
        num_pilots: chains per example that tune the transition.
        examples_at_once: examples whose chains walk side by side. On a CPU some hundred chains in all keep the
            caches warm; a GPU likes tens of thousands.
    """

    num_temperatures: int = eqx.field(static=True, default=1000)
    num_chains: int = eqx.field(static=True, default=16)
    transition: AbstractTransition = HMC(num_leapfrog=10)
    temperatures: AbstractSchedule = SigmoidTemperatures()
    num_pilots: int = eqx.field(static=True, default=1)
    examples_at_once: int = eqx.field(static=True, default=32)

    def __check_init__(self):
        for name in ("num_temperatures", "num_chains", "num_pilots", "examples_at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        ends = float(self.temperatures(0.0)), float(self.temperatures(1.0))
        if not np.allclose(ends, (0.0, 1.0), atol=1e-6):
            raise ValueError(
                f"The inverse temperatures must run from 0 to 1; these run from {ends[0]:g} to {ends[1]:g}. "
                "Give LinearWarmUp(1.0) or SigmoidTemperatures()."
            )

    @property
    def sampling(self) -> Sampling:
        """The work of an example, counted in densities, and how much of it is done side by side."""
        work = self.num_chains * self.num_temperatures * self.transition.num_evaluations
        return Sampling(work, work * self.examples_at_once)

    def forward(self, key: PRNGKeyArray, path: GeometricPath) -> AnnealedChains:
        r"""Walks from r to the posterior; $E[w] = p(x)$: log w is a stochastic lower bound on log p(x).

        Args:
            key: draws the starts and the steps.
            path: of one example.
        """
        start_key, walk_key = jr.split(key)
        count = self.num_chains + self.num_pilots
        z = jax.vmap(path.initial.sample)(jr.split(start_key, count))

        def step(carry, t):
            states, log_weights, tuning = carry
            log_weights = log_weights + self._difference(t) * states.log_ratio
            states = self._step(walk_key, path, t, tuning, states)
            pilots = jnp.mean(states.acceptance[self.num_chains :])
            return (states, log_weights, self.transition.tune(tuning, pilots)), (states.acceptance, tuning)

        start = (jax.vmap(self._start(path))(z), jnp.zeros(count), self.transition.init_tuning())
        (states, log_weights, _), (acceptance, tuning) = jax.lax.scan(
            step, start, jnp.arange(1, self.num_temperatures + 1)
        )
        found = AnnealedChains(log_weights, states.z, jnp.mean(acceptance, axis=0), None)
        return jax.tree.map(lambda leaf: leaf[: self.num_chains], found)._replace(tuning=tuning)

    def reverse(
        self, key: PRNGKeyArray, path: GeometricPath, z: PyTree[Array], tuning: PyTree[Array]
    ) -> AnnealedChains:
        r"""Walks from the posterior back to r, with the steps in the reverse order.

        From exact posterior samples $E[1/w] = 1/p(x)$: log w is a stochastic upper bound on log p(x).

        Args:
            key: draws the steps.
            path: of one example.
            z: where the chains start, one latent per chain.
            tuning: of a walk forward on the same path, whose chains are independent of z.
        """

        def step(carry, now):
            (states, log_weights), (t, tuning) = carry, now
            states = self._step(key, path, t, tuning, states)
            return (states, log_weights + self._difference(t) * states.log_ratio), states.acceptance

        states = jax.vmap(self._start(path))(z)
        rows = (jnp.arange(1, self.num_temperatures + 1), tuning)
        (states, log_weights), acceptance = jax.lax.scan(
            step, (states, jnp.zeros_like(states.log_ratio)), rows, reverse=True
        )
        return AnnealedChains(log_weights, states.z, jnp.mean(acceptance, axis=0), tuning)

    def stay(
        self, key: PRNGKeyArray, path: GeometricPath, z: PyTree[Array], tuning: PyTree[Array]
    ) -> PyTree[Array]:
        """Where chains come to at the posterior itself, after as many transitions as there are temperatures.

        Args:
            key: draws the steps.
            path: of one example.
            z: where the chains start, one latent per chain.
            tuning: of a walk forward on the same path; its last is used.
        """
        last = jax.tree.map(lambda leaf: leaf[-1], tuning)

        def step(i, states):
            posterior = jnp.int32(self.num_temperatures)
            return self._step(jr.fold_in(key, i), path, posterior, last, states)

        return jax.lax.fori_loop(0, self.num_temperatures, step, jax.vmap(self._start(path))(z)).z

    def _start(self, path):
        return lambda z: self.transition.init(path, z)

    def _step(self, key, path, t, tuning, states):
        keys = jr.split(jr.fold_in(key, t), states.log_ratio.shape[0])
        move = lambda key, state: self.transition(key, path, self._temperature(t), tuning, state)  # noqa: E731
        return jax.vmap(move)(keys, states)

    def _temperature(self, t):
        # the ends are exact, whatever a schedule rounds to
        between = self.temperatures(t / jnp.float32(self.num_temperatures))
        return jnp.where(t == 0, 0.0, jnp.where(t == self.num_temperatures, 1.0, between))

    def _difference(self, t):
        return self._temperature(t) - self._temperature(t - 1)


@in_precision_of_model
def annealed_log_evidence(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    annealing: Annealing | None = None,
    proposal: Callable[[Example], Any] | None = None,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> EvidencePerExample:
    r"""Log p(x) of every example by annealed importance sampling: $\log \frac1C \sum_c w_c$ over the chains.

    Each chain starts from r and walks through $f_b \propto r^{1-b} p(x, z)^b$; its weight
    $w = \prod_t f_{b_t}(z_{t-1}) / f_{b_{t-1}}(z_{t-1})$ has the expectation p(x), so that the estimate is in
    expectation a lower bound, as the importance-weighted one is, but needs no good proposal. One
    compiled program, in bounded memory.

    A tail cannot be fitted to the weights of a few chains: `summary()` judges those of all examples pooled (see
    `EvidencePerExample.summary`).

    Args:
        key: draws all; example i sees `fold_in(key, i)`.
        model: any latent-variable model; for HMC of continuous latents.
        batch: examples with a leading axis, on the host or on a device.
        annealing: chains, temperatures, transition, and how many examples at once; `Annealing()` by default.
        proposal: example -> r, where the walk begins; the model's prior by default, `model.posterior` for q.
        prepare: `(key, batch) -> batch` as in training, applied to each example by itself.
        progress: called with the examples done and the examples in all.

    Returns:
        One estimate per example; `.summary()` is their mean with its error and verdict.

    Raises:
        ValueError: if there are no examples, or HMC meets a discrete latent.

    References:
        Neal 2001, Statistics and Computing 11, arXiv:physics/9803008; Wu, Burda, Salakhutdinov and Grosse 2017,
        arXiv:1611.04273.
    """
    annealing = annealing or Annealing()
    measure = _MeasureAnnealed(annealing, proposal)
    statistics, log_weights = map_examples(measure, key, model, batch, annealing.sampling, prepare, progress)
    return annealed_evidence(statistics, log_weights)


def annealed_evidence(
    statistics: WeightStatistics, log_weights: Float[np.ndarray, "examples chains"]
) -> EvidencePerExample:
    """The result of all examples, with the tail of their pooled weights."""
    return EvidencePerExample(
        *map(np.asarray, statistics),
        num_samples=log_weights.shape[1],
        pooled_pareto_k=pooled_pareto_k(log_weights),
    )


def pooled_pareto_k(log_weights: Float[np.ndarray, "examples samples"]) -> float:
    """Tail shape of the weights of all examples, each relative to the median weight of its example's others.

    Relative to their own mean, none could exceed the number of samples, and the wildest weights would look tame.
    """
    _, num_samples = log_weights.shape
    if num_samples < 2:
        return float("inf")
    others = [np.median(np.delete(log_weights, i, axis=1), axis=1) for i in range(num_samples)]
    with np.errstate(invalid="ignore"):
        pooled = np.ravel(log_weights - np.stack(others, axis=1))
    return float(pareto_k(jnp.asarray(pooled)))


class _MeasureAnnealed(eqx.Module):
    annealing: Annealing
    proposal: Callable[[Example], Any] | None

    def __call__(self, key, model, example):
        path = posterior_path(model, example, None if self.proposal is None else self.proposal(example))
        log_weights = self.annealing.forward(key, path).log_weights
        return weight_statistics(log_weights), log_weights
