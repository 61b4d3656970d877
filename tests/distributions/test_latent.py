"""Latent distributions: draws, joint densities, and that JAX and Equinox see through them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from latlas.distributions import Chain, Product, diagonal_normal


class Conditional(eqx.Module):
    weight: jax.Array

    def __call__(self, z1):
        return diagonal_normal(self.weight * z1, jnp.full_like(z1, 0.5))


LINK = Conditional(jnp.array([0.8, -0.3]))
CHAIN = Chain(("z1", "z2"), diagonal_normal(jnp.zeros(2), jnp.ones(2)), (LINK,))


def test_diagonal_normal_is_over_one_latent_of_any_shape():
    q = diagonal_normal(jnp.zeros((2, 3)), jnp.full((2, 3), 2.0))
    assert (q.batch_shape, q.event_shape) == ((), (2, 3))
    np.testing.assert_allclose(q.log_prob(jnp.ones((2, 3))), 6 * stats.norm.logpdf(1.0, 0.0, 2.0), rtol=1e-6)
    assert diagonal_normal(jnp.zeros(()), jnp.ones(())).log_prob(jnp.zeros(())).shape == ()


def test_a_chain_has_the_joint_density():
    z1, z2 = CHAIN.sample(jr.key(0)).values()
    exact = stats.norm.logpdf(z1).sum() + stats.norm.logpdf(z2, np.array([0.8, -0.3]) * z1, 0.5).sum()
    np.testing.assert_allclose(CHAIN.log_prob({"z1": z1, "z2": z2}), exact, rtol=1e-5)


def test_draws_of_a_chain_have_its_moments():
    z1, z2 = jax.jit(jax.vmap(CHAIN.sample))(jr.split(jr.key(1), 20_000)).values()
    covariance = np.cov(np.asarray(z1[:, 0]), np.asarray(z2[:, 0]))
    # standard error of a variance near 1 from 20,000 draws: sqrt(2 / 20,000) = 0.01
    np.testing.assert_allclose(covariance, [[1.0, 0.8], [0.8, 0.89]], atol=0.04)


def test_longer_chains_make_deeper_hierarchies():
    deep = Chain(("z1", "z2", "z3"), CHAIN.first, (LINK, lambda z2: diagonal_normal(z2, jnp.ones(2))))
    z = deep.sample(jr.key(0))
    exact = CHAIN.log_prob(z) + stats.norm.logpdf(z["z3"], z["z2"]).sum()
    np.testing.assert_allclose(deep.log_prob(z), exact, rtol=1e-5)


def test_the_order_belongs_to_the_chain_and_not_to_the_latent():
    # the same joint Gaussian, factorised from either end: z1 ~ N(0, 1), z2 | z1 ~ N(0.8 z1, 0.6)
    down = Chain(("z1", "z2"), dist.Normal(0.0, 1.0), (lambda z1: dist.Normal(0.8 * z1, 0.6),))
    up = Chain(("z2", "z1"), dist.Normal(0.0, 1.0), (lambda z2: dist.Normal(0.8 * z2, 0.6),))
    z = down.sample(jr.key(0))
    np.testing.assert_allclose(down.log_prob(z), up.log_prob(z), rtol=1e-5)


def test_the_mean_of_an_affine_chain_is_its_mean():
    chain = Chain(("a", "b"), dist.Normal(2.0, 1.0), (lambda a: dist.Normal(3.0 * a - 1.0, 0.5),))
    assert chain.mean == {"a": 2.0, "b": 5.0}


def test_a_chain_needs_a_name_for_each_latent():
    with pytest.raises(ValueError, match="as many different names"):
        Chain(("z", "z"), dist.Normal(0.0, 1.0), (LINK,))


def test_a_product_scores_and_draws_each_factor_on_its_own():
    factors = {
        "z": diagonal_normal(jnp.ones(2), jnp.ones(2)),
        "c": dist.Categorical(logits=jnp.array([0.0, 1.0])),
    }
    by_position = Product(tuple(factors.values()))
    for product, names in ((Product(factors), ("z", "c")), (by_position, (0, 1))):
        value = product.sample(jr.key(0))
        exact = sum(product.factors[name].log_prob(value[name]) for name in names)
        np.testing.assert_allclose(product.log_prob(value), exact, rtol=1e-6)
        assert value[names[0]].shape == (2,)
        assert product.log_prob(value).shape == ()
    twins = Product((dist.Normal(0.0, 1.0), dist.Normal(0.0, 1.0)))
    first, second = twins.sample(jr.key(0))
    assert first != second


def test_gradients_and_filters_reach_the_arrays_inside():
    value = CHAIN.sample(jr.key(0))
    gradient = eqx.filter_grad(lambda chain: chain.log_prob(value))(CHAIN)
    assert all(jnp.all(leaf != 0) for leaf in jax.tree.leaves(gradient))

    def stopped_log_prob(chain):
        dynamic, static = eqx.partition(chain, eqx.is_inexact_array)
        return eqx.combine(jax.lax.stop_gradient(dynamic), static).log_prob(value)

    stopped = eqx.filter_grad(stopped_log_prob)(CHAIN)
    assert all(jnp.all(leaf == 0) for leaf in jax.tree.leaves(stopped))
    dynamic, static = eqx.partition(CHAIN, eqx.is_inexact_array)
    assert eqx.combine(dynamic, static).log_prob(value) == CHAIN.log_prob(value)

    def log_prob_at_zero(loc):
        return Product((diagonal_normal(loc, jnp.ones(2)),)).log_prob((jnp.zeros(2),))

    batched = jax.vmap(log_prob_at_zero)(jnp.eye(2))
    np.testing.assert_allclose(batched, stats.norm.logpdf(0) + stats.norm.logpdf(1), rtol=1e-6)
