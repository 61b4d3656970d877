"""The latent-class model against enumeration in float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, logsumexp

from latlas.core import Example
from latlas.distributions import Bernoulli
from latlas.models import LatentClassModel

LOGITS = np.array([0.5, -0.3])
PARAMS = np.array([[2.0, -1.0, 0.5], [-1.5, 1.0, 0.0]])
ALL = np.array(list(itertools.product((0, 1), repeat=3)))


@pytest.fixture(scope="module")
def model():
    return LatentClassModel(jnp.asarray(LOGITS, jnp.float32), jnp.asarray(PARAMS, jnp.float32), Bernoulli())


def log_joints(x, observed):
    p = np.where(x == 1, expit(PARAMS), 1 - expit(PARAMS))
    return LOGITS - logsumexp(LOGITS) + np.sum(np.where(observed, np.log(p), 0.0), axis=1)


def test_evidence_and_posterior_are_sums_over_the_classes(model):
    found = jax.vmap(model.log_evidence)(Example(jnp.asarray(ALL)))
    truth = [logsumexp(log_joints(x, True)) for x in ALL]
    np.testing.assert_allclose(found, truth, rtol=1e-5)
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-5)
    probs = jax.vmap(lambda e: model.posterior(e).probs)(Example(jnp.asarray(ALL)))
    np.testing.assert_allclose(probs, [np.exp(log_joints(x, True) - t) for x, t in zip(ALL, truth, strict=True)],
                               rtol=1e-5)  # fmt: skip


def test_holes_are_left_out(model):
    observed = np.array([True, False, True])
    found = model.log_evidence(Example(jnp.array([1.0, jnp.nan, 0.0]), observed=jnp.asarray(observed)))
    assert float(found) == pytest.approx(logsumexp(log_joints(np.array([1, 0, 0]), observed)), rel=1e-5)


def test_the_joint_density_is_prior_times_likelihood(model):
    x = Example(jnp.array([1, 0, 0]))
    found = [float(model.log_joint(x, z)) for z in jnp.arange(2)]
    np.testing.assert_allclose(found, log_joints(x.x, True), rtol=1e-5)


def test_parameters_for_other_classes_are_refused():
    with pytest.raises(ValueError, match=r"2 classes and parameters for \[3\]"):
        LatentClassModel(jnp.zeros(2), jnp.zeros((3, 4)), Bernoulli())
