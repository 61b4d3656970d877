"""Families: valid for every choice of numbers, at the given distribution to begin with, with exact densities."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.flatten_util import ravel_pytree
from scipy import stats as scipy_stats

from latlas.core import stop_gradient
from latlas.distributions import (
    Chain,
    CouplingFlow,
    DiagonalGaussian,
    FullGaussian,
    Product,
    diagonal_normal,
    has_closed_form,
)

FAMILIES = {
    "diagonal": DiagonalGaussian(),
    "full": FullGaussian(),
    "flow": CouplingFlow(3, 8),
    "flow over full": CouplingFlow(2, 8, FullGaussian()),
}
each_family = pytest.mark.parametrize("family", [pytest.param(f, id=name) for name, f in FAMILIES.items()])
LOC, SCALE = np.array([1.0, -2.0, 0.5], "f"), np.array([0.5, 2.0, 0.1], "f")


def _elsewhere(family, q, size=0.4):
    """A member away from the start."""
    params = family.init(q)
    leaves, structure = jax.tree.flatten(params)
    keys = jr.split(jr.key(3), len(leaves))
    return structure.unflatten(
        [p + size * jr.normal(key, p.shape) for p, key in zip(leaves, keys, strict=True)]
    )


@each_family
def test_a_family_starts_at_the_given_gaussian(family):
    start = family(family.init(diagonal_normal(LOC, SCALE)))
    z = LOC + SCALE * np.array([0.3, -1.0, 2.0], "f")
    np.testing.assert_allclose(start.log_prob(z), scipy_stats.norm.logpdf(z, LOC, SCALE).sum(), rtol=1e-5)
    np.testing.assert_allclose(start.mean, LOC, atol=1e-5)
    np.testing.assert_allclose(start.variance, SCALE**2, rtol=0.2 if "low" in type(family).__name__ else 1e-5)
    # the same noise behind a key as NumPyro's normal
    draw = diagonal_normal(LOC, SCALE).sample(jr.key(1))
    np.testing.assert_allclose(start.sample(jr.key(1)), draw, rtol=1e-5)


def test_a_full_covariance_starts_at_any_gaussian():
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]], "f")
    q = dist.MultivariateNormal(jnp.array([1.0, 2.0]), covariance)
    start = FullGaussian()(FullGaussian().init(q))
    np.testing.assert_allclose(start.covariance_matrix, covariance, rtol=1e-5)
    np.testing.assert_allclose(start.mean, [1.0, 2.0])


@each_family
def test_densities_are_those_of_the_map_from_noise(family):
    q = family(_elsewhere(family, diagonal_normal(LOC, SCALE)))

    # a key's noise pushed through: log N(noise) - log |det of the map's derivative|, the latter by autodiff
    def from_noise(noise):
        if isinstance(q, dist.Independent):
            return q.mean + jnp.sqrt(q.variance) * noise
        return q.loc + q.scale_tril @ noise if isinstance(q, dist.MultivariateNormal) else q._forward(noise)

    @jax.jit
    def at(key):
        noise, z = jr.normal(key, (3,)), q.sample(key)
        return noise, z, from_noise(noise), jax.jacobian(from_noise)(noise), q.log_prob(z)

    for key in jr.split(jr.key(0), 3):
        noise, z, pushed, jacobian, log_prob = at(key)
        np.testing.assert_allclose(z, pushed, rtol=1e-4, atol=1e-5)
        truth = scipy_stats.norm.logpdf(noise).sum() - np.linalg.slogdet(jacobian)[1]
        np.testing.assert_allclose(log_prob, truth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dimension", [1, 2])
@each_family
def test_densities_integrate_to_one(family, dimension):
    q = family(_elsewhere(family, diagonal_normal(jnp.zeros(dimension), jnp.ones(dimension))))
    axis = jnp.linspace(-25.0, 25.0, 801)
    grid = jnp.stack(jnp.meshgrid(*[axis] * dimension), axis=-1).reshape(-1, dimension)
    mass = jnp.exp(jax.vmap(q.log_prob)(grid)).sum() * (axis[1] - axis[0]) ** dimension
    np.testing.assert_allclose(mass, 1.0, atol=2e-3)


@each_family
def test_moments_are_those_of_draws(family):
    q = family(_elsewhere(family, diagonal_normal(LOC, SCALE)))
    draws = jax.vmap(q.sample)(jr.split(jr.key(5), 20_000))
    scale = np.std(draws, axis=0)
    assert (np.abs(q.mean - draws.mean(0)) / scale).max() < 0.15
    np.testing.assert_allclose(np.sqrt(q.variance), scale, rtol=0.15)


@each_family
def test_latents_may_be_pytrees(family):
    link = dist.Normal(jnp.ones(2), 0.5).to_event(1)
    q = Chain(("a", "b"), diagonal_normal(jnp.zeros(3), jnp.ones(3)), (lambda a: link,))
    params = family.init(q)
    start = family(params)
    z = start.sample(jr.key(0))
    assert jax.tree.map(jnp.shape, z) == {"a": (3,), "b": (2,)}
    np.testing.assert_allclose(start.log_prob(z), q.log_prob(z), rtol=1e-5)
    assert (
        jax.tree.map(jnp.shape, start.mean)
        == jax.tree.map(jnp.shape, start.variance)
        == jax.tree.map(jnp.shape, z)
    )
    np.testing.assert_allclose(start.mean["b"], 1.0, rtol=1e-5)
    assert jax.tree.structure(family.units(params)) == jax.tree.structure(params)


@each_family
def test_the_path_derivative_vanishes_at_the_target(family):
    target = family(_elsewhere(family, diagonal_normal(LOC, SCALE)))
    params = _elsewhere(family, diagonal_normal(LOC, SCALE))

    def loss(params):
        q = family(params)
        z = q.sample(jr.key(0))
        return stop_gradient(q).log_prob(z) - target.log_prob(z)

    flat = ravel_pytree(jax.jit(jax.grad(loss))(params))[0]
    assert np.abs(flat).max() < 1e-3


def test_gaussians_over_vectors_keep_their_closed_forms():
    prior = dist.Normal(jnp.zeros(3), jnp.ones(3)).to_event(1)
    for family in (DiagonalGaussian(), FullGaussian()):
        assert has_closed_form(family(family.init(prior)), prior)


def test_variances_of_products_are_those_of_the_factors():
    q = Product({"a": diagonal_normal(LOC, SCALE), "b": dist.Normal(0.0, 3.0)})
    np.testing.assert_allclose(q.variance["a"], SCALE**2)
    assert q.variance["b"] == 9.0


def test_discrete_latents_are_refused():
    with pytest.raises(ValueError, match="continuous latents; this one has entries of type int32"):
        DiagonalGaussian().init(dist.Categorical(logits=jnp.zeros(3)))


@pytest.mark.parametrize("options", [{"num_layers": 0}, {"hidden": 0}])
def test_a_flow_without_layers_is_refused(options):
    with pytest.raises(ValueError, match=r"must be at least 1; got 0"):
        CouplingFlow(**options)
