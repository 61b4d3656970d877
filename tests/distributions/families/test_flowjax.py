"""Flows: a FlowJAX bijection as a transport of standard normal noise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import lazy_loader
import numpy as np
import pytest
from scipy import integrate, stats

from latlas.core import RequestError
from latlas.distributions.families import Flow, _flowjax

KINDS = {
    "coupling": Flow(num_layers=2, width=4),
    "autoregressive": Flow(num_layers=2, width=4, autoregressive=True),
}
SPLINE = Flow(num_layers=1, width=4, knots=4)


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def member(family, dim, scale=0.2):
    """A flow away from the identity."""
    params, static = eqx.partition(family.init(jr.key(0), dim), eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(params)
    keys = jr.split(jr.key(1), len(leaves))
    moved = [a + scale * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, moved), static)


log_probs = eqx.filter_jit(lambda q, w: jax.vmap(q.log_prob)(jnp.asarray(w)))


@eqx.filter_jit
def both_densities(q, noise):
    """log q of the image of the noise, by the flow and by the Jacobian of its transport."""
    log_det = jnp.linalg.slogdet(jax.jacobian(q.transport)(noise))[1]
    change = -0.5 * jnp.sum(noise**2 + jnp.log(2 * jnp.pi)) - log_det
    return q.log_prob(q.transport(noise)), change


@pytest.mark.parametrize("family", [*KINDS.values(), SPLINE], ids=[*KINDS, "spline"])
def test_transport_and_density_agree_by_change_of_variables(family):
    direct, change = both_densities(member(family, 3), jr.normal(jr.key(5), (3,)))
    assert float(direct) == pytest.approx(float(change), abs=1e-8)


@pytest.mark.parametrize("family", KINDS.values(), ids=KINDS)
def test_begins_near_the_standard_normal(family):
    q = family.init(jr.key(0), 3)
    w = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(log_probs(q, w), stats.norm.logpdf(w).sum(axis=1), atol=0.15)
    assert q.dim == 3
    assert jax.tree.structure(q) == jax.tree.structure(family.init(jr.key(1), 3))  # one program for both


def test_a_flow_integrates_to_one_and_draws_from_its_density():
    q = member(KINDS["coupling"], 2)
    grid = np.linspace(-9, 9, 301)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1)
    density = np.exp(log_probs(q, points.reshape(-1, 2))).reshape(len(grid), -1)

    def integral(values):
        return integrate.trapezoid(integrate.trapezoid(values, grid), grid)

    assert integral(density) == pytest.approx(1.0, abs=1e-4)
    w = np.asarray(q.sample(jr.key(2), 20_000))
    mean = [integral(density * points[..., i]) for i in (0, 1)]
    assert np.all(np.abs(w.mean(axis=0) - mean) < 4 * w.std(axis=0) / 20_000**0.5)
    entropy = q.entropy(jr.key(3))
    truth = -integral(density * np.log(np.maximum(density, 1e-300)))
    assert abs(entropy.value - truth) < 4 * entropy.standard_error


def test_gradients_are_finite():
    q = member(KINDS["coupling"], 2)
    w = jr.normal(jr.key(0), (4, 2))
    grad = eqx.filter_jit(eqx.filter_grad(lambda q: jnp.sum(jax.vmap(q.log_prob)(w))))(q)
    assert all(bool(jnp.all(jnp.isfinite(g))) for g in jax.tree.leaves(grad))


def test_a_flow_needs_two_coordinates_and_whole_layers():
    with pytest.raises(RequestError, match="two coordinates"):
        Flow().init(jr.key(0), 1)
    with pytest.raises(RequestError, match="0 layers"):
        Flow(num_layers=0).init(jr.key(0), 2)


def test_a_missing_library_is_said_with_its_cure(monkeypatch):
    monkeypatch.setattr(_flowjax, "bijections", lazy_loader.load("no_such_library_at_all"))
    with pytest.raises(RequestError, match=r"pip install latlas\[bayes\]"):
        Flow(width=3).init(jr.key(0), 2)
