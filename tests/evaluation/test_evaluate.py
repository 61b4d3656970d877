"""ELBO, rate, distortion and active units against linear-Gaussian models, and `evaluate` as a whole."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest

from latlas.core import Estimate, Evidence, Example
from latlas.distributions import Chain, FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.evaluation import active_units, elbo, evaluate, rate_distortion
from latlas.evaluation.evidence import kl_per_dimension
from latlas.models import PPCA, AbstractLatentModel, AbstractRecognition, WithRecognition

LOC, SCALE = np.array([0.3, -0.8]), np.array([0.5, 1.2])
RATE = np.sum(0.5 * (SCALE**2 + LOC**2 - 1) - np.log(SCALE))


class Fixed(AbstractRecognition):
    """The same posterior for every x."""

    def __call__(self, example):
        return diagonal_normal(jnp.asarray(LOC, jnp.float32), jnp.asarray(SCALE, jnp.float32))


class TwoLayers(AbstractLatentModel):
    """z2 ~ N(0, I), z1 ~ N(z2, I), x ~ N(z1, I/4), its exact posterior a chain the other way round."""

    def prior(self, condition=None):
        return Chain(("z2", "z1"), diagonal_normal(jnp.zeros(2), jnp.ones(2)), (_unit,))

    def posterior(self, example):
        # z1 ~ N(0, 2 I) a priori: q(z1 | x) = N(x / (1 + 1/8), (1/2 + 4)^-1), q(z2 | z1) = N(z1 / 2, 1/2)
        first = diagonal_normal(example.x * (4 / 4.5), jnp.full(2, np.sqrt(1 / 4.5), jnp.float32))
        return Chain(("z1", "z2"), first, (_half,))

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(0.5)), z["z1"])


def _unit(z):
    return diagonal_normal(z, jnp.ones(2))


def _half(z):
    return diagonal_normal(z / 2, jnp.full(2, np.sqrt(0.5), jnp.float32))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(30, 4)).astype("f")


@pytest.fixture(scope="module")
def model(x):
    return WithRecognition(PPCA.maximum_likelihood(x, 2), Fixed())


@pytest.fixture(scope="module")
def evaluation(model, x):
    return evaluate(jr.key(0), model, Example(x), num_samples=300, chunk_size=100)


def _distortion(model, x):
    # -E_q log N(x; W z + loc, s^2 I), by hand
    weight, loc, noise = (np.asarray(a, np.float64) for a in jax.tree.leaves(model.model))
    square = ((x - loc - weight @ LOC) ** 2).sum(1) + ((weight * SCALE) ** 2).sum()
    return 0.5 * square / noise**2 + x.shape[1] * np.log(noise * np.sqrt(2 * np.pi))


def test_rate_and_distortion_are_those_of_the_closed_forms(model, x):
    found = elbo(jr.key(0), model, Example(x), num_samples=500)
    truth = _distortion(model, x)
    np.testing.assert_allclose(found.rate, RATE, rtol=1e-5)
    # the draws of different examples are independent
    z_scores = (found.distortion - truth) / (found.distortion - truth).std(ddof=1)
    assert abs(z_scores.mean()) < 4 / np.sqrt(len(x))
    np.testing.assert_allclose(found.elbo, -(found.rate + found.distortion), rtol=1e-6)
    means = rate_distortion(jr.key(0), model, Example(x), num_samples=500)
    assert means.rate.value == pytest.approx(RATE, rel=1e-5)
    assert means.distortion.value == pytest.approx(found.distortion.mean(), rel=1e-5)
    expected = found.distortion.std(ddof=1) / np.sqrt(len(x))
    assert means.distortion.standard_error == pytest.approx(expected, rel=1e-4)


def test_the_rates_of_the_dimensions_sum_to_the_rate(model, x, evaluation):
    expected = 0.5 * (SCALE**2 + LOC**2 - 1) - np.log(SCALE)
    np.testing.assert_allclose(evaluation.kl_per_dimension, expected, rtol=1e-5)
    assert evaluation.rate == pytest.approx(expected.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("q", "p"),
    [
        pytest.param(dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2)), _unit(jnp.zeros(2)), id="correlated"),
        pytest.param(Chain(("a",), _unit(jnp.zeros(2)), ()), _unit(jnp.zeros(2)), id="chain"),
        pytest.param(_unit(jnp.zeros(2)), dist.StudentT(3.0, jnp.zeros(2)).to_event(1), id="no closed form"),
    ],
)
def test_without_factors_there_is_no_rate_per_dimension(q, p):
    assert kl_per_dimension(q, p) is None


def test_the_bounds_are_ordered(model, x, evaluation):
    exact = eqx.filter_jit(eqx.filter_vmap(model.model.log_evidence))(Example(jnp.asarray(x)))
    found = evaluation.evidence_per_example
    assert (evaluation.elbo_per_example.elbo <= found.log_evidence + 1e-5).all()
    assert evaluation.elbo.value < evaluation.evidence.value
    error = np.sqrt(np.sum(found.standard_error**2)) / len(x)
    assert evaluation.evidence.value < exact.mean() + 3 * error


def test_a_dimension_that_the_decoder_ignores_is_not_active(x):
    ppca = PPCA.maximum_likelihood(x, 2)
    dead = PPCA(ppca.weight.at[:, 1].set(0.0), ppca.loc, ppca.noise_scale)
    found = active_units(dead, Example(x))
    assert found.count == 1
    means = jax.jit(jax.vmap(lambda x: dead.posterior(Example(x)).mean))(jnp.asarray(x))
    np.testing.assert_allclose(found.variance, np.var(means, axis=0), rtol=1e-4, atol=1e-9)
    assert active_units(dead, Example(x), threshold=10.0).count == 0


def test_a_posterior_that_ignores_x_has_no_active_units(evaluation):
    assert evaluation.active_units == 0


def test_a_chain_of_latents_is_evaluated_like_any_other():
    x = np.random.default_rng(0).normal(size=(12, 2)).astype("f") * 1.5
    found = evaluate(jr.key(0), TwoLayers(), Example(x), num_samples=50)
    # the posterior is exact, so both are log N(x; 0, (2 + 0.25) I)
    exact = dist.Normal(0.0, 1.5).log_prob(x).sum(1)
    np.testing.assert_allclose(found.evidence_per_example.log_evidence, exact, atol=1e-5)
    np.testing.assert_allclose(found.elbo_per_example.elbo, exact, atol=1e-5)
    assert found.kl_per_dimension is None
    assert found.active_units == 4
    np.testing.assert_allclose(found.unit_variance["z1"], np.var(x * (4 / 4.5), axis=0), rtol=1e-4)


def test_the_summary_has_exactly_the_agreed_form(evaluation):
    found = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert list(found) == [
        "log_evidence", "elbo", "rate", "distortion", "information", "active_units", "num_examples",
    ]  # fmt: skip
    assert list(found["log_evidence"]) == [
        "value", "standard_error", "num_samples", "effective_sample_size", "pareto_k", "reliable",
    ]  # fmt: skip
    assert list(found["elbo"]) == ["value", "standard_error"]
    assert (found["num_examples"], found["log_evidence"]["num_samples"]) == (30, 300)
    assert found["elbo"]["value"] == pytest.approx(-(found["rate"] + found["distortion"]), rel=1e-6)
    assert Evidence.from_dict(found["log_evidence"]) == evaluation.evidence
    assert Estimate.from_dict(found["elbo"]) == evaluation.elbo


def test_an_error_that_cannot_be_known_is_none(model, x):
    found = evaluate(jr.key(0), model, Example(x[:1]), num_samples=1).to_dict()
    assert found["elbo"]["standard_error"] is None
    assert found["log_evidence"]["pareto_k"] is None
    assert found["log_evidence"]["reliable"] is False


def test_the_same_key_gives_the_same_figures(model, x, evaluation):
    again = evaluate(jr.key(0), model, Example(jnp.asarray(x)), num_samples=300, chunk_size=100)
    assert again.to_dict() == evaluation.to_dict()
