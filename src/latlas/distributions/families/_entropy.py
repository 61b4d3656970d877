"""Entropies that have no closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from latlas.core import Estimate
from latlas.distributions.families._family import AbstractApproximation

NUM_DRAWS = 10_000


def monte_carlo_entropy(key: PRNGKeyArray, q: AbstractApproximation) -> Estimate:
    """-E[log q] in nats by 10,000 draws, with its standard error."""
    surprise = -_scored_draws(key, q)
    return Estimate(float(jnp.mean(surprise)), float(jnp.std(surprise) / NUM_DRAWS**0.5))


@eqx.filter_jit
def _scored_draws(key, q):
    return jax.vmap(q.log_prob)(q.sample(key, NUM_DRAWS))
