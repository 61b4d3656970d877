"""Plain functions as targets, and the choice between a function and a model."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints, transforms
from numpyro.infer.reparam import CircularReparam
from scipy import stats

from latlas.bayes import as_target, from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.targets import DensityTarget, NumPyroTarget
from latlas.core import DataError, RequestError


def normal(params):
    return -0.5 * jnp.sum(params**2)


def gamma_and_dirichlet(params):
    return dist.Gamma(2.0, 3.0).log_prob(params["rate"]) + dist.Dirichlet(jnp.ones(3)).log_prob(
        params["parts"]
    )


def value(target, u):
    return Density(target).value(np.asarray(u, float)[None])[0]


def test_bijections_change_shapes_and_add_their_log_determinant():
    target = from_log_density(
        gamma_and_dirichlet,
        {"rate": 0.5, "parts": jnp.zeros(2)},
        bijections={"rate": constraints.positive, "parts": transforms.StickBreakingTransform()},
    )
    u = np.array([0.4, -0.3, 0.7])  # keys are sorted: parts, then rate
    with jax.enable_x64(True):
        found = jax.tree.map(np.asarray, target.constrain(jnp.asarray(u)))
        breaking = jax.jit(jax.jacobian(lambda u: transforms.StickBreakingTransform()(u)[:2]))
        volume = np.linalg.slogdet(np.asarray(breaking(jnp.asarray(u[:2]))))[1]
    assert found["parts"].sum() == pytest.approx(1.0)
    expected = stats.gamma(2.0, scale=1 / 3).logpdf(np.exp(0.7)) + 0.7 + np.log(2.0) + float(volume)
    assert value(target, u) == pytest.approx(expected, rel=1e-10)


def test_data_of_the_same_shapes_reuse_what_was_compiled():
    traces = []

    def function(params, data):
        traces.append(1)
        return -0.5 * jnp.sum((data["y"] - params) ** data["power"])

    first = from_log_density(function, jnp.zeros(2), data={"y": [1.0, 2.0], "power": 2})
    assert value(first, [0.0, 0.0]) == -2.5
    second = from_log_density(function, jnp.ones(2), data={"y": [2.0, 2.0], "power": 2})
    traces.clear()
    assert (value(second, [0.0, 0.0]), traces) == (-4.0, [])


@pytest.mark.parametrize(
    ("function", "init", "bijections", "message"),
    [
        (normal, jnp.zeros(3, int), None, "params holds int32 values; parameters must be floats.*jnp.zeros"),
        (normal, {"n": 3}, None, r"params\['n'\] holds int64 values"),
        (normal, jnp.array([0.0, jnp.nan]), None, "params is not finite"),
        (normal, {"a": "text"}, None, "must be real floats"),
        (normal, {}, None, "There are no parameters"),
        (lambda p: -(p**2), jnp.zeros(2), None, r"returns shape \(2,\); it must return one number"),
        (lambda p: None, jnp.zeros(2), None, "returns a NoneType"),
        (lambda p: 1j * p, 0.0, None, "returns complex128"),
        (lambda p: p if p < 0 else -p, 0.0, None, "lets Python decide.*jnp.where"),
        (lambda p: p["b"], {"a": 0.0}, None, "raised KeyError at the parameters given: 'b'"),
        (normal, jnp.zeros(2), {"b": constraints.positive}, "bijection for 'b'.*none, being a"),
        (normal, {"a": 0.0}, {"b": constraints.positive}, "bijection for 'b'.*names: a"),
        (normal, {"a": 0.0}, {"a": constraints.sphere}, "no bijection from R.n to Sphere"),
        (normal, {"a": 0.0}, {"a": "positive"}, "is a str; give one of numpyro.distributions.constraints"),
        (normal, {"a": {"b": 0.0}}, {"a": constraints.positive}, "needs an array there, not a dict"),
        (
            normal,
            {"a": jnp.zeros(4)},
            {"a": constraints.corr_cholesky},
            r"does not take unconstrained values of shape \(4,\)",
        ),
    ],
)
def test_requests_that_are_no_log_density(function, init, bijections, message):
    with pytest.raises(RequestError, match=message):
        from_log_density(function, init, bijections=bijections)


def test_data_that_index_beyond_the_parameters_are_refused():
    data = {"group": [0, 3]}
    with pytest.raises(DataError, match=r"data\['group'\] has the value 3 as an index into 3 entries"):
        from_log_density(lambda p, data: -jnp.sum(p[data["group"]] ** 2), jnp.zeros(3), data=data)


def model(y=None):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)


@pytest.mark.parametrize("data", [{"y": 1.0}, (1.0,), {}, (), None])
def test_a_function_with_sample_sites_is_a_model(data):
    target = as_target(jr.key(0), model, data)
    assert isinstance(target, NumPyroTarget)
    assert target.dim == (1 if data else 2)


def reads_its_groups(group, y):
    with numpyro.plate("groups", int(group.max()) + 1):
        level = numpyro.sample("level", dist.Normal(0, 1))
    with numpyro.plate("rows", len(y)) as i:
        numpyro.sample("y", dist.Normal(level[group[i]], 1), obs=y)


def counts_its_holes(y):
    if np.isnan(y).any():
        y = np.nan_to_num(y)
    numpyro.sample("y", dist.Normal(numpyro.sample("mu", dist.Normal(0, 1)), 1), obs=y)


def flat_first(y):
    mu = numpyro.sample("mu", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)


def on_a_circle(y):
    angle = numpyro.sample("angle", dist.VonMises(0.0, 2.0))
    numpyro.sample("y", dist.Normal(jnp.cos(angle), 1), obs=y)


@pytest.mark.parametrize(
    ("model", "data", "dim"),
    [
        (reads_its_groups, {"group": np.array([0, 1, 1]), "y": np.zeros(3)}, 2),
        (reads_its_groups, (np.array([0, 1, 1]), np.zeros(3)), 2),
        (counts_its_holes, {"y": np.array([0.0, np.nan])}, 1),
        (flat_first, {"y": np.zeros(2)}, 1),
        (numpyro.handlers.reparam(on_a_circle, config={"angle": CircularReparam()}), {"y": np.zeros(2)}, 1),
    ],
)
def test_a_model_is_known_however_it_begins(model, data, dim):
    target = as_target(jr.key(0), model, data)
    assert isinstance(target, NumPyroTarget)
    assert target.dim == dim
    assert np.isfinite(value(target, np.zeros(dim)))


def test_a_model_that_fails_before_its_first_site_is_still_one():
    def broken(y):
        raise KeyError("sd")

    with pytest.raises(RequestError, match="Before its first site the model raised KeyError"):
        as_target(jr.key(0), broken, {"y": np.arange(3)})


@pytest.mark.parametrize(
    "init", [jnp.zeros(3), np.zeros(3), {"a": jnp.zeros(2), "b": 0.0}, (0.0, jnp.zeros(2)), 0.0]
)
def test_a_function_without_is_a_log_density(init):
    def function(params):
        return sum(-jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))

    target = as_target(jr.key(0), function, init)
    assert isinstance(target, DensityTarget)
    assert as_target(jr.key(0), target) is target


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (model, {"z": 1.0}, "model takes y.*The data have z"),
        (model, jnp.zeros(2), "dict of its keyword arguments or a tuple"),
        (normal, None, "needs parameters to begin with"),
        (3.0, None, "is a float; give a NumPyro model or a function"),
        (lambda a, b: 0.0, {"c": 1.0}, "takes a, b.*a, b missing, c not known"),
    ],
)
def test_what_is_neither_is_said(function, given, message):
    with pytest.raises(RequestError, match=message):
        as_target(jr.key(0), function, given)


def test_a_target_brings_its_own_data_and_a_model_its_own_bijections():
    target = from_log_density(normal, jnp.zeros(2))
    with pytest.raises(RequestError, match="holds its data already"):
        as_target(jr.key(0), target, jnp.zeros(2))
    with pytest.raises(RequestError, match="bring their own"):
        as_target(jr.key(0), model, {"y": 1.0}, bijections={"mu": constraints.positive})
    with pytest.raises(DataError, match="holds text"):
        as_target(jr.key(0), model, {"y": ["a"]})
