"""Coordinate ascent in general: the loop, its report, and what it refuses."""

import json

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.bayes import cavi
from latlas.bayes.conjugate import (
    AbstractConjugateModel,
    AbstractConjugatePosterior,
    GaussianMixture,
    LatentDirichletAllocation,
    LinearRegression,
    NormalGammaRegression,
)
from latlas.core import DataError, RequestError, WorkError


class OneNumber(AbstractConjugatePosterior):
    value: jnp.ndarray

    def sample(self, key, num_samples):
        return {"value": np.full(num_samples, self.value)}


class Scripted(AbstractConjugateModel):
    """A "model" whose sweep counts and whose ELBO is looked up."""

    elbos: np.ndarray

    def prepare(self, data):
        return jnp.asarray(self.elbos)

    def start(self, key, problem):
        return OneNumber(jnp.asarray(0))

    def sweep(self, problem, posterior):
        return OneNumber(posterior.value + 1)

    def elbo(self, problem, posterior):
        return problem[posterior.value]


def test_a_start_ends_where_a_sweep_gains_less_than_the_tolerance():
    fit = cavi(jr.key(0), Scripted(np.array([-9.0, -3.0, -2.0, -1.9999999, 5.0])), None, tolerance=1e-3)
    assert fit.converged
    assert fit.num_sweeps == 3
    assert fit.posterior.value == 3
    np.testing.assert_array_equal(fit.elbo_history, [-9.0, -3.0, -2.0, -1.9999999])
    assert fit.elbo == fit.elbo_history[-1] == fit.start_elbos[0]
    record = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    assert (record["elbo"], record["num_sweeps"], len(record["elbo_history"])) == (fit.elbo, 3, 4)


def test_a_fit_that_was_cut_off_says_so():
    fit = cavi(jr.key(0), Scripted(np.array([-9.0, -3.0, -2.0, -1.0])), None, max_sweeps=2)
    assert not fit.converged
    assert (fit.num_sweeps, fit.elbo, fit.posterior.value) == (2, -2.0, 2)


@pytest.mark.parametrize(
    ("elbos", "words"), [([-9.0, -3.0, -3.001, -1.0], "fell by 0.001"), ([-9.0, np.nan], "was nan")]
)
def test_a_falling_or_missing_bound_is_reported(elbos, words):
    with pytest.raises(WorkError, match=words):
        cavi(jr.key(0), Scripted(np.array(elbos)), None)


def test_a_fall_within_rounding_is_let_pass():
    assert cavi(jr.key(0), Scripted(np.array([-9.0, -3.0, -3.0 - 1e-10])), None).converged


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 2)), RNG.normal(size=20)
HOLED = np.where(np.arange(40).reshape(20, 2) == 7, np.nan, X)
MIXTURE, REGRESSION, TOPICS = GaussianMixture(2), LinearRegression(), LatentDirichletAllocation(2)


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        (MIXTURE, HOLED, "1 values that are NaN"),
        (MIXTURE, Y, "needs 2 axes"),
        (MIXTURE, X[:1], "at least 2"),
        (MIXTURE, [["a", "b"]], "cannot be read as numbers"),
        (MIXTURE, X[:, [0, 0]], "constant or duplicate columns"),
        (GaussianMixture(2, mean_prior=np.zeros(3)), X, "2 columns"),
        (GaussianMixture(2, degrees_of_freedom=0.5), X, "above 1"),
        (GaussianMixture(2, covariance_prior=-np.eye(2)), X, "positive definite"),
        (REGRESSION, X, "pair"),
        (REGRESSION, (X, Y[:5]), "one target per row"),
        (NormalGammaRegression(), (HOLED, Y), "NaN"),
        (REGRESSION, (X, X), "needs 1 axes"),
        (TOPICS, [[1, -2]], "such as -2"),
        (TOPICS, [[1, 0.5]], "such as 0.5"),
        (TOPICS, [[1, np.nan]], "such as nan"),
        (TOPICS, np.zeros((3, 2)), "not one word"),
        (TOPICS, [["a"]], "cannot be read"),
    ],
)
def test_unusable_data_are_refused(model, data, words):
    with (
        pytest.raises(DataError, match=words)
        if "above 1" not in words
        else pytest.raises(RequestError, match=words)
    ):
        cavi(jr.key(0), model, data)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: GaussianMixture(0), "num_components is 0"),
        (lambda: GaussianMixture(2, weight_concentration=0.0), "weight_concentration is 0.0"),
        (lambda: GaussianMixture(2, mean_precision=np.nan), "mean_precision is nan"),
        (lambda: GaussianMixture(2, weights="normal"), "'dirichlet_process'"),
        (lambda: LinearRegression(noise_rate=-1.0), "noise_rate is -1.0"),
        (lambda: NormalGammaRegression(weight_precision=0.0), "weight_precision is 0.0"),
        (lambda: LatentDirichletAllocation(2.5), "num_topics is 2.5"),
        (lambda: LatentDirichletAllocation(2, doc_concentration=-1.0), "doc_concentration is -1.0"),
        (lambda: LatentDirichletAllocation(2, topic_concentration=1e-5), "underflow"),
        (lambda: LatentDirichletAllocation(1000), "by default"),
        (lambda: cavi(jr.key(0), "mixture", X), "got a str"),
        (lambda: cavi(jr.key(0), MIXTURE, X, tolerance=0.0), "tolerance is 0.0"),
        (lambda: cavi(jr.key(0), MIXTURE, X, num_starts=0), "num_starts is 0"),
    ],
)
def test_wrong_requests_are_refused(build, words):
    with pytest.raises(RequestError, match=words):
        build()
