"""Refined posteriors against probabilistic PCA, where the best member of a family is known in closed form."""

import json

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Example
from latlas.distributions import FullRank, diagonal_normal
from latlas.evaluation import (
    Gap,
    Refinement,
    evaluate,
    gap,
    generalisation,
    importance_log_evidence,
    refine,
)
from latlas.evaluation.inference import GapSummary, Stationarity
from latlas.latent import encode, posterior_scale, reconstruct
from latlas.models import PPCA, AbstractLatentModel, AbstractRecognition, WithRecognition

LATENT = 3


class Off(AbstractRecognition):
    """A posterior that no datum deserves."""

    def __call__(self, example):
        return diagonal_normal(jnp.full(LATENT, 0.5), jnp.full(LATENT, 0.8))


class Inexact(AbstractLatentModel):
    """A model that does not know its log p(x)."""

    model: PPCA

    def prior(self, condition=None):
        return self.model.prior(condition)

    def posterior(self, example):
        return Off()(example)

    def likelihood(self, z, condition=None):
        return self.model.likelihood(z, condition)


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(24, 3)) @ rng.normal(size=(3, 8)) + 0.5 * rng.normal(size=(24, 8))).astype("f")


@pytest.fixture(scope="module")
def ppca(x):
    # turned, so that the exact posterior is correlated and no diagonal Gaussian equals it
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(LATENT, LATENT)))[0].astype("f")
    fitted = PPCA.maximum_likelihood(x, LATENT)
    return PPCA(fitted.weight @ turn, fitted.loc, fitted.noise_scale)


@pytest.fixture(scope="module")
def exact(ppca, x):
    return np.asarray(jax.vmap(ppca.log_evidence)(Example(jnp.asarray(x))))


@pytest.fixture(scope="module")
def precision(ppca):
    return np.asarray(ppca.posterior(Example(ppca.loc)).precision_matrix, np.float64)


@pytest.fixture(scope="module")
def diagonal(ppca, x, exact):
    refinement = Refinement(num_draws=32)
    return gap(jr.key(0), WithRecognition(ppca, Off()), Example(x), refinement=refinement)


@pytest.fixture(scope="module")
def full(ppca, x, exact):
    refinement = Refinement(FullRank())
    return gap(jr.key(0), WithRecognition(ppca, Off()), Example(x), refinement=refinement, log_evidence=exact)


def _moments(refined):
    batch = jax.tree.map(jnp.asarray, refined.batch)

    def of_example(example):
        q = refined.model.posterior(example)
        return q.mean, q.variance

    return jax.vmap(of_example)(batch)


def test_the_refined_diagonal_posterior_is_the_best_in_closed_form(ppca, x, precision, diagonal):
    mean, variance = _moments(diagonal.refined)
    truth = jax.vmap(lambda row: ppca.posterior(Example(row)).mean)(jnp.asarray(x))
    scale = 1 / np.sqrt(np.diag(precision))
    assert diagonal.refined.converged.all()
    assert np.abs(mean - truth).max() < 0.1 * scale.min()
    np.testing.assert_allclose(variance, np.broadcast_to(scale**2, variance.shape), rtol=0.12)


def test_the_refined_bound_is_the_best_of_its_family(ppca, x, precision, diagonal):
    # KL(q* || posterior) of the diagonal Gaussian with the precision's diagonal
    best = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    truth = jax.vmap(lambda row: ppca.posterior(Example(row)).mean)(jnp.asarray(x))
    mean, variance = (np.asarray(leaf, np.float64) for leaf in _moments(diagonal.refined))
    # of what was found, without noise: (tr(P S) - d + m' P m - log det P - log det S) / 2
    off = mean - np.asarray(truth, np.float64)
    trace = variance @ np.diag(precision) - LATENT + np.einsum("ni,ij,nj->n", off, precision, off)
    found = 0.5 * (trace - np.linalg.slogdet(precision)[1] - np.log(variance).sum(1))
    assert best > 0.05
    assert 0 < found.mean() - best < 1e-3
    assert abs(diagonal.approximation.mean() - best) < 4 * diagonal.summary().approximation.standard_error


def test_a_full_covariance_leaves_no_approximation_gap(full):
    assert full.refined.converged.all()
    assert np.abs(full.approximation).max() < 1e-3


def test_a_bad_encoder_is_an_amortisation_gap_that_refining_removes(exact, diagonal, full):
    np.testing.assert_allclose(diagonal.log_evidence, exact, atol=1e-4)  # the model's own
    for found in (diagonal, full):
        assert found.amortization.min() > 0.1
        np.testing.assert_allclose(found.total, found.approximation + found.amortization, atol=1e-4)
        summary = found.summary()
        parts = summary.approximation.value + summary.amortization.value
        assert abs(summary.total.value - parts) < 1e-4
        assert summary.reliable
        assert summary.converged == 1


