"""The evidence between two sets of draws where it is known: what a normal's own weights miss, and what they do not."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import special
from tests.bayes.posteriors import density_of, log_gammas, nearby_normal, normal

from latlas.bayes.verdict import importance_draws
from latlas.bayes.verdict._assess import between_halves, weigh
from latlas.bayes.verdict._bridge import bridge_between
from latlas.distributions.families import FullGaussian


def bridged(density, q, draws, seed=0):
    with jax.enable_x64(True):
        importance = importance_draws(jr.key(seed), density, q)
        return importance, bridge_between(density, q, importance, draws)


def test_where_q_is_the_posterior_it_is_exact():
    loc, factor = nearby_normal(3)
    density, q = density_of(normal, 3, (loc, factor)), FullGaussian.of(loc, factor)
    draws = loc + np.random.default_rng(0).standard_normal((64, 50, 3)) @ factor.T
    _, found = bridged(density, q, draws)
    assert found.value == pytest.approx(np.linalg.slogdet(factor)[1] + 1.5 * np.log(2 * np.pi), rel=1e-9)
    assert found.standard_error < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_an_exponential_tail_that_a_normal_misses_is_counted(seed):
    """log Gamma(0.3): half its mass lies where the normal at its mode, of the same curvature, has next to nothing."""
    shape = 0.3
    density = density_of(log_gammas, 1, np.array([shape]))
    q = FullGaussian.of(np.array([np.log(shape)]), np.array([[0.6 * shape**-0.5]]))
    draws = np.log(np.random.default_rng(seed).gamma(shape, size=(64, 50, 1)))
    importance, found = bridged(density, q, draws, seed)
    exact = special.gammaln(shape)
    assert importance.log_evidence.value < exact - 0.1
    assert abs(found.value - exact) < 4 * found.standard_error
    assert found.standard_error < 0.1


def test_its_error_covers_many_sets_of_draws():
    density, exact = density_of(log_gammas, 2, np.array([1.0, 2.0])), 0.0
    q = FullGaussian.of(np.array([-0.6, 0.4]), np.diag([1.3, 0.8]))
    rng = np.random.default_rng(0)
    found = [
        bridged(density, q, np.log(rng.gamma([1.0, 2.0], size=(16, 40, 2))), seed)[1] for seed in range(30)
    ]
    deviations = np.array([(e.value - exact) / e.standard_error for e in found])
    # draws of q are evener than independent ones, for which the error is stated
    assert 0.4 < np.sqrt(np.mean(deviations**2)) < 1.4


def test_draws_that_have_nothing_in_common_tell_nothing():
    density = density_of(normal, 1, (np.zeros(1), np.eye(1)))
    draws = np.random.default_rng(0).standard_normal((8, 20, 1))
    assert bridged(density, FullGaussian.of(np.full(1, 1e4), np.eye(1)), draws)[1] is None


def test_an_engines_own_chains_are_held_against_a_normal_of_their_other_half():
    density = density_of(lambda u: jnp.sum(2.0 * u - jnp.exp(u)), 2)
    draws = np.log(np.random.default_rng(1).gamma(2.0, size=(4, 600, 2)))
    with jax.enable_x64(True):
        q = FullGaussian.of(draws.mean((0, 1)), np.diag(draws.std((0, 1))))
        found = between_halves(jr.key(0), density, weigh(jr.key(1), density, q), draws)
        stuck = draws + 10.0 * np.arange(4)[:, None, None]
        assert between_halves(jr.key(0), density, weigh(jr.key(1), density, q), stuck).bridge is None
    assert abs(found.bridge.value) < 4 * found.bridge.standard_error
    assert found.log_evidence.reliable
