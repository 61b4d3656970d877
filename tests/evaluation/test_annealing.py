"""Annealed importance sampling against probabilistic PCA, whose evidence is exact."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Example
from latlas.evaluation import (
    HMC,
    Annealing,
    annealed_log_evidence,
)
from latlas.models import PPCA


@pytest.fixture(scope="module")
def ppca():
    rng = np.random.default_rng(0)
    weight = 0.7 * rng.normal(size=(6, 3))
    return PPCA(jnp.asarray(weight, jnp.float32), jnp.zeros(6), jnp.float32(0.5))


@pytest.fixture(scope="module")
def batch(ppca):
    def draw(key):
        z_key, x_key = jr.split(key)
        return ppca.likelihood(ppca.prior().sample(z_key)).sample(x_key)

    return Example(np.asarray(jax.vmap(draw)(jr.split(jr.key(9), 60))))


@pytest.fixture(scope="module")
def exact(ppca, batch):
    return np.asarray(jax.vmap(ppca.log_evidence)(batch))


def in_errors(found, exact):
    """Mean difference from the truth in standard errors of the Monte Carlo noise alone, seen between examples."""
    gap = found.log_evidence - exact
    return gap.mean() / (gap.std(ddof=1) / np.sqrt(len(gap)))


SHORT = Annealing(num_temperatures=150, num_chains=24, transition=HMC(num_leapfrog=5))


@pytest.fixture(scope="module")
def short(ppca, batch):
    return annealed_log_evidence(jr.key(0), ppca, batch, annealing=SHORT)


def test_annealing_from_the_prior_agrees_with_the_exact_evidence(short, exact):
    assert abs(in_errors(short, exact)) < 3
    assert np.abs(short.log_evidence - exact).mean() < 0.2
    assert short.summary().reliable


def test_the_standard_error_is_that_of_the_gap(short, exact):
    spread = np.std(short.log_evidence - exact)
    assert 0.7 < np.sqrt(np.mean(short.standard_error**2)) / spread < 1.4
