"""KL divergences in both directions against sums, quadrature and dense algebra, and the fallback."""

import logging

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import integrate

from latlas.distributions import (
    Chain,
    Product,
    diagonal_normal,
    has_closed_form,
    kl_divergence,
    kl_estimate,
    register_kl,
)

LOC, SCALE = jnp.array([0.3, -1.0]), jnp.array([0.5, 2.0])
TRIL = jnp.array([[0.8, 0.0], [0.5, 1.5]])
DIAGONAL = diagonal_normal(LOC, SCALE)
FULL = dist.MultivariateNormal(jnp.array([-0.2, 0.4]), scale_tril=TRIL)
FULL_2 = dist.MultivariateNormal(jnp.array([1.0, 0.0]), scale_tril=jnp.array([[1.2, 0.0], [-0.9, 0.6]]))
STANDARD = dist.Normal(0.0, 1.0).expand((2,)).to_event(1)


def gaussian_kl(q, p):
    """KL of two Gaussians by dense float64 algebra, from their means and covariances."""
    moments = []
    for d in (q, p):
        if isinstance(d, dist.MultivariateNormal):
            moments.append((np.asarray(d.mean, np.float64), np.asarray(d.covariance_matrix, np.float64)))
        else:
            moments.append((np.asarray(d.mean, np.float64), np.diag(np.asarray(d.variance, np.float64))))
    (m_q, s_q), (m_p, s_p) = moments
    precision = np.linalg.inv(s_p)
    quadratic = np.trace(precision @ s_q) + (m_p - m_q) @ precision @ (m_p - m_q) - len(m_q)
    return 0.5 * (quadratic + np.linalg.slogdet(s_p)[1] - np.linalg.slogdet(s_q)[1])


@pytest.mark.parametrize(
    ("q", "p"),
    [(DIAGONAL, STANDARD), (DIAGONAL, FULL), (FULL, FULL_2), (FULL, STANDARD)],
    ids=["diagonal-standard", "diagonal-full", "full-full", "full-standard"],
)
def test_gaussian_kl_equals_dense_algebra_both_ways(q, p):
    for a, b in ((q, p), (p, q)):
        assert has_closed_form(a, b)
        value = kl_divergence(a, b)
        assert value.shape == ()
        np.testing.assert_allclose(value, gaussian_kl(a, b), rtol=1e-5)
        np.testing.assert_allclose(kl_divergence(a, a), 0.0, atol=1e-6)


UNIVARIATE = {
    "normal": (dist.Normal(0.3, 0.7), dist.Normal(-0.4, 1.3), (-15, 15)),
    "laplace": (dist.Laplace(0.3, 0.7), dist.Laplace(-0.4, 1.3), (-40, 40)),
    "gamma": (dist.Gamma(2.0, 1.5), dist.Gamma(3.0, 0.8), (1e-9, 60)),
    "beta": (dist.Beta(2.0, 3.0), dist.Beta(1.5, 1.5), (1e-9, 1 - 1e-9)),
}


@pytest.mark.parametrize("name", UNIVARIATE)
def test_univariate_kl_equals_quadrature_both_ways(name):
    one, two, (low, high) = UNIVARIATE[name]
    # float32 densities on a fine grid (midpoints), summed in float64
    edges = np.linspace(low, high, 200_001)
    grid = jnp.asarray(0.5 * (edges[1:] + edges[:-1]), jnp.float32)
    for q, p in ((one, two), (two, one)):
        log_q, log_p = np.asarray(q.log_prob(grid), np.float64), np.asarray(p.log_prob(grid), np.float64)
        exact = integrate.trapezoid(np.exp(log_q) * (log_q - log_p), np.asarray(grid, np.float64))
        np.testing.assert_allclose(kl_divergence(q, p), exact, rtol=1e-4)


@pytest.mark.parametrize(
    "kinds", [("logits", "logits"), ("logits", "probs"), ("probs", "logits"), ("probs", "probs")]
)
def test_discrete_kl_equals_the_sum_both_ways(kinds):
    weights = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])

    def categorical(kind, w):
        return (
            dist.Categorical(probs=jnp.asarray(w))
            if kind == "probs"
            else dist.Categorical(logits=jnp.log(w) + 2.0)
        )

    def bernoulli(kind, w):
        return dist.Bernoulli(probs=w) if kind == "probs" else dist.Bernoulli(logits=np.log(w / (1 - w)))

    for w_q, w_p in (weights, weights[::-1]):
        exact = np.sum(w_q * np.log(w_q / w_p))
        np.testing.assert_allclose(
            kl_divergence(categorical(kinds[0], w_q), categorical(kinds[1], w_p)), exact, rtol=1e-5
        )
        a, b = w_q[0], w_p[0]
        exact = a * np.log(a / b) + (1 - a) * np.log((1 - a) / (1 - b))
        np.testing.assert_allclose(
            kl_divergence(bernoulli(kinds[0], a), bernoulli(kinds[1], b)), exact, rtol=1e-5
        )


def test_an_impossible_category_costs_nothing_and_has_a_finite_gradient():
    p = dist.Categorical(logits=jnp.zeros(3))
    value, gradient = jax.value_and_grad(lambda l: kl_divergence(dist.Categorical(logits=l), p))(
        jnp.array([0.0, 0.0, -1e4])
    )
    np.testing.assert_allclose(value, np.log(3 / 2), rtol=1e-6)
    assert jnp.all(jnp.isfinite(gradient))


