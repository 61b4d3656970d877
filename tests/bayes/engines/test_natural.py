"""Natural-gradient Gaussian inference against posteriors whose best normal is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import NaturalGradient
from latlas.core import WorkError
from latlas.distributions.families import FullRank, MeanField


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def normal(dim=5):
    rng = np.random.default_rng(0)
    factor = np.eye(dim) + 0.3 * rng.standard_normal((dim, dim))
    covariance, loc = factor @ factor.T, 0.5 * rng.standard_normal(dim)
    precision = np.linalg.inv(covariance)

    def log_density(w, data):
        return -0.5 * (w - data["loc"]) @ data["precision"] @ (w - data["loc"])

    return (
        Density(from_log_density(log_density, jnp.zeros(dim), data={"loc": loc, "precision": precision})),
        loc,
        covariance,
    )


def fit(density, family, tolerance=0.05, **options):
    return NaturalGradient(**options)(jax.random.key(0), density, family, tolerance=tolerance)


def test_a_normal_posterior_is_found_exactly():
    density, loc, covariance = normal()
    result = fit(density, FullRank(), tolerance=0.005)
    factor = np.asarray(result.approximation.scale_tril)
    np.testing.assert_allclose(result.approximation.loc, loc, atol=1e-3)
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=2e-3)
    assert result.converged


def test_mean_field_variances_are_the_inverse_diagonal_of_the_precision():
    density, loc, covariance = normal()
    result = fit(density, MeanField(), tolerance=0.01)
    expected = -0.5 * np.log(np.diagonal(np.linalg.inv(covariance)))
    np.testing.assert_allclose(result.approximation.log_scale, expected, atol=0.02)
    np.testing.assert_allclose(result.approximation.loc, loc, atol=0.02)


def test_a_skewed_posterior_gives_the_kl_optimum():
    # a gamma(a, 1) variable's logarithm: exp(m + v/2) = a and v = 1/a
    shape = 3.0
    result = fit(
        Density(from_log_density(lambda w: jnp.sum(shape * w - jnp.exp(w)), jnp.zeros(1))), FullRank(), 0.02
    )
    assert result.approximation.scale_tril[0, 0] ** 2 == pytest.approx(1.0 / shape, rel=0.03)
    assert result.approximation.loc[0] == pytest.approx(np.log(shape) - 0.5 / shape, abs=0.02)


def test_too_few_steps_are_said():
    density, *_ = normal()
    result = fit(density, FullRank(), max_steps=2)
    assert not result.converged
    assert "still moving" in result.message


def test_a_density_that_is_nowhere_finite_is_named():
    density = Density(from_log_density(lambda w: jnp.where(w[0] > 50.0, 0.0, -jnp.inf), jnp.full(1, 60.0)))
    with pytest.raises(WorkError, match="finite"):
        fit(density, FullRank())
