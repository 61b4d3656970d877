"""y = x^2 + noise: the exact numbers, the approximations in closed form, and what the engines say."""

import numpy as np
import pytest
from benchmarks.square import NOISE, fitted, row

from latlas.bayes.engines import linearised_fit
from latlas.core import RequestError

# y: exact variance; mean and variance of the right half; mode and Laplace's variance there; linearised variance at
# that mode; mean and variance of the normal with the highest ELBO
TABLE = {
    -0.5: (0.0094, None, (0.0, 0.0099), 1.0, (0.0, 0.0094)),
    0.0: (0.0465, (0.181, 0.0137), (0.0, 1.0), 1.0, (0.0, 0.0400)),
    0.05: (0.0625, (0.214, 0.0166), (0.212, 0.0556), 0.0526, (0.0, 0.0490)),
    0.5: (0.484, (0.692, 0.0055), (0.704, 0.0051), 0.0050, (0.692, 0.0052)),
    1.0: (0.990, (0.994, 0.0026), (0.997, 0.0025), 0.0025, (0.994, 0.0025)),
}


@pytest.mark.parametrize("observed", TABLE)
def test_the_closed_forms_are_those_of_the_table(observed):
    variance, right, laplace, linearised, optimal = TABLE[observed]
    got = row(observed)
    assert got.variance == pytest.approx(variance, rel=0.006)
    if right:
        assert (got.right_mean, got.right_variance) == pytest.approx(right, rel=0.02)
    assert got.laplace == pytest.approx(laplace, rel=0.011)
    assert got.linearised == 1.0
    assert got.linearised_right == pytest.approx(linearised, rel=0.01)
    assert got.optimal[:2] == pytest.approx(optimal, rel=0.01, abs=1e-4)
    assert got.optimal[2] <= got.log_evidence


def test_one_half_has_a_second_optimum_at_zero():
    got = row(0.5)
    assert got.optimal_at_zero[1] == pytest.approx(0.1745, rel=0.002)
    assert got.optimal_at_zero[2] == pytest.approx(-7.42, abs=0.01)
    assert got.log_evidence == pytest.approx(-0.80, abs=0.01)


@pytest.mark.parametrize("engine", ["dadvi", "natural-gradient"])
@pytest.mark.parametrize("observed", [-0.5, 0.0, 0.05])
def test_the_engines_find_the_normal_of_highest_elbo_where_linearisation_returns_the_prior(engine, observed):
    _, variance, _ = fitted(engine, observed, 0.0)
    assert variance == pytest.approx(row(observed).optimal[1], rel=0.06)


@pytest.mark.parametrize("engine", ["laplace", "dadvi", "natural-gradient", "batch-and-match"])
@pytest.mark.parametrize("observed", [0.5, 1.0])
def test_every_engine_fits_one_of_two_modes_when_it_begins_there(engine, observed):
    start = row(observed).laplace[0]
    mean, variance, _ = fitted(engine, observed, start)
    assert mean == pytest.approx(start, abs=0.02)
    assert variance == pytest.approx(row(observed).right_variance, rel=0.12)


def square(x):
    return x**2


@pytest.mark.parametrize("observed", TABLE)
def test_the_linearised_model_sees_no_data_at_zero_and_says_so(observed):
    fit = linearised_fit(square, np.array([observed]), NOISE, np.zeros(1), np.ones(1))
    assert fit.loc[0] == 0.0
    assert fit.covariance[0, 0] == 1.0
    assert fit.num_blind == 1
    assert "sees no data" in fit.message


def test_the_linearised_model_started_elsewhere_ends_at_the_mode():
    fit = linearised_fit(square, np.array([0.5]), NOISE, np.zeros(1), np.ones(1), start=np.array([0.3]))
    got = row(0.5)
    assert fit.loc[0] == pytest.approx(got.laplace[0], abs=1e-6)
    assert fit.covariance[0, 0] == pytest.approx(got.linearised_right, rel=1e-6)
    assert fit.converged
    assert fit.num_blind == 0


def test_a_linear_model_is_exact():
    rng = np.random.default_rng(0)
    design, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    fit = linearised_fit(lambda x: design @ x, y, 0.5, np.zeros(2), np.full(2, 2.0))
    precision = np.eye(2) / 4.0 + design.T @ design / 0.25
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(precision), rtol=1e-10)
    np.testing.assert_allclose(fit.loc, np.linalg.solve(precision, design.T @ y / 0.25), rtol=1e-8)


def test_a_model_of_another_shape_is_refused():
    with pytest.raises(RequestError, match="same length"):
        linearised_fit(lambda x: x[:1], np.zeros(3), 0.1, np.zeros(2), np.ones(2))
