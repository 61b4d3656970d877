import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from latlas.stats import (
    effective_sample_size,
    log_mean_exp,
    log_mean_exp_standard_error,
    renyi_log_mean,
    standard_error,
    weight_statistics,
)

ROW = np.random.default_rng(0).normal(scale=2.0, size=50)


@pytest.mark.parametrize("shift", [0.0, -1e4, 3e4])
def test_estimates_are_exact_at_any_size_of_the_log_weights(shift):
    row = jnp.asarray(ROW + shift, jnp.float32)
    exact = np.asarray(row, np.float64)  # after rounding to float32
    weights = np.exp(exact - exact.max())
    np.testing.assert_allclose(log_mean_exp(row), logsumexp(exact) - np.log(50), rtol=1e-6)
    np.testing.assert_allclose(effective_sample_size(row), weights.sum() ** 2 / np.sum(weights**2), rtol=1e-5)
    expected = weights.std(ddof=1) / np.sqrt(50) / weights.mean()
    np.testing.assert_allclose(log_mean_exp_standard_error(row), expected, rtol=1e-5)


def test_effective_sample_size_lies_between_one_and_all():
    assert effective_sample_size(jnp.zeros(7)) == 7
    assert effective_sample_size(jnp.array([0.0, -1e30, -jnp.inf])) == 1


def test_weights_that_are_all_zero_give_no_nan():
    row = jnp.full(4, -jnp.inf)
    assert log_mean_exp(row) == -jnp.inf
    assert effective_sample_size(row) == 0
    assert log_mean_exp_standard_error(row) == jnp.inf


def test_one_value_has_an_infinite_standard_error():
    assert standard_error(jnp.ones(1)) == jnp.inf
    assert log_mean_exp_standard_error(jnp.ones(1)) == jnp.inf


def test_standard_error_is_that_of_the_mean():
    np.testing.assert_allclose(
        standard_error(jnp.asarray(ROW, jnp.float32)), ROW.std(ddof=1) / 50**0.5, rtol=1e-5
    )


def test_delta_method_error_is_the_spread_of_repeated_estimates():
    # 4,000 repetitions know a standard deviation to 1 / sqrt(8000) = 1.1 %; the bound is 4 of these
    rows = 0.5 * jax.random.normal(jax.random.key(1), (4000, 200))
    estimates = jax.vmap(log_mean_exp)(rows)
    claimed = jax.vmap(log_mean_exp_standard_error)(rows)
    np.testing.assert_allclose(claimed.mean(), estimates.std(), rtol=0.045)


@pytest.mark.parametrize("alpha", [-1.0, -0.3, 0.0, 0.5, 2.0])
def test_the_renyi_mean_is_its_formula(alpha):
    log_weights = np.random.default_rng(0).normal(size=50) - 300.0
    found = renyi_log_mean(jnp.asarray(log_weights, jnp.float32), alpha)
    truth = np.log(np.mean(np.exp((1 - alpha) * (log_weights + 300)))) / (1 - alpha) - 300
    assert float(found) == pytest.approx(truth, rel=1e-6)


def test_the_renyi_mean_falls_with_alpha_through_the_elbo():
    log_weights = jnp.asarray(np.random.default_rng(1).normal(size=50))
    found = [
        float(renyi_log_mean(log_weights, alpha)) for alpha in (-40.0, -1.0, 0.0, 0.999, 1.0, 1.001, 3.0)
    ]
    assert found == sorted(found, reverse=True)
    assert found[4] == pytest.approx(float(jnp.mean(log_weights)))
    np.testing.assert_allclose(found[3:6], found[4], atol=2e-3)
    assert found[0] == pytest.approx(float(jnp.max(log_weights)), abs=0.15)


@pytest.mark.parametrize(("shape", "low", "high"), [(0.3, 0.93, 0.97), (0.65, 0.7, 0.88)])
def test_two_errors_cover_what_they_promise_below_half_and_less_from_there_on(shape, low, high):
    # a normal of variance 1 - k for one of variance 1: weights whose tail has the shape k, and whose mean is 1
    variance = 1.0 - shape
    z = np.sqrt(variance) * np.random.default_rng(0).normal(size=(1000, 1000))
    log_weights = 0.5 * z**2 * (1 / variance - 1) + 0.5 * np.log(variance)
    found = jax.jit(jax.vmap(weight_statistics))(jnp.asarray(log_weights, jnp.float32))
    covered = np.abs(np.asarray(found.log_evidence)) < 2 * np.asarray(found.standard_error)
    assert low < covered.mean() < high
