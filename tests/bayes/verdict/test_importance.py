"""Importance weights where the answer is known: q = p, a shifted q, a conjugate model, q that leaves the support."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats
from tests.bayes.posteriors import density_of, nearby_normal, normal

from latlas.bayes.verdict import importance_draws
from latlas.bayes.verdict._assess import _upper
from latlas.core import Estimate
from latlas.distributions.families import FullGaussian

LOC, FACTOR = nearby_normal(3)
LOG_Z = np.linalg.slogdet(FACTOR)[1] + 1.5 * np.log(2 * np.pi)


@pytest.fixture(scope="module")
def density():
    return density_of(normal, 3, (LOC, FACTOR))


def draws_of(density, loc, factor, **options):
    with jax.enable_x64(True):
        approximation = FullGaussian.of(np.asarray(loc), np.asarray(factor))
        return importance_draws(jr.key(options.pop("seed", 0)), density, approximation, **options)


def test_where_q_is_p_all_weights_are_alike(density):
    draws = draws_of(density, LOC, FACTOR)
    np.testing.assert_allclose(draws.log_evidence.value, LOG_Z, rtol=1e-10)
    np.testing.assert_allclose(draws.elbo.value, LOG_Z, rtol=1e-10)
    np.testing.assert_allclose(draws.effective_sample_size, 4096, rtol=1e-8)
    assert draws.total_variation < 1e-8
    assert draws.elbo.standard_error < 1e-8
    assert draws.pareto_k < 0.5


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_a_shifted_q(density, shift):
    """KL = shift^2 / 2 and TV = 2 Phi(shift / 2) - 1, whatever the dimension."""
    draws = draws_of(density, LOC + shift * FACTOR[:, 0], FACTOR)
    assert abs(draws.elbo.value - (LOG_Z - 0.5 * shift**2)) < 4 * draws.elbo.standard_error
    assert abs(draws.log_evidence.value - LOG_Z) < 4 * draws.log_evidence.standard_error
    expected = 2 * stats.norm.cdf(0.5 * shift) - 1
    assert abs(draws.total_variation - expected) < 0.03
    assert draws.log_evidence.reliable


def test_the_evidence_from_above_is_exact_where_q_is_p(density):
    w = np.random.default_rng(0).normal(size=(4, 50, 3))
    with jax.enable_x64(True):
        found = _upper(density, FullGaussian.of(LOC, FACTOR), w)
    assert found.value == pytest.approx(LOG_Z, rel=1e-10)
    assert found.standard_error < 1e-8


def test_standard_errors_cover_many_seeds(density):
    """Draws are evener than independent ones, for which the errors are stated; linear log ratios they average exactly."""
    results = [
        draws_of(density, LOC + 0.5 * FACTOR[:, 0], FACTOR, seed=seed, num_draws=512) for seed in range(25)
    ]
    for name in ("elbo", "log_evidence"):
        values = np.array([getattr(r, name).value for r in results])
        claimed = np.mean([getattr(r, name).standard_error for r in results])
        assert values.std(ddof=1) / claimed < 1.5  # 25 values know their deviation to 14 %


def test_evidence_of_a_conjugate_model():
    """y_i ~ N(mu, 1), mu ~ N(0, 2^2), with all constants: log p(y) in closed form."""
    y = np.array([0.3, 1.9, 2.2])

    def model(u, y):
        return jnp.sum(jax.scipy.stats.norm.logpdf(y, u[0])) + jax.scipy.stats.norm.logpdf(u[0], 0.0, 2.0)

    draws = draws_of(density_of(model, 1, y), [1.0], [[0.8]])
    exact = stats.multivariate_normal(np.zeros(3), np.eye(3) + 4.0).logpdf(y)
    assert abs(draws.log_evidence.value - exact) < 4 * draws.log_evidence.standard_error
    assert draws.log_evidence.standard_error < 0.02


def test_a_q_that_is_too_narrow_has_a_heavy_tail(density):
    draws = draws_of(density, LOC, 0.4 * FACTOR)
    assert draws.pareto_k > 0.7
    assert not draws.log_evidence.reliable


def test_draws_without_a_density_weigh_nothing():
    draws = draws_of(density_of(lambda u: jnp.sum(jnp.log(u) - u), 1), [1.0], [[1.0]])
    outside = draws.draws[:, 0] <= 0
    assert 0.1 < outside.mean() < 0.2
    np.testing.assert_array_equal(np.exp(draws.log_weights[outside]), 0.0)
    np.testing.assert_allclose(np.exp(draws.log_weights).sum(), 1.0)
    assert np.isfinite(draws.log_evidence.value)
    assert draws.elbo == Estimate(-np.inf, np.inf)
