"""Forward KL by importance sampling, where the answer is known."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import Inclusive
from latlas.bayes.engines._maximum_likelihood import matched
from latlas.bayes.verdict._posterior import of_result
from latlas.core import WorkError
from latlas.distributions.families import Block, Flow, FullRank, LowRank, MeanField, Mixture, Structured

LOC = np.array([0.7, -0.4, 0.2])
COVARIANCE = np.array([[1.5, 0.9, 0.3], [0.9, 1.0, -0.1], [0.3, -0.1, 0.6]])
PRECISION = jnp.asarray(np.linalg.inv(COVARIANCE))


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def density(log_density, dim):
    return Density(from_log_density(log_density, jnp.zeros(dim)))


def normal(w):
    return -0.5 * (w - LOC) @ PRECISION @ (w - LOC)


def two_modes(w):
    # 0.25 N((-2, -2), 0.5^2 I) + 0.75 N((1, 1), I), times 3
    left = jnp.log(0.25) - 2 * jnp.sum((w + 2) ** 2) + 2 * jnp.log(2.0)
    return (
        jnp.log(3.0) - jnp.log(2 * jnp.pi) + jnp.logaddexp(left, jnp.log(0.75) - 0.5 * jnp.sum((w - 1) ** 2))
    )


@pytest.mark.parametrize("family", [FullRank(), Block(((0, 1),)), LowRank(2)], ids=lambda f: f.name)
def test_a_normal_is_matched_without_monte_carlo_error(family):
    fit = Inclusive()(jr.key(0), density(normal, 3), family, tolerance=0.01)
    want = COVARIANCE.copy()
    if family.name == "block":
        want[2, :2] = want[:2, 2] = 0.0
    assert fit.converged, fit.message
    np.testing.assert_allclose(fit.approximation.mean, LOC, atol=1e-3)
    np.testing.assert_allclose(fit.approximation.covariance, want, atol=2e-3)
    evidence = fit.details["log_evidence"]
    truth = 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1]
    assert abs(evidence["value"] - truth) < 4 * evidence["standard_error"] + 1e-3


def test_low_rank_is_the_member_nearest_in_forward_kl():
    # a covariance of the family comes back, and so the divergence is zero
    factor = np.array([[1.0], [-2.0], [0.5], [0.3]])
    covariance = np.diag([1.0, 0.5, 2.0, 0.7]) + factor @ factor.T
    q = matched(LowRank(1), np.zeros(4), covariance)
    np.testing.assert_allclose(q.covariance, covariance, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_a_mixture_covers_both_modes():
    fit = Inclusive()(jr.key(1), density(two_modes, 2), Mixture(2), tolerance=0.1)
    q = fit.approximation
    left = int(jnp.argmin(q.components.loc[:, 0]))
    assert fit.converged, fit.message
    assert float(q.weights[left]) == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(q.components.loc[left], [-2, -2], atol=0.1)
    np.testing.assert_allclose(q.components.loc[1 - left], [1, 1], atol=0.1)
    assert fit.details["log_evidence"]["value"] == pytest.approx(np.log(3.0), abs=0.1)


@pytest.mark.slow
def test_a_funnel_is_found_by_conditionals():
    # v ~ N(0, 1), x ~ N(0, exp(v)): inside the family
    def funnel(w):
        return -0.5 * w[0] ** 2 - 0.5 * w[1] ** 2 * jnp.exp(-w[0]) - 0.5 * w[0]

    fit = Inclusive()(jr.key(2), density(funnel, 2), Structured((((1,), (0,)),)), tolerance=0.03)
    q = fit.approximation
    assert float(q.log_scale_weights[0]) == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(jnp.exp(q.log_scale), 1.0, atol=0.05)


def test_gaps_get_no_weight_and_are_reported():
    # half a normal: below zero the density is nan
    def half(w):
        return jnp.where(w[0] > 0, -0.5 * w[0] ** 2, jnp.nan)

    fit = Inclusive()(jr.key(3), density(half, 1), FullRank(), tolerance=0.02)
    truth = stats.halfnorm
    assert float(fit.approximation.mean[0]) == pytest.approx(truth.mean(), abs=0.03)
    assert float(fit.approximation.covariance[0, 0]) == pytest.approx(truth.var(), rel=0.06)
    assert fit.details["num_gaps"] > 0
    assert "not finite" in fit.message


def test_a_density_that_is_nowhere_finite_is_refused():
    with pytest.raises(WorkError, match="finite at none of 1024 draws"):
        Inclusive()(jr.key(0), density(lambda w: jnp.nan * w[0], 1), FullRank(), tolerance=0.1)


def test_heavy_tails_are_said():
    # no proposal has tails as heavy as these: w^-1.5, whose mean does not exist
    fit = Inclusive()(
        jr.key(4), density(lambda w: -1.5 * jnp.log1p(jnp.abs(w[0])), 1), FullRank(), tolerance=0.02
    )
    assert not fit.converged
    assert fit.details["pareto_k"] > 0.5


@pytest.mark.slow
def test_a_flow_which_knows_no_mean_is_reported_with_that_of_the_draws():
    posterior = density(normal, 3)
    result = Inclusive()(jr.key(0), posterior, Flow(num_layers=1, width=4), tolerance=0.3)
    np.testing.assert_allclose(of_result(jr.key(1), posterior, result).moments().mean, LOC, atol=0.2)


def test_what_is_no_normal_reports_its_own_shape():
    posterior = density(two_modes, 2)
    result = Inclusive()(jr.key(0), posterior, Mixture(2), tolerance=0.1)
    found = of_result(jr.key(1), posterior, result)
    assert found.correction == "none"
    left = np.mean(np.asarray(found.draws)[:, 0] < -1.0)
    # 0.25 of N(-2, 0.5^2) below -1, and 0.75 of N(1, 1)
    np.testing.assert_allclose(left, 0.25 * stats.norm.cdf(2.0) + 0.75 * stats.norm.cdf(-2.0), atol=0.04)


def test_a_normal_without_correlations_reports_those_of_the_draws():
    posterior = density(normal, 3)
    result = Inclusive()(jr.key(0), posterior, MeanField(), tolerance=0.1)
    found = of_result(jr.key(1), posterior, result)
    assert found.correction == "weighted moments"
    np.testing.assert_allclose(np.cov(np.asarray(found.draws).T), COVARIANCE, atol=0.02)
