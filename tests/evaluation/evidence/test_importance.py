"""Importance-weighted evidence against probabilistic PCA, whose evidence and posterior are exact."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array
from scipy import stats as scipy_stats

from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.evaluation import importance_log_evidence
from latlas.evaluation.evidence import EvidencePerExample
from latlas.models import PPCA, AbstractRecognition, WithRecognition


class Scaled(AbstractRecognition):
    """The exact posterior's mean, and a diagonal scale that is a multiple of its own."""

    model: PPCA
    factor: Array

    def __call__(self, example):
        exact = self.model.posterior(example)
        return diagonal_normal(exact.mean, self.factor * jnp.sqrt(exact.variance))


class Standard(AbstractRecognition):
    """The prior."""

    def __call__(self, example):
        return diagonal_normal(jnp.zeros(2), jnp.ones(2))


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(40, 2)) @ rng.normal(size=(2, 5)) + 0.7 * rng.normal(size=(40, 5))).astype("f")


@pytest.fixture(scope="module")
def ppca(x):
    return PPCA.maximum_likelihood(x, 2)


@pytest.fixture(scope="module")
def exact(ppca, x):
    return _exact(ppca, x)


def _exact(ppca, x):
    covariance = np.asarray(ppca.weight, np.float64) @ np.asarray(ppca.weight).T
    covariance += float(ppca.noise_scale) ** 2 * np.eye(5)
    return scipy_stats.multivariate_normal(np.asarray(ppca.loc), covariance).logpdf(x)


def test_one_sample_of_the_exact_posterior_gives_the_exact_evidence(ppca, x, exact):
    found = importance_log_evidence(jr.key(0), ppca, Example(x), num_samples=1)
    np.testing.assert_allclose(found.log_evidence, exact, atol=2e-5)
    assert not found.summary().reliable  # one weight says nothing about its tail


def test_the_exact_posterior_has_constant_weights(ppca, x, exact):
    found = importance_log_evidence(jr.key(0), ppca, Example(x), num_samples=60)
    np.testing.assert_allclose(found.log_evidence, exact, atol=2e-5)
    np.testing.assert_allclose(found.effective_sample_size, 60, rtol=1e-4)
    assert found.pareto_k.max() < 0.1
    assert found.standard_error.max() < 1e-5
    assert found.summary().reliable


def test_the_bound_rises_with_the_number_of_samples_to_the_exact_evidence(ppca, x, exact):
    model = WithRecognition(ppca, Scaled(ppca, jnp.float32(1.6)))
    seeds = [jr.key(seed) for seed in range(4)]
    means = {}
    for num_samples in (1, 8, 600):
        found = [importance_log_evidence(key, model, Example(x), num_samples=num_samples) for key in seeds]
        means[num_samples] = [estimate.log_evidence.mean() for estimate in found]
    rises = [np.mean(means[k]) for k in (1, 8, 600)]
    assert rises[0] < rises[1] - 0.1
    assert rises[1] < rises[2] - 0.01
    assert rises[2] < exact.mean() + 0.02
    for estimate in found:
        error = np.sqrt(np.sum(estimate.standard_error**2)) / len(x)
        assert abs(estimate.log_evidence.mean() - exact.mean()) < 3 * error


def test_the_standard_error_is_that_of_repetitions(ppca, x, exact):
    model = WithRecognition(ppca, Scaled(ppca, jnp.float32(1.6)))
    same = Example(np.repeat(x[:1], 400, axis=0))  # every row draws for itself
    found = importance_log_evidence(jr.key(1), model, same, num_samples=100)
    spread = found.log_evidence.std(ddof=1)  # known to 1 / sqrt(2 * 400) = 3.5 %
    assert abs(found.standard_error.mean() / spread - 1) < 4 * 0.035
    summary = found.summary()
    assert abs(summary.value - exact[0]) < 4 * summary.standard_error


def test_weights_of_a_narrow_proposal_are_called_unreliable(ppca, x):
    # a proposal with a tenth of the posterior's variance has weights of tail shape k = 1 - 0.1 = 0.9
    narrow = Scaled(ppca, jnp.float32(np.sqrt(0.1)))
    found = importance_log_evidence(jr.key(0), WithRecognition(ppca, narrow), Example(x), num_samples=600)
    assert abs(np.median(found.pareto_k) - 0.9) < 0.15
    assert not found.summary().reliable


