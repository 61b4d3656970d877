"""Free posteriors: found by row number, started at the model's own, trained like any other part."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Example
from latlas.distributions import FullRank, MeanField
from latlas.models import PPCA, WithRecognition, free_posteriors
from latlas.objectives import Elbo

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds


@pytest.fixture(scope="module")
def ppca():
    return PPCA.maximum_likelihood(np.random.default_rng(0).normal(size=(30, 5)), 2)


@pytest.fixture(scope="module")
def batch():
    x = np.random.default_rng(1).normal(size=(6, 5)).astype("f")
    return Example(jnp.asarray(x), index=jnp.arange(6))


def test_they_start_at_the_model_s_own_posteriors(ppca, batch):
    free = free_posteriors(ppca, batch, FullRank())
    of_row_4 = Example(jnp.zeros(5), index=jnp.int32(4))  # x is not looked at
    truth = ppca.posterior(Example(batch.x[4]))
    np.testing.assert_allclose(free(of_row_4).mean, truth.mean, rtol=1e-5)
    np.testing.assert_allclose(
        free(of_row_4).covariance_matrix, truth.covariance_matrix, rtol=1e-4, atol=1e-6
    )
    diagonal = free_posteriors(ppca, batch, MeanField())
    np.testing.assert_allclose(diagonal(of_row_4).variance, truth.variance, rtol=1e-5)


def test_an_example_moves_its_own_posterior_alone(ppca, batch):
    model = WithRecognition(ppca, free_posteriors(ppca, batch, MeanField()))
    some = jax.tree.map(lambda leaf: leaf[2:4], batch)
    grads = jax.jit(jax.grad(lambda model: Elbo()(jr.key(0), model, some)[0]))(model).recognition.posteriors
    moved = np.abs(np.asarray(grads.loc)).max(axis=1) > 0
    assert moved.tolist() == [False, False, True, True, False, False]


def test_without_an_index_the_cure_is_named(ppca, batch):
    free = free_posteriors(ppca, batch, MeanField())
    with pytest.raises(ValueError, match=r"no index. Give the batch its rows, Example\(x, index="):
        free(Example(batch.x[0]))


def test_a_row_that_was_never_fitted_is_nobody_else_s(ppca, batch):
    free = free_posteriors(ppca, batch, MeanField())
    mean = jax.jit(lambda index: free(Example(batch.x[0], index=index)).mean)
    assert np.isnan(mean(6)).all()
    assert np.isfinite(mean(5)).all()