def test_expanded_and_nested_events_are_summed_once():
    q = dist.Normal(jnp.ones((2, 3)), 1.0).to_event(2)
    p = dist.Normal(0.0, 1.0).expand((3,)).to_event(1).expand((2,)).to_event(1)
    np.testing.assert_allclose([kl_divergence(q, p), kl_divergence(p, q)], [3.0, 3.0])
    rows = dist.MultivariateNormal(jnp.zeros(2), scale_tril=TRIL).expand((3,)).to_event(1)
    other = diagonal_normal(jnp.tile(LOC, (3, 1)), jnp.tile(SCALE, (3, 1)))
    one_row = dist.MultivariateNormal(jnp.zeros(2), scale_tril=TRIL)
    np.testing.assert_allclose(kl_divergence(rows, other), 3 * kl_divergence(one_row, DIAGONAL), rtol=1e-5)
    np.testing.assert_allclose(kl_divergence(other, rows), 3 * kl_divergence(DIAGONAL, one_row), rtol=1e-5)


def test_a_delta_costs_minus_the_log_prior_at_its_point():
    q = dist.Delta(LOC, event_dim=1)
    np.testing.assert_allclose(kl_divergence(q, STANDARD), -STANDARD.log_prob(LOC), rtol=1e-6)
    assert not has_closed_form(STANDARD, q)


def test_kl_of_products_is_the_sum_of_the_factors_kl():
    q = Product({"z": DIAGONAL, "c": dist.Categorical(logits=jnp.array([0.0, 1.0]))})
    p = Product({"z": STANDARD, "c": dist.Categorical(logits=jnp.zeros(2))})
    exact = sum(kl_divergence(q.factors[name], p.factors[name]) for name in "zc")
    assert has_closed_form(q, p)
    np.testing.assert_allclose(kl_divergence(q, p), exact, rtol=1e-6)
    heavy = Product({"z": dist.StudentT(5.0, jnp.zeros(2), 1.0).to_event(1), "c": p.factors["c"]})
    assert not has_closed_form(q, heavy)


def test_has_closed_form_is_static_inside_jit_and_vmap():
    def gap(loc):
        q = diagonal_normal(loc, jnp.ones(2))
        return kl_divergence(q, STANDARD) if has_closed_form(q, STANDARD) else jnp.nan

    np.testing.assert_allclose(jax.jit(jax.vmap(gap))(jnp.array([[0.0, 1.0], [2.0, 0.0]])), [0.5, 2.0])


def test_a_missing_closed_form_names_both_and_the_cure():
    q, p = dist.StudentT(5.0).expand((2,)).to_event(1), STANDARD
    assert not has_closed_form(q, p)
    with pytest.raises(ValueError, match=r"KL\(StudentT \|\| Normal\).*kl_estimate"):
        kl_divergence(q, p)


def test_a_batch_of_distributions_or_different_latents_are_refused():
    with pytest.raises(ValueError, match=r"q is a Normal with batch shape \(2,\).*to_event"):
        kl_divergence(dist.Normal(LOC, SCALE), STANDARD)
    with pytest.raises(ValueError, match="same latent"):
        kl_divergence(DIAGONAL, diagonal_normal(jnp.zeros(3), jnp.ones(3)))


def test_the_estimate_is_exact_where_a_closed_form_exists():
    estimate = kl_estimate(jr.key(0), DIAGONAL, STANDARD)
    assert estimate.closed_form
    assert estimate.value == kl_divergence(DIAGONAL, STANDARD)
    assert estimate.standard_error == 0


def test_the_fallback_is_right_within_four_standard_errors_and_says_so(caplog):
    # A chain that is jointly Gaussian, so that the truth is known: z1 ~ N(0.5, 1), z2 | z1 ~ N(0.8 z1, 0.5)
    chain = Chain(("z1", "z2"), dist.Normal(0.5, 1.0), (lambda z1: dist.Normal(0.8 * z1, 0.5),))
    prior = Product({"z1": dist.Normal(0.0, 1.0), "z2": dist.Normal(0.0, 1.0)})
    mean, covariance = np.array([0.5, 0.4]), np.array([[1.0, 0.8], [0.8, 0.64 + 0.25]])
    exact = gaussian_kl(
        dist.MultivariateNormal(mean, covariance), dist.MultivariateNormal(np.zeros(2), np.eye(2))
    )
    backward = gaussian_kl(
        dist.MultivariateNormal(np.zeros(2), np.eye(2)), dist.MultivariateNormal(mean, covariance)
    )
    with caplog.at_level(logging.INFO, logger="latlas"):
        forward = jax.jit(lambda key: kl_estimate(key, chain, prior, num_samples=4000))(jr.key(0))
    assert "no closed form for KL(Chain || Product), Monte Carlo with 4000 samples" in caplog.text
    assert not forward.closed_form
    assert abs(forward.value - exact) < 4 * forward.standard_error
    reverse = jax.jit(lambda key: kl_estimate(key, prior, chain, num_samples=4000))(jr.key(1))
    assert abs(reverse.value - backward) < 4 * reverse.standard_error
    assert 0 < forward.standard_error < 0.1


def test_the_estimate_needs_two_samples():
    with pytest.raises(ValueError, match="at least 2"):
        kl_estimate(jr.key(0), DIAGONAL, STANDARD, num_samples=1)


def test_a_registered_rule_is_found():
    class Point:
        def __init__(self, at):
            self.at = at

        def sample(self, key):
            return self.at

        def log_prob(self, value):
            return jnp.where(value == self.at, 0.0, -jnp.inf)

    assert not has_closed_form(Point(1.0), Point(3.0))
    register_kl(Point, Point)(lambda q, p: jnp.asarray(abs(q.at - p.at)))
    assert kl_divergence(Point(1.0), Point(3.0)) == 2.0
