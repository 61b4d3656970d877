"""Draws of an approximation, weighted by how much more the posterior wants each of them."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.core import PARETO_K_LIMIT, Estimate, Evidence, host_rng, in_float64
from latlas.distributions.families import AbstractApproximation, AbstractTransport
from latlas.stats import (
    effective_sample_size,
    fixed_draws,
    log_mean_exp,
    log_mean_exp_standard_error,
    pareto_k,
    psis_log_weights,
)

NUM_DRAWS = 4096


@dataclass(frozen=True)
class ImportanceDraws:
    """Draws w of q with log p~(w) - log q(w), all in nats.

    Attributes:
        draws: `(draws, n)`, in the density's coordinates.
        log_ratios: log p~ - log q of each; -inf where p~ is zero or not a number.
        log_weights: the same, Pareto-smoothed and normalised: their exponentials sum to one.
        pareto_k: tail shape of the weights.
    """

    draws: Float[np.ndarray, "draws n"]
    log_ratios: Float[np.ndarray, " draws"]
    log_weights: Float[np.ndarray, " draws"]
    pareto_k: float

    @property
    def elbo(self) -> Estimate:
        """E_q[log p~ - log q]: below log Z by KL(q || p); -inf where q leaves the support."""
        if np.isneginf(self.log_ratios).any():
            return Estimate(-np.inf, np.inf)
        error = np.std(self.log_ratios, ddof=1) / np.sqrt(len(self.log_ratios))
        return Estimate(float(np.mean(self.log_ratios)), float(error))

    @property
    def log_evidence(self) -> Evidence:
        """log of the mean ratio: an estimate of log Z, from below in the mean."""
        value, error = _log_mean(self.log_ratios)
        reliable = bool(self.pareto_k < PARETO_K_LIMIT)
        n = len(self.log_ratios)
        return Evidence(float(value), float(error), n, self.effective_sample_size, self.pareto_k, reliable)

    @property
    def effective_sample_size(self) -> float:
        """1 / sum of the squared smoothed weights."""
        return float(_effective_sample_size(self.log_weights))

    @property
    def total_variation(self) -> float:
        """Estimate of TV(q, p) = E_q|p/q - 1| / 2, between 0 and 1; too small where q misses mass altogether."""
        return float(0.5 * np.mean(np.abs(np.exp(self.log_weights) * len(self.log_weights) - 1.0)))


def importance_draws(
    key: PRNGKeyArray, density: Density, approximation: AbstractApproximation, num_draws: int = NUM_DRAWS
) -> ImportanceDraws:
    """Draws of the approximation with their weights; call it in the float64 scope.

    Those of a transport come from noise whose first three moments are exact, so that a normal approximation of a normal
    posterior gives its moments exactly; stated standard errors are those of independent draws, which are larger.
    """
    if isinstance(approximation, AbstractTransport):
        noise = fixed_draws(host_rng(key), num_draws, approximation.dim)
        draws, log_q = _transported_and_scored(approximation, noise)
    else:
        draws, log_q = _drawn_and_scored(approximation, key, num_draws)
    log_ratios = density.value(np.asarray(draws)) - np.asarray(log_q)
    log_ratios = np.where(np.isnan(log_ratios), -np.inf, log_ratios)
    log_weights, k = smoothed(log_ratios)
    return ImportanceDraws(np.asarray(draws), log_ratios, log_weights, k)


def smoothed(log_ratios: Float[np.ndarray, " draws"]) -> tuple[Float[np.ndarray, " draws"], float]:
    """Pareto-smoothed, normalised log weights and the shape k of their tail; one compiled program for each length."""
    log_weights, k = _smoothed(log_ratios)
    return np.asarray(log_weights), float(k)


def log_density_of(
    approximation: AbstractApproximation, draws: Float[np.ndarray, "b n"]
) -> Float[np.ndarray, " b"]:
    """log q of each row, in nats."""
    return np.asarray(_scored(approximation, jnp.asarray(draws)))


@eqx.filter_jit
def _scored(approximation, draws):
    return jax.vmap(approximation.log_prob)(draws)


@eqx.filter_jit
def _transported_and_scored(approximation, noise):
    draws = jax.vmap(approximation.transport)(noise)
    return draws, jax.vmap(approximation.log_prob)(draws)


@eqx.filter_jit
def _drawn_and_scored(approximation, key, num_draws):
    draws = approximation.sample(key, num_draws)
    return draws, jax.vmap(approximation.log_prob)(draws)


@in_float64
def _log_mean(log_ratios):
    log_ratios = jnp.asarray(log_ratios)
    return log_mean_exp(log_ratios), log_mean_exp_standard_error(log_ratios)


@in_float64
def _effective_sample_size(log_weights):
    return effective_sample_size(jnp.asarray(log_weights))


@jax.jit
def _smoothed(log_ratios):
    log_ratios = jnp.asarray(log_ratios)
    return psis_log_weights(log_ratios), pareto_k(log_ratios)
