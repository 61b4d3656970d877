"""A hierarchy is refined like any other latent: its linear-Gaussian case has an exact log p(x) to be reached."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array
from scipy import stats as scipy_stats

from latlas.core import Example
from latlas.distributions import (
    Chain,
    CouplingFlow,
    FixedScale,
    FullRank,
    Gaussian,
    Likelihood,
    diagonal_normal,
)
from latlas.evaluation import Refinement, elbo, refine
from latlas.latent import encode
from latlas.models import AbstractLatentModel

A, B, NOISE = [np.random.default_rng(0).normal(size=shape).astype("f") for shape in ((2, 1), (4, 2))] + [0.6]


class Link(eqx.Module):
    weight: Array
    scale: float

    def __call__(self, z):
        return diagonal_normal(self.weight @ z, jnp.full(self.weight.shape[0], self.scale))


class TwoLayers(AbstractLatentModel):
    """p(z2) p(z1 | z2) p(x | z1), and a posterior that looks at nothing."""

    def prior(self, condition=None):
        return Chain(("z2", "z1"), diagonal_normal(jnp.zeros(1), jnp.ones(1)), (Link(jnp.asarray(A), 0.5),))

    def posterior(self, example):
        return Chain(
            ("z1", "z2"), diagonal_normal(jnp.zeros(2), jnp.ones(2)), (Link(jnp.zeros((1, 2)), 1.0),)
        )

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(NOISE)), jnp.asarray(B) @ z["z1"])


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(FullRank(), id="full"),
        pytest.param(CouplingFlow(2, 4, FullRank()), id="flow", marks=pytest.mark.slow),
    ],
)
def test_a_chain_s_refined_bound_is_its_exact_evidence(family):
    covariance = B @ (A @ A.T + 0.25 * np.eye(2)) @ B.T + NOISE**2 * np.eye(4)
    x = np.random.default_rng(1).multivariate_normal(np.zeros(4), covariance, size=10).astype("f")
    exact = scipy_stats.multivariate_normal(np.zeros(4), covariance).logpdf(x)
    refined = refine(jr.key(0), TwoLayers(), Example(x), refinement=Refinement(family))
    found = elbo(jr.key(1), refined.model, refined.batch, num_samples=200)
    np.testing.assert_allclose(found.elbo, exact, atol=0.02)
    codes = encode(refined.model, refined.batch)
    assert {name: code.shape for name, code in codes.items()} == {"z1": (10, 2), "z2": (10, 1)}