def test_a_proposal_stands_in_for_a_bad_posterior(ppca, x, exact):
    model = WithRecognition(ppca, Standard())
    found = importance_log_evidence(
        jr.key(0), model, Example(x), num_samples=60, proposal=jax.tree_util.Partial(ppca.posterior)
    )
    np.testing.assert_allclose(found.log_evidence, exact, atol=2e-5)


def test_figures_depend_neither_on_chunks_nor_on_the_other_examples(ppca, x):
    model = WithRecognition(ppca, Standard())
    whole = importance_log_evidence(jr.key(0), model, Example(x), num_samples=50, chunk_size=500)
    few = importance_log_evidence(jr.key(0), model, Example(x[:9]), num_samples=50, chunk_size=7)
    np.testing.assert_allclose(whole.log_evidence[:9], few.log_evidence, atol=1e-4)
    np.testing.assert_allclose(whole.pareto_k[:9], few.pareto_k, atol=1e-3)
    other = importance_log_evidence(jr.key(1), model, Example(x), num_samples=50, chunk_size=500)
    assert np.abs(whole.log_evidence - other.log_evidence).max() > 1e-3


def test_holes_are_left_out_of_the_evidence(ppca, x):
    holes = np.random.default_rng(1).random(x[:6].shape) < 0.4
    batch = Example(np.where(holes, np.nan, x[:6]), observed=~holes)
    found = importance_log_evidence(jr.key(0), WithRecognition(ppca, Standard()), batch, num_samples=2000)
    weight = np.asarray(ppca.weight, np.float64)
    covariance = weight @ weight.T + float(ppca.noise_scale) ** 2 * np.eye(5)
    for i, seen in enumerate(~holes):
        marginal = scipy_stats.multivariate_normal(np.asarray(ppca.loc)[seen], covariance[np.ix_(seen, seen)])
        truth = marginal.logpdf(x[i, seen])
        assert abs(found.log_evidence[i] - truth) < 4 * found.standard_error[i] + 1e-5


def test_stored_bytes_are_prepared_as_in_training(ppca):
    stored = np.arange(30, dtype=np.uint8).reshape(6, 5)

    def prepare(key, batch):
        return Example(batch.x.astype(jnp.float32) / 10)

    found = importance_log_evidence(jr.key(0), ppca, Example(stored), num_samples=2, prepare=prepare)
    truth = _exact(ppca, stored.astype("f") / 10)
    np.testing.assert_allclose(found.log_evidence, truth, rtol=1e-5)


def _estimates(log_evidence, standard_error, pareto_k=0.1):
    log_evidence, standard_error = np.array(log_evidence), np.array(standard_error)
    k = np.broadcast_to(pareto_k, log_evidence.shape)
    effective = np.array([20.0]) if len(log_evidence) == 1 else np.array([10.0, 20.0, 90.0])
    return EvidencePerExample(log_evidence, standard_error, effective, k, 100)


@pytest.mark.parametrize(
    ("log_evidence", "standard_error", "expected"),
    [
        pytest.param([1.0, 2.0, 6.0], [0.1, 0.1, 0.1], np.sqrt(7.0 / 3), id="spread over examples"),
        pytest.param([1.0, 1.0, 1.0], [0.3, 0.0, 0.0], np.sqrt(0.03 / 3), id="Monte Carlo error alone"),
        pytest.param([1.0, 2.0, 6.0], [np.inf] * 3, np.sqrt(7.0 / 3), id="one sample each"),
        pytest.param([1.0], [0.2], 0.2, id="one example"),
        pytest.param([1.0], [np.inf], np.inf, id="one example, one sample"),
    ],
)
def test_the_summary_holds_both_errors(log_evidence, standard_error, expected):
    summary = _estimates(log_evidence, standard_error).summary()
    assert summary.value == pytest.approx(np.mean(log_evidence))
    assert summary.standard_error == pytest.approx(expected)
    assert (summary.effective_sample_size, summary.num_samples, summary.reliable) == (20.0, 100, True)


@pytest.mark.parametrize("pareto_k", [0.8, np.inf])
def test_one_bad_example_in_three_makes_the_mean_unreliable(pareto_k):
    summary = _estimates([1.0, 2.0, 3.0], [0.1] * 3, [0.1, 0.2, pareto_k]).summary()
    assert summary.pareto_k == pareto_k
    assert not summary.reliable


@pytest.mark.parametrize("option", ["num_samples", "chunk_size"])
def test_counts_below_one_are_refused(ppca, x, option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1; got 0"):
        importance_log_evidence(jr.key(0), ppca, Example(x), **{option: 0})
