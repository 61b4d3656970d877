"""Posteriors: valid for every choice of numbers, at the given distribution to begin with, with exact densities."""

import equinox as eqx
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
    FullRank,
    MeanField,
    Product,
    diagonal_normal,
    has_closed_form,
)
from latlas.distributions.families import Affine, Diagonal, Triangular, member_near

FAMILIES = {
    "diagonal": MeanField(),
    "full": FullRank(),
    "flow": CouplingFlow(3, 8),
    "flow over full": CouplingFlow(2, 8, FullRank()),
}
each_family = pytest.mark.parametrize("family", [pytest.param(f, id=name) for name, f in FAMILIES.items()])
LOC, SCALE = np.array([1.0, -2.0, 0.5], "f"), np.array([0.5, 2.0, 0.1], "f")
FACTOR = np.array([[0.5, 0.0, 0.0], [1.0, 2.0, 0.0], [-0.3, 0.2, 0.1]], "f")


def _elsewhere(family, q, size=0.4):
    """A member away from the start."""
    leaves, structure = jax.tree.flatten(member_near(family, q))
    keys = jr.split(jr.key(3), len(leaves))
    return structure.unflatten(
        [p + size * jr.normal(key, p.shape) for p, key in zip(leaves, keys, strict=True)]
    )


@each_family
def test_a_family_starts_at_the_given_gaussian(family):
    start = member_near(family, diagonal_normal(LOC, SCALE)).distribution
    z = jnp.asarray(LOC + SCALE * np.array([0.3, -1.0, 2.0], "f"))
    np.testing.assert_allclose(start.log_prob(z), scipy_stats.norm.logpdf(z, LOC, SCALE).sum(), rtol=1e-5)
    np.testing.assert_allclose(start.mean, LOC, atol=1e-5)
    np.testing.assert_allclose(start.variance, SCALE**2, rtol=0.2 if "low" in type(family).__name__ else 1e-5)
    # the same noise behind a key as NumPyro's normal
    draw = diagonal_normal(LOC, SCALE).sample(jr.key(1))
    np.testing.assert_allclose(start.sample(jr.key(1)), draw, rtol=1e-5)


@each_family
def test_init_is_the_standard_normal_for_every_key(family):
    q = family.init(jr.key(0), 3)
    w = jnp.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(q.log_prob(w), scipy_stats.norm.logpdf(w).sum(), rtol=1e-5)
    assert q.dim == 3
    for one, other in zip(jax.tree.leaves(q), jax.tree.leaves(family.init(jr.key(1), 3)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_full_covariance_starts_at_any_gaussian():
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]], "f")
    q = dist.MultivariateNormal(jnp.array([1.0, 2.0]), covariance)
    start = member_near(FullRank(), q).distribution
    np.testing.assert_allclose(start.covariance_matrix, covariance, rtol=1e-5)
    np.testing.assert_allclose(start.mean, [1.0, 2.0])


def test_independent_coordinates_keep_the_standard_deviations_of_a_full_covariance():
    q = member_near(MeanField(), dist.MultivariateNormal(LOC, scale_tril=FACTOR))
    np.testing.assert_allclose(q.variance, np.diag(FACTOR @ FACTOR.T), rtol=1e-5)


@pytest.mark.parametrize("family", [FullRank(), CouplingFlow(2, 8, FullRank())], ids=["full", "flow"])
def test_at_is_the_affine_map(family):
    noise = jnp.array([0.3, -1.0, 2.0])
    for factor in (Triangular(jnp.asarray(FACTOR)), Diagonal(jnp.asarray(SCALE))):
        affine = Affine(jnp.asarray(LOC), factor)
        np.testing.assert_allclose(family.at(affine).transport(noise), affine(noise), rtol=1e-5)


def test_a_point_is_a_very_narrow_member():
    # of a deterministic encoder: its scales are zero, and nothing becomes nan
    for family in FAMILIES.values():
        q = member_near(family, dist.Delta(jnp.asarray(LOC), event_dim=1))
        np.testing.assert_allclose(q.distribution.sample(jr.key(0)), LOC, atol=1e-3)


