"""Pathfinder: exact inverse Hessians on a quadratic, the normal itself, resampling, and nothing where there is nothing."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import Pathfinder
from latlas.bayes.engines._pathfinder import _inverse_hessians, _path, _resampled
from latlas.core import WorkError
from latlas.distributions.families import FullRank

MEAN = np.array([1.0, -2.0, 0.5])
FACTOR = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.5, 0.3, 1.5]])


def normal(params, data):
    mean, factor = data
    z = jax.scipy.linalg.solve_triangular(factor, params - mean, lower=True)
    return -0.5 * jnp.sum(z**2)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def density():
    return Density(from_log_density(normal, jnp.zeros(3), data=(MEAN, FACTOR)))


def test_the_estimate_obeys_the_last_steps_secant_equation(density):
    points, grads = _path(density, np.array([3.0, 1.0, -2.0]))
    estimates = list(_inverse_hessians(points, grads))
    assert len(estimates) >= 3
    for number, (_, _, covariance) in enumerate(estimates[:3], start=1):
        bend = grads[number - 1] - grads[number]
        np.testing.assert_allclose(
            covariance @ bend, points[number] - points[number - 1], rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("seed", range(3))
def test_a_normal_is_found(density, seed):
    result = Pathfinder()(jr.key(seed), density, FullRank(), tolerance=0.1)
    assert result.converged
    sd = np.sqrt(np.diagonal(FACTOR @ FACTOR.T))
    assert result.draws.shape == (1000, 3)
    np.testing.assert_allclose((result.draws.mean(0) - MEAN) / sd, 0.0, atol=4 / np.sqrt(1000))
    np.testing.assert_allclose(result.draws.std(0) / sd, 1.0, atol=4 / np.sqrt(2000))
    assert result.details["num_distinct"] == 1000


def test_one_path_and_replacement(density):
    engine = Pathfinder(num_paths=1, replace=True, num_draws=200)
    result = engine(jr.key(0), density, FullRank(), tolerance=0.1)
    assert result.draws.shape == (200, 3)
    assert result.details["num_distinct"] < 200
    assert len(result.details["elbos"]) == 1


@pytest.mark.parametrize("replace", [True, False])
def test_resampling_follows_the_weights(replace):
    log_weights = np.log(np.array([0.7, 0.2, 0.1, 0.0]) + 1e-300)
    rng = np.random.default_rng(0)
    first = np.array([_resampled(rng, log_weights, 1, replace)[0] for _ in range(4000)])
    np.testing.assert_allclose(
        np.bincount(first, minlength=4) / 4000, [0.7, 0.2, 0.1, 0.0], atol=4 * 0.5 / np.sqrt(4000)
    )


def test_a_density_that_is_never_finite_is_refused():
    nowhere = Density(
        from_log_density(lambda p: jnp.where(jnp.max(jnp.abs(p)) < 1e-6, 0.0, jnp.nan), jnp.zeros(2))
    )
    with pytest.raises(WorkError, match="None of Pathfinder's 8 paths"):
        Pathfinder()(jr.key(0), nowhere, FullRank(), tolerance=0.1)
