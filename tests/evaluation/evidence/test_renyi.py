"""Renyi bounds on probabilistic PCA, where both q and the posterior are Gaussian: the bound has a closed form."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.evaluation import elbo, importance_log_evidence, renyi_bound
from latlas.models import PPCA, AbstractRecognition, WithRecognition

WIDTH = 1.3  # of q, in scales of the posterior


class Widened(AbstractRecognition):
    ppca: PPCA

    def __call__(self, example):
        q = self.ppca.posterior(example)
        return diagonal_normal(q.mean, WIDTH * jnp.sqrt(q.variance))


@pytest.fixture(scope="module")
def model():
    # one latent: q and posterior are Gaussians of one mean
    ppca = PPCA(jnp.array([[1.2], [-0.4]]), jnp.zeros(2), jnp.float32(0.7))
    return WithRecognition(ppca, Widened(ppca))


@pytest.fixture(scope="module")
def batch():
    return Example(np.random.default_rng(0).normal(size=(30, 2)).astype("f"))


def gap(alpha):
    r"""L_alpha - log p(x) = -D_alpha(q || posterior) (Gil, Alajaji and Linder 2013, Information Sciences 249)."""
    variance = (1 - alpha) * WIDTH**2 + alpha  # in variances of the posterior
    return np.log(WIDTH) + np.log(variance) / (2 * (alpha - 1))


@pytest.mark.parametrize("alpha", [1.3, 0.5, -1.0])
def test_the_bound_is_its_closed_form(model, batch, alpha):
    found = renyi_bound(jr.key(0), model, batch, alpha=alpha, num_samples=4000)
    exact = np.array([model.model.log_evidence(Example(x)) for x in batch.x])
    errors = found.log_evidence - exact - gap(alpha)
    assert abs(errors.mean()) < 3 * errors.std(ddof=1) / np.sqrt(len(errors)) + 1e-4
    assert 0.6 < errors.std() / found.standard_error.mean() < 1.5
    assert np.sign(gap(alpha)) == (1 if alpha < 0 else -1)
    assert found.summary().reliable


@pytest.mark.slow
def test_it_joins_the_elbo_and_the_importance_weighted_bound(model, batch):
    options = {"num_samples": 60}
    by_alpha = {alpha: renyi_bound(jr.key(0), model, batch, alpha=alpha, **options) for alpha in (1.0, 0.0)}
    np.testing.assert_allclose(
        by_alpha[1.0].log_evidence, elbo(jr.key(0), model, batch, **options).elbo, rtol=1e-5
    )
    whole = importance_log_evidence(jr.key(0), model, batch, **options)
    np.testing.assert_allclose(by_alpha[0.0].log_evidence, whole.log_evidence, rtol=1e-5)
    np.testing.assert_allclose(by_alpha[0.0].pareto_k, whole.pareto_k, atol=1e-5)


def test_an_upper_bound_from_one_draw_is_no_bound(model, batch):
    # from a single draw every order is the ELBO: far below
    found = renyi_bound(jr.key(0), model, batch, alpha=-1.0, num_samples=1)
    assert not found.summary().reliable
    np.testing.assert_allclose(
        found.log_evidence, elbo(jr.key(0), model, batch, num_samples=1).elbo, rtol=1e-5
    )
