"""The draws a fit reports, in the user's parameters."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import EngineResult, Repair
from latlas.bayes.targets._coordinates import flat_parameters, judged_parameters
from latlas.bayes.targets._target import AbstractTarget
from latlas.bayes.verdict._importance import ImportanceDraws
from latlas.bayes.verdict._moments import QUANTILES as QUANTILES
from latlas.bayes.verdict._moments import Moments, quantiles_of
from latlas.core import host_rng
from latlas.distributions.families import (
    AbstractApproximation,
    AbstractGaussian,
    AbstractTransport,
    BlockGaussian,
    FullGaussian,
    LowRankGaussian,
)
from latlas.stats import fixed_draws, smallest_effective_sample_size

Correction = Literal["none", "importance", "chains"] | Repair
NUM_REPORTED = 4096
_NUM_PAIRS = 16
_ENTRIES = 256  # of parameters that are looked at at once


@dataclass(frozen=True)
class Posterior:
    """Draws of u with weights, and how they were come by.

    Attributes:
        target: knows the parameters.
        draws: `(draws, n)`, unconstrained.
        weights: normalised, `(draws,)`, or None where all count alike.
        correction: "none", draws of the approximation; "importance", weighted by Pareto-smoothed ratios; "chains", of
            Markov chains that began at the approximation; "linear response" and "weighted moments", of the normal with
            a covariance so repaired.
        num_effective: independent draws they are worth; infinite where the moments of u are exact.
    """

    target: AbstractTarget
    draws: Float[np.ndarray, "draws n"]
    weights: Float[np.ndarray, " draws"] | None
    correction: Correction
    num_effective: float

    def moments(self) -> Moments:
        """Of every entry of every parameter."""
        moments = Moments.of(flat_parameters(self.target, self.draws), self.weights)
        return replace(moments, num_effective=self.num_effective)

    def judged_moments(self) -> Moments:
        """Of the parameters that a verdict is about: see `judged_names`."""
        moments = Moments.of(judged_parameters(self.target, self.draws), self.weights)
        return replace(moments, num_effective=self.num_effective)

    def described(self) -> dict[str, Float[np.ndarray, " m"]]:
        """Mean, sd, 5, 50 and 95 % quantiles and Monte Carlo error of the mean of every entry of every parameter.

        Means that are exact have no error: where the moments of u are exact, those of parameters that are affine in u.
        The draws are mapped to parameters once, and looked at a block of entries at a time: a site may have a value for
        each of many rows.
        """
        values = flat_parameters(self.target, self.draws)
        blocks = np.array_split(values, max(values.shape[1] // _ENTRIES, 1), axis=1)
        found = [_described(block, self.weights) for block in blocks]
        columns = {name: np.concatenate([block[name] for block in found]) for name in found[0]}
        return columns | {"mcse": self._mcse(columns["sd"])}

    def _mcse(self, sd):
        if np.isfinite(self.num_effective):
            return sd / np.sqrt(self.num_effective)
        return np.where(self._is_affine(), 0.0, sd / np.sqrt(len(self.draws)))

    def _is_affine(self):
        """Whether each entry of each parameter is as affine in u as it looks at some draws and points between them."""
        ends = self.draws[: 2 * _NUM_PAIRS]
        values = flat_parameters(
            self.target, np.concatenate([ends, 0.5 * (ends[:_NUM_PAIRS] + ends[_NUM_PAIRS:])])
        )
        low, high, middle = values[:_NUM_PAIRS], values[_NUM_PAIRS:-_NUM_PAIRS], values[-_NUM_PAIRS:]
        bend = np.abs(0.5 * (low + high) - middle)
        return np.all(bend <= 1e-9 * (np.abs(low) + np.abs(high)), axis=0)

    def resample(
        self, key: PRNGKeyArray, num_draws: int, *, replace: bool | None = None
    ) -> Float[Array, "draws n"]:
        """Unconstrained draws with equal weights; without replacement where the draws suffice and count alike."""
        if replace is None:
            replace = self.weights is not None or num_draws > len(self.draws)
        p = None if self.weights is None else jnp.asarray(self.weights)
        return jnp.asarray(self.draws)[jax.random.choice(key, len(self.draws), (num_draws,), replace, p)]

    def mean_and_sd(self) -> tuple[PyTree[np.ndarray], PyTree[np.ndarray]]:
        """Of every parameter, in its own shape."""
        weights = (
            self.weights if self.weights is not None else np.full(len(self.draws), 1.0 / len(self.draws))
        )
        values = jax.tree.map(np.asarray, constrained(self.target, self.draws))
        mean = jax.tree.map(lambda v: np.tensordot(weights, v, 1), values)
        sd = jax.tree.map(
            lambda v, m: np.asarray(np.sqrt(np.tensordot(weights, (v - m) ** 2, 1))), values, mean
        )
        return mean, sd

    def mean_of(self, function: Callable[[PyTree[Array]], PyTree[Array]]) -> PyTree[np.ndarray]:
        """The mean over the draws of a function of the parameters."""
        values = jax.vmap(function)(constrained(self.target, self.draws))
        weights = (
            self.weights if self.weights is not None else np.full(len(self.draws), 1.0 / len(self.draws))
        )
        return jax.tree.map(lambda v: np.tensordot(weights, np.asarray(v), 1), values)


def _described(values, weights):
    moments, quantiles = Moments.of(values, weights), quantiles_of(values, weights)
    columns = {"mean": moments.mean, "sd": moments.sd}
    return columns | {f"q{100 * q:02.0f}": row for q, row in zip(QUANTILES, quantiles, strict=True)}


def constrained(target: AbstractTarget, u: Float[Array | np.ndarray, "draws n"]) -> PyTree[Array]:
    """The user's parameters at each row, each with the draws as its leading axis."""
    return _constrained(target, jnp.asarray(u))


