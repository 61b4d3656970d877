import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import genpareto

from latlas.stats import pareto_k, psis_log_weights

k_of_rows = jax.jit(jax.vmap(pareto_k))
smooth_rows = jax.jit(jax.vmap(psis_log_weights))
smooth = jax.jit(psis_log_weights)
k_of = jax.jit(pareto_k)


def reference(log_weights):
    """PSIS in float64 NumPy with loops: smoothed weights and k, written from the papers."""
    log_weights = log_weights - log_weights.max()
    num_samples = len(log_weights)
    length = int(np.ceil(min(0.2 * num_samples, 3 * np.sqrt(num_samples))))
    order = np.argsort(log_weights)
    threshold = np.exp(log_weights[order[-length - 1]])
    tail = [i for i in order[-length:] if np.exp(log_weights[i]) > threshold]
    x = np.exp(log_weights[tail]) - threshold
    n = len(x)
    grid = 30 + int(np.sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1]
    thetas = [1 / x[-1] + (1 - np.sqrt(grid / (j - 0.5))) / 3 / quartile for j in range(1, grid + 1)]
    shapes = [np.mean(np.log1p(-theta * x)) for theta in thetas]
    logs = np.array([n * (np.log(-theta / k) - k - 1) for theta, k in zip(thetas, shapes, strict=True)])
    weights = [1 / np.sum(np.exp(logs - log)) for log in logs]
    theta = np.dot(weights, thetas)
    k = np.mean(np.log1p(-theta * x))
    scale = -k / theta
    k = (n * k + 5) / (n + 10)
    new = log_weights.copy()
    new[tail] = np.minimum(np.log(threshold + genpareto.ppf((np.arange(n) + 0.5) / n, k, scale=scale)), 0)
    return new - np.log(np.sum(np.exp(new))), k


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.5, 0.9, 1.5])
def test_k_and_smoothed_weights_are_those_of_an_independent_implementation(shape):
    rows = np.log(genpareto.rvs(shape, size=(5, 1000), random_state=np.random.default_rng(3)))
    rows = rows.astype(np.float32)
    expected_weights, expected_k = zip(*(reference(row.astype(np.float64)) for row in rows), strict=True)
    np.testing.assert_allclose(k_of_rows(rows), expected_k, atol=2e-4)
    np.testing.assert_allclose(smooth_rows(rows), expected_weights, atol=5e-4)


def test_weights_that_tie_with_the_threshold_are_no_part_of_the_tail():
    rows = np.log(genpareto.rvs(0.6, size=(5, 1000), random_state=np.random.default_rng(3)))
    rows = np.maximum(rows, np.sort(rows)[:, [-40]]).astype(np.float32)  # the tail has 39 weights, not 95
    expected_weights, expected_k = zip(*(reference(row.astype(np.float64)) for row in rows), strict=True)
    np.testing.assert_allclose(k_of_rows(rows), expected_k, atol=1e-4)
    np.testing.assert_allclose(smooth_rows(rows), expected_weights, atol=5e-4)


@pytest.mark.parametrize("shape", [0.1, 0.4, 0.7, 1.0])
def test_k_of_a_generalised_pareto_sample_is_its_shape(shape):
    # Beyond any threshold a generalised Pareto law keeps its shape k. With n = 300 tail weights the error of
    # the maximum-likelihood k is (1 + k) / sqrt(n); the prior draws it towards 0.5 by 10 / (n + 10).
    rows = np.log(genpareto.rvs(shape, size=(20, 10_000), random_state=np.random.default_rng(11)))
    found = np.asarray(k_of_rows(rows.astype(np.float32)))
    n = 300
    expected = (n * shape + 5) / (n + 10)
    error = (1 + shape) / np.sqrt(n)
    assert abs(found.mean() - expected) < 4 * error / np.sqrt(20)
    assert np.all(abs(found - expected) < 4.5 * error)


def test_k_does_not_depend_on_a_constant_or_on_the_order():
    row = np.log(genpareto.rvs(0.6, size=1000, random_state=np.random.default_rng(5))).astype(np.float32)
    k = k_of(row)
    np.testing.assert_allclose(k_of(row - 60), k, atol=2e-3)
    np.testing.assert_array_equal(k_of(row[::-1]), k)


def with_values(value, count):
    row = np.random.default_rng(0).normal(size=200).astype(np.float32)
    row[:count] = value
    return row


CASES = {
    "constant weights": (np.full(200, -80.0), 0.0),
    "weights equal up to rounding": (-800 + 6e-5 * (np.arange(200) % 3), 0.0),
    "two levels": (np.where(np.arange(200) % 2, -1.0, -2.0), 0.0),
    "all weights zero": (np.full(200, -np.inf), np.inf),
    "one weight not zero": (np.where(np.arange(200), -np.inf, 3.0), np.inf),
    "one weight dwarfs all": (np.where(np.arange(200), 0.0, 500.0), np.inf),
    "a nan": (with_values(np.nan, 1), np.inf),
    "an infinity": (with_values(np.inf, 1), np.inf),
    "huge spread": (np.linspace(-1e30, 1e30, 200), np.inf),
}


@pytest.mark.parametrize(("row", "expected"), [pytest.param(*case, id=name) for name, case in CASES.items()])
def test_k_of_a_degenerate_vector_is_zero_or_infinite_and_never_nan(row, expected):
    assert k_of(jnp.asarray(row, jnp.float32)) == expected


@pytest.mark.parametrize("row", [pytest.param(case[0], id=name) for name, case in CASES.items()])
def test_smoothed_weights_sum_to_one_or_are_all_zero(row):
    weights = np.exp(smooth(jnp.asarray(row, jnp.float32)))
    usable = np.isfinite(row.max())
    np.testing.assert_allclose(weights.sum(), 1.0 if usable else 0.0, rtol=1e-5)


def test_zero_weights_stay_zero_and_do_not_disturb_the_tail():
    row = with_values(-np.inf, 100)
    assert np.isfinite(k_of(row))
    assert np.all(np.isneginf(smooth(row)[:100]))
    np.testing.assert_allclose(np.exp(smooth(row)).sum(), 1, rtol=1e-5)


def test_smoothing_keeps_the_order_and_lowers_the_spread_of_a_heavy_tail():
    row = np.log(genpareto.rvs(0.8, size=1000, random_state=np.random.default_rng(2))).astype(np.float32)
    smoothed = np.asarray(smooth(row))
    np.testing.assert_array_equal(np.argsort(smoothed, kind="stable"), np.argsort(row, kind="stable"))
    assert np.sum(np.exp(smoothed)) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("num_samples", [1, 2, 20])
def test_too_few_samples_give_no_k(num_samples):
    row = jnp.arange(num_samples, dtype=jnp.float32)
    assert pareto_k(row) == np.inf
    np.testing.assert_allclose(psis_log_weights(row), row - jax.nn.logsumexp(row), rtol=1e-6)
