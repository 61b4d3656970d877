"""Families with a density in closed form, against SciPy, quadrature and their own draws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import integrate, stats

from latlas.bayes import from_log_density, from_numpyro
from latlas.bayes.engines._names import FAMILIES, family_named
from latlas.bayes.targets import coordinates_of, dependence_of_model
from latlas.core import RequestError
from latlas.distributions.families import Block, FullRank, LowRank, MeanField, Mixture, Structured

DIM = 5
FUNNEL = (((2, 3), (0,)), ((4,), (2, 1)))
GAUSSIANS = {
    "mean-field": MeanField(),
    "full-rank": FullRank(),
    "low-rank": LowRank(2),
    "block": Block(((0, 3), (4, 1))),
    "structured": Structured(FUNNEL),
}
CLOSED = {**GAUSSIANS, "mixture": Mixture(2, of=LowRank(1))}


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def member(family, dim=DIM, scale=0.4, seed=0):
    """A member away from the standard normal: every parameter moved."""
    leaves, tree = jax.tree.flatten(family.init(jr.key(seed), dim))
    keys = jr.split(jr.key(seed + 1), len(leaves))
    return jax.tree.unflatten(
        tree, [a + scale * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    )


log_probs = eqx.filter_jit(lambda q, w: jax.vmap(q.log_prob)(jnp.asarray(w)))


@pytest.mark.parametrize("family", CLOSED.values(), ids=CLOSED)
def test_begins_near_the_standard_normal(family):
    q = family.init(jr.key(0), DIM)
    assert q.dim == DIM
    assert np.abs(q.mean).max() < 1e-12
    if not isinstance(family, Mixture):
        w = np.random.default_rng(0).normal(size=(20, DIM))
        want = stats.norm.logpdf(w).sum(axis=1)
        np.testing.assert_allclose(log_probs(q, w), want, atol=0.3)


@pytest.mark.parametrize("name", ["mean-field", "full-rank", "low-rank", "block"])
def test_a_gaussian_has_scipys_density_and_entropy(name):
    q = member(GAUSSIANS[name])
    truth = stats.multivariate_normal(np.asarray(q.mean), np.asarray(q.covariance))
    w = np.random.default_rng(1).normal(size=(30, DIM)) * 2
    np.testing.assert_allclose(log_probs(q, w), truth.logpdf(w), rtol=1e-10)
    assert q.entropy(jr.key(0)).value == pytest.approx(truth.entropy(), rel=1e-10)
    assert q.entropy(jr.key(0)).standard_error == 0.0


@pytest.mark.parametrize("family", CLOSED.values(), ids=CLOSED)
def test_draws_have_the_stated_moments(family):
    q, num = member(family), 20_000
    w = np.asarray(q.sample(jr.key(3), num))
    error = w.std(axis=0) / num**0.5
    assert np.all(np.abs(w.mean(axis=0) - q.mean) < 4.5 * error)
    if not isinstance(family, Structured):
        np.testing.assert_allclose(np.cov(w.T), q.covariance, atol=5 * w.std(axis=0).max() ** 2 / num**0.5)


@pytest.mark.parametrize("name", GAUSSIANS)
def test_transport_and_density_agree_by_change_of_variables(name):
    q, noise = member(GAUSSIANS[name]), jr.normal(jr.key(5), (DIM,))
    log_det = jnp.linalg.slogdet(jax.jacobian(q.transport)(noise))[1]
    want = stats.norm.logpdf(noise).sum() - log_det
    assert float(q.log_prob(q.transport(noise))) == pytest.approx(float(want), abs=1e-10)


@pytest.mark.parametrize("name", ["structured", "mixture"])
def test_entropy_is_that_of_the_draws(name):
    q = member(CLOSED[name])
    surprise = -np.asarray(log_probs(q, q.sample(jr.key(7), 20_000)))
    entropy = q.entropy(jr.key(8))
    error = np.hypot(entropy.standard_error, surprise.std() / 20_000**0.5)
    assert abs(entropy.value - surprise.mean()) < 4 * error
    assert (entropy.standard_error > 0) == (name == "mixture")


@pytest.mark.parametrize(
    "family", [Mixture(3), Structured((((1,), (0,)),)), LowRank(1), Block(((0, 1),))], ids=lambda f: f.name
)
def test_density_integrates_to_one(family):
    q = member(family, dim=2, scale=0.3)
    grid = np.linspace(-14, 14, 561)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(log_probs(q, points)).reshape(len(grid), -1)
    assert integrate.trapezoid(integrate.trapezoid(density, grid), grid) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("family", CLOSED.values(), ids=CLOSED)
def test_compiles_maps_and_differentiates(family):
    q = member(family)
    w = jr.normal(jr.key(2), (3, DIM))
    grad = eqx.filter_jit(eqx.filter_grad(lambda q: jnp.sum(jax.vmap(q.log_prob)(w))))(q)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(grad))
    assert any(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(grad))


def test_a_funnel_is_inside_the_structured_family():
    # v ~ N(0, 3^2), x_i ~ N(0, exp(v)): Neal's funnel
    q = Structured((((1, 2), (0,)),)).init(jr.key(0), 3)
    q = eqx.tree_at(
        lambda q: (q.log_scale, q.log_scale_weights), q, (jnp.log(jnp.array([3.0, 1, 1])), jnp.full(2, 0.5))
    )
    v, x, y = 1.3, -0.7, 2.0
    want = stats.norm.logpdf(v, 0, 3) + stats.norm.logpdf([x, y], 0, np.exp(v / 2)).sum()
    assert float(q.log_prob(jnp.array([v, x, y]))) == pytest.approx(want, rel=1e-12)


def test_the_low_rank_covariance_is_a_diagonal_plus_its_rank():
    q = member(LowRank(2), dim=6)
    rest = np.asarray(q.covariance) - np.diag(np.exp(2 * np.asarray(q.log_scale)))
    assert np.linalg.matrix_rank(rest, tol=1e-10) == 2


def test_blocks_are_named_by_parameters():
    target = from_log_density(
        lambda p: -jnp.sum(p["a"] ** 2) - jnp.sum(p["b"] ** 2), {"b": jnp.zeros(2), "a": jnp.zeros(3)}
    )
    assert coordinates_of(target) == {"a": (0, 1, 2), "b": (3, 4)}
    assert Block.named(coordinates_of(target), (("b", "a"),)).groups == ((3, 4, 0, 1, 2),)
    with pytest.raises(RequestError, match="No parameter is called 'c'"):
        Block.named(coordinates_of(target), (("c",),))


def test_the_dependence_of_a_model_is_read_off():
    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        tau = numpyro.sample("tau", dist.HalfNormal(1))
        with numpyro.plate("groups", 3):
            theta = numpyro.sample("theta", dist.Normal(mu, tau))
            numpyro.sample("y", dist.Normal(theta, 1), obs=y)

    # the vector holds mu, tau, theta[0], theta[1], theta[2]; tau follows mu, with which it shares children
    with jax.enable_x64(False):  # as users have it
        dependence = dependence_of_model(model, (jnp.zeros(3),))
    assert dependence == (((0,), ()), ((1,), (0,)), ((2,), (0, 1)), ((3,), (0, 1)), ((4,), (0, 1)))
    q = Structured(dependence).init(jr.key(0), 5)
    assert (len(q.edges), q.depth) == (7, 3)
    assert coordinates_of(from_numpyro(jr.key(0), model, (jnp.zeros(3),)))["theta"] == (2, 3, 4)


def test_a_vector_site_a_shared_plate_and_a_discrete_site_are_read_off():
    def model(y):
        beta = numpyro.sample("beta", dist.Normal(0, 1).expand([2]).to_event(1))
        p = numpyro.sample("p", dist.Dirichlet(jnp.ones(2)))
        with numpyro.plate("rows", 2):
            a = numpyro.sample("a", dist.Normal(0, 1))
            numpyro.sample("b", dist.Normal(a, 1))
        z = numpyro.sample("z", dist.Categorical(p))
        numpyro.sample("y", dist.Normal(beta.sum() + z, 1), obs=y)

    # beta 0 1, p 2 (a simplex of two has one free number), a 3 4, b 5 6; beta and p meet in y, through z
    assert dict(dependence_of_model(model, (0.0,))) == {
        (0,): (),
        (1,): (0,),
        (2,): (0, 1),
        (3,): (),
        (4,): (),
        (5,): (3,),
        (6,): (4,),
    }


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (LowRank(9), "rank 9 does not fit 5"),
        (Block(), "needs its groups"),
        (Block(((0, 1), (1, 2))), "at most once"),
        (Block(((0, 7),)), "do not fit 5"),
        (Structured(), "what depends on what"),
        (Structured((((0,), (1,)), ((1,), (0,)))), "circle"),
        (Structured((((0,), (8,)),)), "coordinate 8"),
        (Mixture(0), "at least one component"),
        (Mixture(2, of=Structured(FUNNEL)), "mixture of structured"),
    ],
)
def test_what_does_not_fit_is_refused(family, text):
    with pytest.raises(RequestError, match=text):
        family.init(jr.key(0), DIM)


def test_families_have_names():
    assert all(family_named(name).name == name for name in FAMILIES)
    assert set(FAMILIES) >= {"low-rank", "block", "structured", "mixture", "flow"}


def test_families_know_what_a_rotation_would_destroy():
    aligned = {name for name in FAMILIES if family_named(name).is_axis_aligned}
    assert aligned == {"mean-field", "block", "structured"}


def test_a_structure_without_an_edge_is_one_level():
    member = Structured((((0,), ()), ((1,), ()))).init(jr.key(0), 2)
    assert member.depth == 1
    np.testing.assert_allclose(member.transport(jnp.array([0.3, -1.0])), [0.3, -1.0])
