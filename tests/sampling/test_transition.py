"""Markov steps leave the densities that they are made for as they are."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats as scipy_stats

from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.evaluation.evidence._path import posterior_path
from latlas.models import PPCA
from latlas.sampling import HMC, IndependentMetropolis

B = 0.4


@pytest.fixture(scope="module")
def path():
    """Its f_b are Gaussian: from a wide normal r to the posterior of probabilistic PCA."""
    weight = jnp.array([[1.0, 0.3], [0.2, -0.8], [0.5, 0.5]])
    model = PPCA(weight, jnp.zeros(3), jnp.float32(0.6))
    return posterior_path(
        model, Example(jnp.array([0.7, -0.4, 0.1])), diagonal_normal(jnp.full(2, 0.3), jnp.full(2, 1.5))
    )


@pytest.fixture(scope="module")
def target(path):
    """Mean and covariance of f_B, by completing the square in float64."""
    weight = np.asarray(path.log_ratio.model.weight, np.float64)
    noise = float(path.log_ratio.model.noise_scale) ** 2
    posterior_precision = weight.T @ weight / noise + np.eye(2)
    posterior_shift = weight.T @ np.asarray(path.log_ratio.example.x, np.float64) / noise
    precision = (1 - B) * np.eye(2) / 1.5**2 + B * posterior_precision
    shift = (1 - B) * np.full(2, 0.3) / 1.5**2 + B * posterior_shift
    covariance = np.linalg.inv(precision)
    return covariance @ shift, covariance


@pytest.mark.parametrize(
    "transition",
    [
        pytest.param(HMC(num_leapfrog=4, step_size=0.35), id="HMC"),
        pytest.param(HMC(num_leapfrog=1, step_size=0.9, jitter=0.0), id="HMC of one step (Langevin)"),
        pytest.param(IndependentMetropolis(2), id="independent Metropolis"),
    ],
)
def test_a_step_leaves_its_gaussian_invariant(path, target, transition):
    mean, covariance = target
    count = 20_000
    exact = np.random.default_rng(0).multivariate_normal(mean, covariance, size=count)

    def chain(key, z):
        state, tuning = transition.init(path, z), transition.init_tuning()
        for step_key in jr.split(key, 2):
            state = transition(step_key, path, B, tuning, state)
        return state

    states = jax.jit(jax.vmap(chain))(jr.split(jr.key(1), count), jnp.asarray(exact, jnp.float32))
    # it moved, and it refused some: the acceptance is at work
    assert 0.3 < np.mean(states.acceptance) < 0.98
    moved = np.mean(np.any(np.abs(states.z - exact) > 1e-4, axis=1))
    assert moved > 0.5
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (np.asarray(states.z, np.float64) - mean).T)
    for row in (*whitened, (whitened[0] + whitened[1]) / np.sqrt(2)):
        assert scipy_stats.kstest(row, "norm").pvalue > 1e-3
    radius = np.sum(whitened**2, axis=0)
    assert scipy_stats.kstest(radius, scipy_stats.chi2(2).cdf).pvalue > 1e-3


def test_what_a_state_remembers_is_that_of_its_place(path):
    transition = HMC(num_leapfrog=3, step_size=0.3)
    state = transition.init(path, jnp.array([0.5, -0.2]))
    for seed in range(4):
        state = transition(jr.key(seed), path, B, transition.init_tuning(), state)
    again = transition.init(path, state.z)
    for name in ("log_initial", "log_ratio", "memory"):
        for got, want in zip(
            jax.tree.leaves(getattr(state, name)), jax.tree.leaves(getattr(again, name)), strict=True
        ):
            np.testing.assert_allclose(got, want, rtol=1e-5)