@each_family
def test_densities_are_those_of_the_map_from_noise(family):
    posterior = _elsewhere(family, diagonal_normal(LOC, SCALE))
    q = posterior.distribution

    # a key's noise pushed through: log N(noise) - log |det of the map's derivative|, the latter by autodiff
    @jax.jit
    def at(key):
        noise, z = jr.normal(key, (3,)), q.sample(key)
        push = posterior.transport
        return noise, z, push(noise), jax.jacobian(push)(noise), q.log_prob(z), posterior.log_prob(z)

    for key in jr.split(jr.key(0), 3):
        noise, z, pushed, jacobian, log_prob, own = at(key)
        np.testing.assert_allclose(z, pushed, rtol=1e-4, atol=1e-5)
        truth = scipy_stats.norm.logpdf(noise).sum() - np.linalg.slogdet(jacobian)[1]
        np.testing.assert_allclose(log_prob, truth, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(own, truth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dimension", [1, 2])
@each_family
def test_densities_integrate_to_one(family, dimension):
    q = _elsewhere(family, diagonal_normal(jnp.zeros(dimension), jnp.ones(dimension))).distribution
    axis = jnp.linspace(-25.0, 25.0, 801)
    grid = jnp.stack(jnp.meshgrid(*[axis] * dimension), axis=-1).reshape(-1, dimension)
    mass = jnp.exp(jax.vmap(q.log_prob)(grid)).sum() * (axis[1] - axis[0]) ** dimension
    np.testing.assert_allclose(mass, 1.0, atol=2e-3)


@each_family
def test_moments_are_those_of_draws(family):
    posterior = _elsewhere(family, diagonal_normal(LOC, SCALE))
    q = posterior.distribution
    draws = jax.vmap(q.sample)(jr.split(jr.key(5), 20_000))
    scale = np.std(draws, axis=0)
    for moments in (q, posterior):
        assert (np.abs(moments.mean - draws.mean(0)) / scale).max() < 0.15
        np.testing.assert_allclose(np.sqrt(moments.variance), scale, rtol=0.15)
    np.testing.assert_allclose(posterior.sample(jr.key(6), 20_000).std(axis=0), scale, rtol=0.05)


@each_family
def test_entropy_is_that_of_the_draws(family):
    q = _elsewhere(family, diagonal_normal(LOC, SCALE))
    surprise = -np.asarray(jax.vmap(q.log_prob)(q.sample(jr.key(7), 20_000)))
    entropy = q.entropy(jr.key(8))
    assert abs(entropy.value - surprise.mean()) < 4 * np.hypot(
        entropy.standard_error, surprise.std() / 20_000**0.5
    )


def _two_links():
    link = dist.Normal(jnp.ones(2), 0.5).to_event(1)
    return Chain(("a", "b"), diagonal_normal(jnp.zeros(3), jnp.ones(3)), (lambda a: link,))


@each_family
def test_latents_may_be_pytrees(family):
    q = _two_links()
    posterior = member_near(family, q)
    start = posterior.distribution
    z = start.sample(jr.key(0))
    assert jax.tree.map(jnp.shape, z) == {"a": (3,), "b": (2,)}
    np.testing.assert_allclose(start.log_prob(z), q.log_prob(z), rtol=1e-5)
    assert (
        jax.tree.map(jnp.shape, start.mean)
        == jax.tree.map(jnp.shape, start.variance)
        == jax.tree.map(jnp.shape, z)
    )
    np.testing.assert_allclose(start.mean["b"], 1.0, rtol=1e-5)
    assert jax.tree.structure(posterior.units) == jax.tree.structure(posterior)
    draws = posterior.sample(jr.key(1), 4)
    assert jax.tree.map(jnp.shape, draws) == {"a": (4, 3), "b": (4, 2)}
    assert posterior.dim == 5
    assert posterior.entropy(jr.key(2)).value == posterior.base.entropy(jr.key(2)).value


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_a_latent_that_is_no_vector_keeps_its_shape(shape):
    q = member_near(FullRank(), diagonal_normal(jnp.full(shape, 2.0), jnp.full(shape, 0.5)))
    z = q.distribution.sample(jr.key(0))
    assert z.shape == q.mean.shape == q.variance.shape == shape
    np.testing.assert_allclose(q.log_prob(z), scipy_stats.norm.logpdf(z, 2.0, 0.5).sum(), rtol=1e-5)


def _gaussian(q):
    """Where loc and log scales stand."""
    return getattr(q, "base", q)


@each_family
def test_a_step_of_one_means_the_same_in_every_unit_of_the_latent(family):
    # the latent in other units: loc and scales times those, and all else as it was
    other = np.array([100.0, 0.01, 7.0], "f")
    q = _elsewhere(family, diagonal_normal(np.zeros(3, "f"), SCALE))
    in_other = eqx.tree_at(
        lambda q: (_gaussian(q).loc, _gaussian(q).log_scale),
        q,
        (_gaussian(q).loc * other, _gaussian(q).log_scale + jnp.log(other)),
    )
    direction = jax.tree.map(lambda leaf: 0.1 * jr.normal(jr.key(1), leaf.shape), q)
    here, there = (
        jax.tree.map(lambda p, unit, step: p + unit * step, start, start.units, direction)
        for start in (q, in_other)
    )
    noise = jnp.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(there.transport(noise), other * here.transport(noise), rtol=1e-4)
    np.testing.assert_allclose(_gaussian(q).units.loc, jnp.exp(_gaussian(q).log_scale), rtol=1e-6)
    np.testing.assert_array_equal(_gaussian(q).units.log_scale, 1.0)


def test_weights_that_sum_over_many_move_less():
    # a row of U, and what a hidden unit reads, move by one altogether; an output sums over the hidden units
    full = member_near(FullRank(), diagonal_normal(np.zeros(4, "f"), np.ones(4, "f")))
    np.testing.assert_allclose(full.units.lower, 0.5)
    flow = member_near(CouplingFlow(1, 16), diagonal_normal(np.zeros(8, "f"), np.ones(8, "f")))
    units = flow.units.couplings[0]
    np.testing.assert_allclose(units.inner, 0.5)
    np.testing.assert_allclose(units.inner_bias, 0.25)
    np.testing.assert_allclose(units.outer, 1 / 16)
    np.testing.assert_allclose(units.outer_bias, 0.25)


@each_family
def test_the_path_derivative_vanishes_at_the_target(family):
    target = _elsewhere(family, diagonal_normal(LOC, SCALE)).distribution
    posterior = _elsewhere(family, diagonal_normal(LOC, SCALE))

    def loss(posterior):
        q = posterior.distribution
        z = q.sample(jr.key(0))
        return stop_gradient(q).log_prob(z) - target.log_prob(z)

    flat = ravel_pytree(jax.jit(jax.grad(loss))(posterior))[0]
    assert np.abs(flat).max() < 1e-3


def test_gaussians_over_vectors_keep_their_closed_forms():
    prior = dist.Normal(jnp.zeros(3), jnp.ones(3)).to_event(1)
    for family in (MeanField(), FullRank()):
        assert has_closed_form(member_near(family, prior).distribution, prior)


def test_variances_of_products_are_those_of_the_factors():
    q = Product({"a": diagonal_normal(LOC, SCALE), "b": dist.Normal(0.0, 3.0)})
    np.testing.assert_allclose(q.variance["a"], SCALE**2)
    assert q.variance["b"] == 9.0


def test_discrete_latents_are_refused():
    with pytest.raises(ValueError, match="continuous latents; this one has entries of type int32"):
        member_near(MeanField(), dist.Categorical(logits=jnp.zeros(3)))


@pytest.mark.parametrize("options", [{"num_layers": 0}, {"width": 0}])
def test_a_flow_without_layers_is_refused(options):
    with pytest.raises(ValueError, match=r"must be at least 1; got 0"):
        CouplingFlow(**options)
