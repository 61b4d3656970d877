"""Deterministic ADVI and linear response against normal posteriors, where all is known, and a few that are not normal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import DeterministicAdvi, MeanFieldResponse
from latlas.core import RequestError, WorkError
from latlas.distributions.families import AbstractFamily, Affine, Diagonal, FullRank, MeanField, Triangular
from latlas.distributions.families._family import AbstractApproximation
from latlas.stats._normal_draws import fixed_draws


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def density_of(function, dim, data=None):
    return Density(from_log_density(function, jnp.zeros(dim), data=data))


def normal(precision, loc):
    def log_density(w, data):
        apart = w - data["loc"]
        return -0.5 * apart @ data["precision"] @ apart

    return density_of(log_density, len(loc), {"precision": jnp.asarray(precision), "loc": jnp.asarray(loc)})


def correlated(dim, seed=0, strength=0.7):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((dim, dim)) * strength + np.eye(dim)
    covariance = factor @ factor.T / dim + 0.1 * np.eye(dim)
    return np.linalg.inv(covariance), covariance, rng.standard_normal(dim)


def fit(density, family=None, **options):
    return DeterministicAdvi(**options)(jax.random.key(0), density, family or MeanField(), tolerance=0.05)


@pytest.mark.parametrize("dim", [3, 40])
def test_mean_field_variances_are_the_inverse_diagonal_of_the_precision(dim):
    # 40 dimensions and 16 draws: the quadratic part is exact all the same
    precision, _, loc = correlated(dim)
    result = fit(normal(precision, loc))
    variances = np.exp(2.0 * np.asarray(result.approximation.log_scale))
    np.testing.assert_allclose(variances, 1.0 / np.diagonal(precision), rtol=1e-3)
    np.testing.assert_allclose(result.approximation.loc, loc, atol=2e-3)
    assert result.converged
    assert result.details["num_draws"] == 16


@pytest.mark.parametrize("dim", [3, 40])
def test_linear_response_is_exact_for_a_normal_posterior(dim):
    precision, covariance, loc = correlated(dim)
    np.testing.assert_allclose(fit(normal(precision, loc)).covariance, covariance, rtol=1e-6, atol=1e-8)


def test_the_whitening_changes_units_only():
    precision, covariance, loc = correlated(5)
    scale = np.array([1e-3, 1.0, 50.0, 0.2, 7.0])
    result = fit(
        normal(precision, loc).whitened(Affine(jnp.asarray(loc + 0.1), Diagonal(jnp.asarray(scale))))
    )
    np.testing.assert_allclose(result.covariance * np.outer(scale, scale), covariance, rtol=1e-5, atol=1e-8)


def test_full_rank_elbo_equals_the_log_evidence_of_a_conjugate_model():
    rng = np.random.default_rng(3)
    x, noise = rng.standard_normal((30, 4)), 0.5
    y = x @ rng.standard_normal(4) + noise * rng.standard_normal(30)

    def log_joint(w, data):
        residual = (data["y"] - data["x"] @ w) / noise
        return (
            -0.5 * jnp.sum(w**2)
            - 0.5 * jnp.sum(residual**2)
            - 0.5 * 34 * jnp.log(2 * jnp.pi)
            - 30 * jnp.log(noise)
        )

    result = fit(density_of(log_joint, 4, {"x": jnp.asarray(x), "y": jnp.asarray(y)}), FullRank())
    marginal = x @ x.T + noise**2 * np.eye(30)
    evidence = -0.5 * (y @ np.linalg.solve(marginal, y) + np.linalg.slogdet(2 * np.pi * marginal)[1])
    assert result.details["fixed_draw_elbo"] == pytest.approx(evidence, abs=1e-5)
    covariance = np.linalg.inv(np.eye(4) + x.T @ x / noise**2)
    factor = np.asarray(result.approximation.scale_tril)
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=1e-3 * covariance.max())


def test_mean_field_of_a_skewed_posterior_is_the_kl_optimum():
    # log of a gamma(a, 1) variable: E_q[log p] is closed, a m - exp(m + s^2 / 2)
    shape = 3.0
    result = DeterministicAdvi()(
        jax.random.key(1),
        density_of(lambda w: jnp.sum(shape * w - jnp.exp(w)), 1),
        MeanField(),
        tolerance=0.005,
    )
    # optimum: exp(m + v/2) = a and v = 1/a
    assert np.exp(2.0 * result.approximation.log_scale[0]) == pytest.approx(1.0 / shape, rel=0.03)
    assert result.approximation.loc[0] == pytest.approx(np.log(shape) - 0.5 / shape, abs=0.02)
    assert result.details["num_draws"] > 16


def test_linear_response_of_a_skewed_posterior_against_a_derivative_of_the_optimum():
    # Var f = d E_q[f] / dt for the tilted posterior: for the log gamma, tilting by t w moves the shape
    shape = 3.0
    density = density_of(lambda w: jnp.sum(shape * w - jnp.exp(w)), 1)
    loc, log_scale = np.array([np.log(shape) - 0.5 / shape]), np.array([-0.5 * np.log(shape)])
    response = MeanFieldResponse(density, loc, log_scale, fixed_draws(np.random.default_rng(0), 256, 1))
    derivative = 1.0 / shape + 0.5 / shape**2
    assert response.covariance().covariance[0, 0] == pytest.approx(derivative, rel=0.03)
    assert response.covariance_of(lambda w: 2.0 * w)[0, 0] == pytest.approx(4.0 * derivative, rel=0.03)


def test_responses_by_conjugate_gradients_and_by_dense_blocks_agree(monkeypatch):
    precision, covariance, loc = correlated(4)
    response = MeanFieldResponse(
        normal(precision, loc),
        loc,
        -0.5 * np.log(np.diagonal(precision)),
        fixed_draws(np.random.default_rng(0), 16, 4),
    )
    rows = np.random.default_rng(1).standard_normal((2, 4))
    expected = rows @ covariance @ rows.T
    np.testing.assert_allclose(response.covariance_of(lambda w: rows @ w), expected, rtol=1e-8)
    monkeypatch.setattr("latlas.bayes.engines._linear_response.MAX_DENSE_DIM", 3)
    np.testing.assert_allclose(response.covariance_of(lambda w: rows @ w), expected, rtol=1e-4)


def hierarchy(dim=20, seed=2):
    rng = np.random.default_rng(seed)
    y = 0.5 * rng.standard_normal(dim) + 0.4 * rng.standard_normal(dim)

    def log_joint(w, y):
        tau, effects = jnp.exp(w[0]), w[1:]
        return (
            w[0]
            - 0.5 * tau**2
            - dim * w[0]
            - 0.5 * jnp.sum((effects / tau) ** 2)
            - 0.5 * jnp.sum(((y - effects) / 0.4) ** 2)
        )

    return density_of(log_joint, dim + 1, jnp.asarray(y))


def test_a_centred_hierarchy_without_a_mode_is_fitted_from_the_origin():
    # the joint density rises without bound towards tau = 0, where a search for its mode ends
    result = fit(hierarchy(), max_draws=256)
    assert result.converged
    assert -2.5 < result.approximation.loc[0] < 0.5


def test_linear_response_refuses_a_funnel():
    def funnel(w):
        return -0.5 * w[0] ** 2 / 9.0 - 0.5 * jnp.sum(w[1:] ** 2) * jnp.exp(-w[0]) - 4.5 * w[0]

    result = fit(density_of(funnel, 10), max_draws=64)
    assert result.covariance is None
    assert not result.converged
    assert "as in a funnel" in result.message
    assert "no linear response" in result.message


def test_linear_response_is_not_worked_out_around_what_is_no_optimum(monkeypatch):
    monkeypatch.setattr("latlas.bayes.engines._dadvi._ROUNDS", 1)
    monkeypatch.setattr("latlas.bayes.engines._dadvi._ITERATIONS_A_ROUND", 1)
    result = fit(density_of(lambda w: jnp.sum(30.0 * w - jnp.exp(8.0 * w)), 1), max_draws=16)
    assert not result.converged
    assert result.covariance is None
    assert "stopped short" in result.message


def test_draws_that_leave_the_support_are_stepped_back_from():
    def half_line(w):
        return jnp.sum(jnp.where(w > -3.2, -0.5 * w**2 * 4.0, jnp.nan))

    result = fit(density_of(half_line, 2))
    np.testing.assert_allclose(np.exp(result.approximation.log_scale), 0.5, rtol=1e-3)


def test_a_density_that_is_nowhere_finite_is_named():
    with pytest.raises(WorkError, match="not finite"):
        fit(density_of(lambda w: jnp.sum(w) * jnp.nan, 2))


def test_a_family_that_is_no_map_of_noise_is_refused():
    class Odd(AbstractApproximation):
        dim = 2

        def sample(self, key, num_draws): ...

        def log_prob(self, w): ...

        def entropy(self, key): ...

    class Family(AbstractFamily):
        name = "odd"
        is_axis_aligned = False

        def init(self, key, dim):
            return Odd()

    with pytest.raises(RequestError, match="maps noise"):
        fit(density_of(lambda w: -jnp.sum(w**2), 2), Family())


def test_the_same_key_gives_the_same_fit():
    density = density_of(lambda w: jnp.sum(3.0 * w - jnp.exp(w)), 1)
    first, second = (fit(density, linear_response=False) for _ in range(2))
    np.testing.assert_array_equal(first.approximation.loc, second.approximation.loc)


@pytest.mark.parametrize(("num_draws", "dim"), [(16, 3), (16, 40), (128, 40)])
def test_fixed_draws_have_the_moments_they_promise(num_draws, dim):
    draws = fixed_draws(np.random.default_rng(0), num_draws, dim)
    np.testing.assert_allclose(draws.mean(0), 0.0, atol=1e-12)
    second = draws.T @ draws / num_draws
    np.testing.assert_allclose(np.diagonal(second), 1.0, atol=1e-12)
    if num_draws >= 2 * dim:
        np.testing.assert_allclose(second, np.eye(dim), atol=1e-12)


@pytest.mark.parametrize(
    "factor", [None, Diagonal(np.array([0.5, 2.0])), Triangular(np.array([[0.5, 0.0], [0.3, 2.0]]))]
)
def test_hessian_products_are_products_with_the_hessian(factor):
    density = density_of(lambda w: -jnp.exp(w[0]) * w[1] ** 2 - jnp.sin(w[0]), 2)
    if factor is not None:
        density = density.whitened(Affine(np.ones(2), factor))
    w, direction = np.random.default_rng(0).standard_normal((2, 3, 2))
    expected = np.einsum("bij,bj->bi", density.hessian(w), direction)
    np.testing.assert_allclose(density.hessian_product(w, direction), expected, rtol=1e-10)
    step = 1e-5
    _, up = density.value_and_grad(w + step * direction)
    _, down = density.value_and_grad(w - step * direction)
    np.testing.assert_allclose(expected, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


def test_many_rows_are_cut_into_pieces_that_fit_the_cache():
    long = density_of(lambda w, x: -0.5 * jnp.sum((x - w) ** 2), 1, jnp.arange(5000.0))
    w = np.linspace(-1.0, 1.0, 150)[:, None]
    expected = -0.5 * np.sum((np.arange(5000.0) - w) ** 2, axis=1)
    np.testing.assert_allclose(long.value(w), expected, rtol=1e-12)
