"""Posteriors that several test files fit, as functions of their parameters and data."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density

EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def normal(u, data):
    """Unnormalised: the largest value is 0."""
    loc, factor = data
    return -0.5 * jnp.sum(solve_triangular(factor, u - loc, lower=True) ** 2)


def two_normals(u, data):
    """Equal weights, unit covariances, means at +loc and -loc."""
    return jnp.logaddexp(-0.5 * jnp.sum((u - data) ** 2), -0.5 * jnp.sum((u + data) ** 2))


def funnel(u):
    """Neal's: u[0] ~ N(0, 3^2) is the log variance of all others."""
    return -0.5 * (u[0] / 3) ** 2 - 0.5 * jnp.sum(u[1:] ** 2) * jnp.exp(-u[0]) - 0.5 * (len(u) - 1) * u[0]


def centred_schools(u):
    """mu, log tau, theta."""
    mu, log_tau, theta = u[0], u[1], u[2:]
    prior = -0.5 * (mu / 5) ** 2 - jnp.log1p((jnp.exp(log_tau) / 5) ** 2) + log_tau
    prior = prior - 0.5 * jnp.sum((theta - mu) ** 2) * jnp.exp(-2 * log_tau) - len(theta) * log_tau
    return prior - 0.5 * jnp.sum(((EFFECTS - theta) / ERRORS) ** 2)


def logistic(u, data):
    """A regression with standard normal coefficients."""
    x, y = data
    logits = x @ u
    return -0.5 * jnp.sum(u**2) + jnp.sum(y * logits - jax.nn.softplus(logits))


def log_gammas(u, data):
    """Independent: exp(u_i) ~ Gamma(data_i, 1); skewed to the left where data_i is small."""
    return jnp.sum(data * u - jnp.exp(u))


def nearby_normal(dim, seed=0):
    """A mean and a Cholesky factor with correlations."""
    rng = np.random.default_rng(seed)
    factor = np.tril(0.5 * rng.standard_normal((dim, dim)))
    factor[np.diag_indices(dim)] = rng.uniform(0.5, 2.0, dim)
    return rng.standard_normal(dim), factor


def density_of(function, dim, data=None):
    """In its own coordinates."""
    return Density(from_log_density(function, np.zeros(dim), data=data))