def test_a_summary_is_plain_values(diagonal):
    found = diagonal.to_dict()
    assert set(found["total"]) == {"value", "standard_error"}
    assert found["num_examples"] == 24
    assert found["amortization"]["value"] == pytest.approx(diagonal.amortization.mean())
    assert GapSummary.from_dict(json.loads(json.dumps(found))) == diagonal.summary()


def test_refined_posteriors_stand_wherever_a_posterior_does(ppca, x, exact, full):
    refined = full.refined
    found = evaluate(jr.key(1), refined.model, refined.batch, num_samples=30)
    assert abs(found.elbo.value - exact.mean()) < 1e-3
    assert found.evidence.reliable
    again = importance_log_evidence(
        jr.key(1),
        WithRecognition(ppca, Off()),
        refined.batch,
        num_samples=2,
        proposal=refined.model.posterior,
    )
    np.testing.assert_allclose(again.log_evidence, exact, atol=5e-3)
    truth = encode(ppca, Example(x))
    np.testing.assert_allclose(encode(refined.model, refined.batch), truth, atol=1e-3)
    np.testing.assert_allclose(
        posterior_scale(refined.model, refined.batch), posterior_scale(ppca, Example(x)), rtol=1e-3
    )
    np.testing.assert_allclose(
        reconstruct(refined.model, refined.batch), truth @ np.asarray(ppca.weight).T + ppca.loc, atol=3e-3
    )


def test_what_is_estimated_is_the_exact_gap_too(ppca, x, exact):
    found = gap(jr.key(2), Inexact(ppca), Example(x[:8]), num_samples=2000)
    # the larger of both estimates would lie 0.6 nats above in one of them, by lucky draws of the bad posterior
    assert np.abs(found.log_evidence - exact[:8]).max() < 0.3
    assert abs(found.log_evidence.mean() - exact[:8].mean()) < 0.1
    assert found.approximation.min() > 0  # Jensen, on the same draws
    assert found.summary().reliable == (found.pareto_k.max() < 0.7)


def test_the_best_start_is_kept(ppca, x):
    exactly = refine(jr.key(0), ppca, Example(x[:4]), refinement=Refinement(FullRank(), max_steps=25))
    assert (exactly.steps == 25).all()
    np.testing.assert_allclose(encode(exactly.model, exactly.batch), encode(ppca, Example(x[:4])), atol=0.02)


def test_what_was_prepared_is_kept(ppca, x):
    def prepare(key, batch):
        return Example(batch.x / 10 + jr.normal(key, batch.x.shape))

    found = refine(jr.key(0), ppca, Example(10 * x[:4]), refinement=Refinement(max_steps=1), prepare=prepare)
    assert np.abs(found.batch.x - x[:4]).max() < 5
    assert np.abs(found.batch.x - x[:4]).min(axis=1).max() > 1e-4
    assert not found.converged.any()


def test_a_posterior_without_a_row_number_is_refused(full, x):
    with pytest.raises(ValueError, match="this example has no index"):
        evaluate(jr.key(0), full.refined.model, Example(x), num_samples=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_steps": 0}, "max_steps of a Refinement must be at least 1; got 0"),
        ({"num_draws": 0}, "num_draws of a Refinement must be at least 1; got 0"),
        ({"learning_rate": 0.0}, "learning_rate of a Refinement must be positive"),
    ],
)
def test_a_search_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Refinement(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window of a Stationarity must be at least 1; got 0"),
        ({"decay": 1.5}, "decay of a Stationarity must lie between 0 and 1"),
        ({"tolerance": -1.0}, "tolerance of a Stationarity must not be negative"),
    ],
)
def test_a_test_of_stationarity_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Stationarity(**options)


def test_evidence_of_another_number_of_examples_is_refused(ppca, x):
    refinement = Refinement(max_steps=1)
    with pytest.raises(ValueError, match="one number for each of the 4 examples"):
        gap(jr.key(0), ppca, Example(x[:4]), refinement=refinement, log_evidence=np.zeros(3))


def test_a_loss_of_the_bound_is_split_into_model_and_inference(full):
    def of(log_evidence, elbo, star):
        arrays = (np.asarray(a, float) for a in (elbo, star, log_evidence))
        return Gap(*arrays, None, full.refined)

    train, test = of([-10, -12], [-13, -15], [-11, -13]), of([-14, -18], [-19, -23], [-15.5, -19.5])
    found = generalisation(train, test)
    assert found.bound.value == pytest.approx(7)
    assert found.evidence.value == pytest.approx(5)
    assert found.inference.value == pytest.approx(2)
    assert found.approximation.value == pytest.approx(0.5)
    assert found.amortization.value == pytest.approx(1.5)
    # spreads over two examples of 1 and 2, as standard errors
    assert found.evidence.standard_error == pytest.approx(np.hypot(1, 2))
    assert found.amortization.standard_error == pytest.approx(0)
    assert set(found.to_dict()["bound"]) == {"value", "standard_error"}
