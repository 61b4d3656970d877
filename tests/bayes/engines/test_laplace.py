"""Laplace: exact for a normal, the curvature elsewhere, and a sentence where there is no mode."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tests.bayes.posteriors import density_of, log_gammas, nearby_normal, normal

from latlas.bayes.engines import Laplace
from latlas.core import WorkError
from latlas.distributions.families import FullRank


def run(density):
    with jax.enable_x64(True):
        return Laplace()(jr.key(0), density, FullRank(), tolerance=0.1)


def test_exact_for_a_normal():
    loc, factor = nearby_normal(3)
    result = run(density_of(normal, 3, (loc, factor)))
    np.testing.assert_allclose(result.approximation.loc, loc, atol=1e-3)
    np.testing.assert_allclose(result.approximation.scale_tril, factor, atol=1e-8)
    assert result.converged


def test_mode_and_curvature_of_a_gamma():
    a = np.array([0.5, 9.0])
    result = run(density_of(log_gammas, 2, a))
    np.testing.assert_allclose(result.approximation.loc, np.log(a), atol=2e-3)
    np.testing.assert_allclose(np.diagonal(result.approximation.scale_tril), a**-0.5, rtol=2e-3)
    np.testing.assert_allclose(result.details["log_prob"], np.sum(a * np.log(a) - a), atol=1e-5)


def test_the_example_of_the_square_reverts_to_its_prior_at_zero():
    """y = x^2 + noise of 0.1, y = 0: the precision is 1 + 2 (3 m^2 - y) / s^2 = 1 at the mode 0."""
    result = run(density_of(lambda x: -0.5 * x[0] ** 2 - 0.5 * (x[0] ** 2 / 0.1) ** 2, 1))
    np.testing.assert_allclose(result.approximation.scale_tril, 1.0, rtol=1e-3)


@pytest.mark.parametrize(("y", "mode", "variance"), [(0.5, 0.704, 0.0051), (1.0, 0.997, 0.0025)])
def test_the_example_of_the_square_elsewhere(y, mode, variance):
    def log_density(w, data):
        x = w[0] + 0.5
        return -0.5 * x**2 - 0.5 * ((data[0] - x**2) / 0.1) ** 2

    approximation = run(density_of(log_density, 1, np.array([y]))).approximation
    np.testing.assert_allclose(float(approximation.loc[0]) + 0.5, mode, atol=1e-3)
    np.testing.assert_allclose(float(approximation.scale_tril[0, 0]) ** 2, variance, atol=1e-4)


def test_a_density_without_a_mode_is_refused_in_a_sentence():
    with pytest.raises(WorkError, match="needs a mode with a negative definite Hessian"):
        run(density_of(lambda u: jnp.sum(u), 2))
