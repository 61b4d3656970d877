"""The guess at which fits without a mode begin: the best diagonal normal, whatever the scale of the data."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tests.bayes.posteriors import density_of, nearby_normal, normal

from latlas.bayes.fitting import elbo_start


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def test_a_diagonal_normal_is_found_exactly():
    loc, sd = nearby_normal(4)[0], np.array([0.01, 1.0, 30.0, 2.0])
    density = density_of(normal, 4, (loc, np.diag(sd)))
    guess = elbo_start(jr.key(0), density, np.zeros(4))
    np.testing.assert_allclose(guess.loc, loc, atol=1e-2 * sd.max(), rtol=1e-3)
    np.testing.assert_allclose(guess.factor.diagonal, sd, rtol=1e-3)


def lungs(u, data):
    """Group means about 2,600 of a measurement in millilitres; mu, log s, log sigma, the means; vague priors."""
    mu, log_s, log_sigma, groups = u[0], u[1], u[2], u[3:]
    prior = -0.5 * (mu / 500) ** 2 - 0.5 * (jnp.exp(log_s) / 100) ** 2 - 0.5 * (jnp.exp(log_sigma) / 100) ** 2
    prior = prior - 0.5 * jnp.sum((groups - mu) ** 2) * jnp.exp(-2 * log_s) - (len(groups) - 1) * log_s
    residuals = data - groups
    return prior + log_sigma - 0.5 * jnp.sum(residuals**2) * jnp.exp(-2 * log_sigma) - data.size * log_sigma


@pytest.mark.parametrize("seed", range(3))
def test_the_raw_scale_of_the_data_is_reached(seed):
    rng = np.random.default_rng(seed)
    means = rng.normal(2600.0, 450.0, 40)
    data = means + rng.normal(0.0, 150.0, (8, 40))
    guess = elbo_start(jr.key(seed), density_of(lungs, 43, data), rng.uniform(-2.0, 2.0, 43))
    loc, sd = np.asarray(guess.loc), np.asarray(guess.factor.diagonal)
    within = np.sqrt(np.sum((data - data.mean(0)) ** 2) / (7 * 40))
    # each mean is shrunk by about 2 % towards mu
    assert np.abs(loc[3:] - data.mean(0)).max() < 1.5 * within / 8**0.5
    assert abs(np.exp(loc[2]) / within - 1.0) < 0.05
    np.testing.assert_allclose(sd[3:], within / 8**0.5, rtol=0.1)