def of_approximation(key: PRNGKeyArray, density: Density, approximation: AbstractApproximation) -> Posterior:
    """Draws of the approximation alone; where it is a transport, from noise whose mean and covariance are exact."""
    even = isinstance(approximation, AbstractTransport) and 4 * density.dim < NUM_REPORTED
    if even:
        draws = _transported(approximation, fixed_draws(host_rng(key), NUM_REPORTED, density.dim))
    else:
        draws = approximation.sample(key, NUM_REPORTED)
    # affine maps of the noise keep them exact
    affine = isinstance(approximation, AbstractGaussian | BlockGaussian | LowRankGaussian)
    count = np.inf if even and affine else float(NUM_REPORTED)
    return Posterior(density.target, density.unconstrained(np.asarray(draws)), None, "none", count)


def of_result(key: PRNGKeyArray, density: Density, result: EngineResult) -> Posterior:
    """What an engine's result says by itself: its draws, or its approximation, its covariance repaired if there is one."""
    if result.draws is not None:
        return of_chains(density, result.draws)
    if result.covariance is None:
        return of_approximation(key, density, result.approximation)
    loc = _mean(result.approximation) if result.mean is None else result.mean
    repaired = FullGaussian.of(loc, np.linalg.cholesky(result.covariance))
    return replace(of_approximation(key, density, repaired), correction=result.repair)


def _mean(approximation: Any) -> Float[Array, " n"]:
    """Its mean: all have one but flows, and an engine that repairs the covariance of one gives the mean too."""
    return approximation.mean


def of_weights(density: Density, importance: ImportanceDraws) -> Posterior:
    """Weighted draws of the approximation."""
    weights = np.exp(importance.log_weights)
    draws = density.unconstrained(importance.draws)
    return Posterior(density.target, draws, weights, "importance", importance.effective_sample_size)


def of_chains(
    density: Density, draws: Float[np.ndarray, "*chains steps n"], num_effective: float | None = None
) -> Posterior:
    """Draws of Markov chains, or particles, all alike."""
    if num_effective is None:
        # chains that are too short to tell are worth one draw
        num_effective = (
            max(smallest_effective_sample_size(draws), 1.0) if draws.ndim == 3 else float(len(draws))
        )
    flat = density.unconstrained(draws.reshape(-1, draws.shape[-1]))
    return Posterior(density.target, flat, None, "chains", num_effective)


@eqx.filter_jit
def _transported(approximation, noise):
    return jax.vmap(approximation.transport)(noise)


@eqx.filter_jit
def _constrained(target, u):
    return jax.vmap(target.constrain)(u)
