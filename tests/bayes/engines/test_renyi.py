"""Renyi bounds of every order, against closed forms and against one another."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import integrate, optimize

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import Renyi
from latlas.bayes.engines._maximum_likelihood import to_vector
from latlas.bayes.engines._renyi import _Problem
from latlas.core import RequestError, WorkError
from latlas.distributions.families import Flow, FullRank, LowRank, MeanField, Mixture, Structured
from latlas.stats._normal_draws import even_normal_draws

PRECISION = jnp.array([[2.0, 1.5], [1.5, 2.0]])
LOC = jnp.array([0.5, -0.3])
LOG_EVIDENCE = float(jnp.log(2 * jnp.pi) - 0.5 * jnp.linalg.slogdet(PRECISION)[1])


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def density(log_density, dim):
    return Density(from_log_density(log_density, jnp.zeros(dim)))


def normal(w):
    return -0.5 * (w - LOC) @ PRECISION @ (w - LOC)


def best_variance(alpha):
    """The common variance of the mean-field member with the highest bound, by the closed form of the divergence.

    q^a p^(1 - a) of two normals integrates to |S_q|^(-a/2) |S_p|^((a - 1)/2) |a S_q^-1 + (1 - a) S_p^-1|^(-1/2).
    """
    precision = np.asarray(PRECISION)

    def divergence(log_v):
        mixed = np.linalg.eigvalsh(alpha * np.exp(-log_v) * np.eye(2) + (1 - alpha) * precision)
        if mixed[0] <= 0:
            return 1e6
        log_integral = (
            -alpha * log_v + 0.5 * (1 - alpha) * np.linalg.slogdet(precision)[1] - 0.5 * np.log(mixed).sum()
        )
        return abs(log_integral / (alpha - 1))

    return np.exp(optimize.minimize_scalar(divergence, bounds=(-4, 3), method="bounded").x)


@pytest.mark.parametrize("alpha", [1.0, 0.5, 2.0])
def test_a_normal_is_inside_the_family_and_every_bound_is_tight(alpha):
    fit = Renyi(alpha)(jr.key(0), density(normal, 2), FullRank(), tolerance=0.01)
    assert fit.converged, fit.message
    np.testing.assert_allclose(fit.approximation.mean, LOC, atol=1e-3)
    np.testing.assert_allclose(fit.approximation.covariance, np.linalg.inv(PRECISION), atol=2e-3)
    assert fit.details["bound"]["value"] == pytest.approx(LOG_EVIDENCE, abs=1e-4)


@pytest.mark.parametrize(
    ("alpha", "tolerance"), [(1.0, 1e-3), (2.0, 0.05), (0.5, 0.08), (0.25, 0.08), (-0.5, 0.08)]
)
def test_mean_field_has_the_variance_of_the_closed_form(alpha, tolerance):
    fit = Renyi(alpha)(jr.key(1), density(normal, 2), MeanField(), tolerance=0.02)
    want = 0.5 if alpha == 1.0 else best_variance(alpha)
    np.testing.assert_allclose(np.exp(2 * np.asarray(fit.approximation.log_scale)), want, rtol=tolerance)
    bound = fit.details["bound"]
    # below the log evidence for positive orders, above it for negative ones
    assert np.sign(LOG_EVIDENCE - bound["value"]) == np.sign(alpha)
    assert fit.details["bounds"] == ("from below" if alpha > 0 else "from above")


def test_order_one_is_the_elbo():
    fit = Renyi(1.0)(jr.key(1), density(normal, 2), MeanField(), tolerance=0.02)
    # log Z - KL(q || p) with the inverse diagonal of the precision: half the log of the ratio of determinants
    gap = 0.5 * float(jnp.sum(jnp.log(jnp.diagonal(PRECISION))) - jnp.linalg.slogdet(PRECISION)[1])
    bound = fit.details["bound"]
    assert abs(bound["value"] - (LOG_EVIDENCE - gap)) < 4 * bound["standard_error"]


@pytest.mark.parametrize("alpha", [1.0, 0.5, 2.0])
def test_the_gradient_is_that_of_the_bound(alpha):
    noise = jnp.asarray(even_normal_draws(np.random.default_rng(0), 64, 2))
    q = LowRank(1).init(jr.key(0), 2)
    problem = _Problem(density(lambda w: normal(w) - 0.1 * w[0] ** 4, 2), q, noise, alpha)
    start = to_vector(q) + 0.1
    error = optimize.check_grad(lambda v: problem(v)[0], lambda v: problem(v)[1], start)
    assert error < 1e-5 * np.linalg.norm(problem(start)[1])


@pytest.mark.slow
def test_a_flow_beats_a_normal_on_a_banana():
    def banana(w):
        return -0.5 * w[0] ** 2 - 0.5 * ((w[1] - 0.7 * (w[0] ** 2 - 1)) / 0.5) ** 2

    truth = float(jnp.log(2 * jnp.pi * 0.5))
    flow = Renyi(1.0)(jr.key(0), density(banana, 2), Flow(num_layers=2, width=8), tolerance=0.05)
    plain = Renyi(1.0)(jr.key(0), density(banana, 2), FullRank(), tolerance=0.05)
    bound = flow.details["bound"]
    noise = 3 * bound["standard_error"]
    assert plain.details["bound"]["value"] < min(truth - 0.3, bound["value"] - noise)
    assert abs(bound["value"] - truth) < 0.05 + noise


@pytest.mark.slow
def test_a_funnel_is_found_by_conditionals():
    def funnel(w):
        return -0.5 * w[0] ** 2 - 0.5 * jnp.sum(w[1:] ** 2) * jnp.exp(-w[0]) - w[0]

    fit = Renyi(1.0)(jr.key(0), density(funnel, 3), Structured((((1, 2), (0,)),)), tolerance=0.02)
    assert fit.details["bound"]["value"] == pytest.approx(1.5 * np.log(2 * np.pi), abs=1e-3)
    np.testing.assert_allclose(fit.approximation.log_scale_weights, 0.5, atol=0.02)


def test_gaps_are_survived_and_reported():
    # a gamma density, nan below zero
    def gamma(w):
        return jnp.where(w[0] > -3.0, 9.0 * jnp.log(w[0] + 3.0) - 3.0 * w[0], jnp.nan)

    fit = Renyi(1.0)(jr.key(0), density(gamma, 1), FullRank(), tolerance=0.02)
    mass = integrate.quad(lambda w: np.exp(float(gamma(jnp.array([w])))), -3, 12)[0]
    assert np.log(mass) - 0.1 < fit.details["bound"]["value"] < np.log(mass)
    with pytest.raises(WorkError, match="none of the draws"):
        Renyi(1.0)(jr.key(0), density(lambda w: jnp.nan * w[0], 1), FullRank(), tolerance=0.1)


def test_draws_are_even():
    noise = even_normal_draws(np.random.default_rng(0), 64, 5)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(noise.T @ noise / 64, np.eye(5), atol=1e-12)


def test_requests_that_make_no_sense_are_refused():
    with pytest.raises(RequestError, match="function of noise"):
        Renyi(1.0)(jr.key(0), density(normal, 2), Mixture(2), tolerance=0.1)
    with pytest.raises(RequestError, match="finite order"):
        Renyi(float("nan"))(jr.key(0), density(normal, 2), FullRank(), tolerance=0.1)
    assert eqx.tree_equal(Renyi(), Renyi(0.5))
