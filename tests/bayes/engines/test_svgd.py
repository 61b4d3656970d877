"""SVGD on a normal, its direction against finite sums, and the collapse that its page warns of."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import Svgd
from latlas.bayes.engines._svgd import _direction
from latlas.core import WorkError
from latlas.distributions.families import FullRank


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def normal(params, scale):
    return -0.5 * jnp.sum(((params - 1.0) / scale) ** 2)


def density_of(dim):
    return Density(from_log_density(normal, jnp.zeros(dim), data=np.linspace(0.8, 1.5, dim)))


def test_the_direction_is_the_stein_operators_mean():
    rng = np.random.default_rng(0)
    w, score = rng.standard_normal((2, 6, 2))
    squares = ((w[:, None] - w) ** 2).sum(-1)
    bandwidth = np.median(squares) / np.log(7)

    def phi(x):
        def term(j):
            gap = x - w[j]
            kernel = np.exp(-gap @ gap / bandwidth)
            return kernel * score[j] + 2 * gap / bandwidth * kernel

        return np.mean([term(j) for j in range(6)], axis=0)

    np.testing.assert_allclose(_direction(w, score), [phi(x) for x in w], rtol=1e-10)


@pytest.mark.parametrize("seed", range(2))
def test_a_normal_is_found(seed):
    result = Svgd()(jr.key(seed), density_of(2), FullRank(), tolerance=0.1)
    assert result.converged
    sd = np.linspace(0.8, 1.5, 2)
    np.testing.assert_allclose((result.draws.mean(0) - 1.0) / sd, 0.0, atol=0.05)
    np.testing.assert_allclose(result.draws.std(0) / sd, 1.0, atol=0.1)


def test_a_time_limit_is_said():
    result = Svgd(max_seconds=1e-9, num_particles=8)(jr.key(0), density_of(2), FullRank(), tolerance=1e-6)
    assert not result.converged
    assert "time limit of 1e-09 s stopped them" in result.message
    result = Svgd(max_steps=50, num_particles=8)(jr.key(0), density_of(2), FullRank(), tolerance=1e-6)
    assert "time limit" not in result.message


def test_variances_collapse_in_high_dimension():
    result = Svgd(num_particles=32)(jr.key(0), density_of(60), FullRank(), tolerance=0.1)
    assert np.mean(result.draws.std(0) / np.linspace(0.8, 1.5, 60)) < 0.7


def test_a_density_that_is_not_finite_is_refused():
    half = Density(from_log_density(lambda p: jnp.log(p[0] + 1e-3), jnp.ones(1)))
    with pytest.raises(WorkError, match="support"):
        Svgd()(jr.key(0), half, FullRank(), tolerance=0.1)
