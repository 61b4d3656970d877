"""Probabilistic PCA against SciPy, Bayes' rule, calculus and scikit-learn."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import optimize
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from latlas.core import Example
from latlas.models import PPCA
from latlas.stats import principal_angles

WEIGHT = np.array([[1.0, 0.2], [-0.5, 0.8], [0.3, 0.3], [0.0, -1.1]])
LOC, NOISE = np.array([0.5, -1.0, 2.0, 0.0]), 0.6


@pytest.fixture(scope="module")
def model():
    return PPCA(*(jnp.asarray(a, jnp.float32) for a in (WEIGHT, LOC, NOISE)))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 2)) @ WEIGHT.T + LOC + NOISE * rng.normal(size=(200, 4))


def test_the_evidence_is_the_marginal_normal_density(model, data):
    found = eqx.filter_jit(eqx.filter_vmap(model.log_evidence))(Example(jnp.asarray(data, jnp.float32)))
    truth = multivariate_normal(LOC, WEIGHT @ WEIGHT.T + NOISE**2 * np.eye(4)).logpdf(data)
    np.testing.assert_allclose(found, truth, rtol=1e-5)


def test_the_posterior_is_that_of_bayes(model, data):
    x = Example(jnp.asarray(data[0], jnp.float32))
    posterior = model.posterior(x)
    # p(z | x) = p(x, z) / p(x) at any z
    z = jr.normal(jr.key(0), (5, 2))
    found = jax.vmap(posterior.log_prob)(z)
    truth = jax.vmap(lambda z: model.log_joint(x, z))(z) - model.log_evidence(x)
    np.testing.assert_allclose(found, truth, atol=2e-5)


def test_the_joint_density_is_prior_times_likelihood(model, data):
    z = np.array([0.4, -1.3])
    found = model.log_joint(Example(jnp.asarray(data[0], jnp.float32)), jnp.asarray(z, jnp.float32))
    prior = multivariate_normal(np.zeros(2), np.eye(2)).logpdf(z)
    likelihood = multivariate_normal(WEIGHT @ z + LOC, NOISE**2 * np.eye(4)).logpdf(data[0])
    np.testing.assert_allclose(found, prior + likelihood, rtol=1e-5)


def _mean_log_evidence(params, x):
    # float64, by hand: the fit is a maximum of it
    weight, loc, noise = params[:8].reshape(4, 2), params[8:12], params[12]
    return multivariate_normal(loc, weight @ weight.T + noise**2 * np.eye(4)).logpdf(x).mean()


def test_maximum_likelihood_is_a_maximum(data):
    fit = PPCA.maximum_likelihood(data, 2)
    params = np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in jax.tree.leaves(fit)])
    gradient = optimize.approx_fprime(params, _mean_log_evidence, 1e-6, data)
    assert np.abs(gradient).max() < 1e-4
    best = _mean_log_evidence(params, data)
    for step in np.random.default_rng(0).normal(size=(10, 13)):
        assert _mean_log_evidence(params + 0.05 * step, data) < best


def test_maximum_likelihood_agrees_with_scikit_learn(data):
    fit = PPCA.maximum_likelihood(data, 2)
    found = eqx.filter_jit(eqx.filter_vmap(fit.log_evidence))(Example(jnp.asarray(data, jnp.float32)))
    pca = PCA(2).fit(data)
    # scikit-learn divides the covariance by n - 1, we by n: its likelihood is a little off the maximum
    np.testing.assert_allclose(found.mean(), pca.score(data), atol=1e-3)
    assert found.mean() >= pca.score(data) - 1e-5
    # the span is no matter of divisors; float32 weights
    assert principal_angles(fit.weight, pca.components_.T)[0] < 1e-4


@pytest.mark.parametrize("latent_dim", [0, 4, 7])
def test_a_latent_that_leaves_no_noise_is_refused(data, latent_dim):
    with pytest.raises(ValueError, match=f"between 1 and 3 for 4 features; got {latent_dim}"):
        PPCA.maximum_likelihood(data, latent_dim)


def test_data_without_noise_are_refused(data):
    with pytest.raises(ValueError, match="lie exactly in 2 dimensions"):
        PPCA.maximum_likelihood((data - LOC) @ np.linalg.pinv(WEIGHT).T @ WEIGHT.T, 2)


def test_holes_are_left_out(model, data):
    observed = np.array([True, False, True, True])
    example = Example(
        jnp.asarray(np.where(observed, data[0], np.nan), jnp.float32), observed=jnp.asarray(observed)
    )
    covariance = (WEIGHT @ WEIGHT.T + NOISE**2 * np.eye(4))[np.ix_(observed, observed)]
    truth = multivariate_normal(LOC[observed], covariance).logpdf(data[0, observed])
    assert float(model.log_evidence(example)) == pytest.approx(truth, rel=1e-5)
    z = jnp.array([0.3, -0.8])
    bayes = model.log_joint(example, z) - model.log_evidence(example)
    assert float(model.posterior(example).log_prob(z)) == pytest.approx(float(bayes), abs=2e-5)
