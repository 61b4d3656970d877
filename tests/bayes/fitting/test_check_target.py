"""Where a fit begins, and why it cannot."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from latlas.bayes import from_log_density, from_numpyro, minibatched
from latlas.bayes.densities import Density
from latlas.bayes.fitting import check_start, starting_point
from latlas.bayes.targets import FixedBatches, coordinate_names
from latlas.core import DataError, RequestError


def start(target):
    return starting_point(jr.key(0), Density(target))


def test_the_users_parameters_come_first():
    target = from_log_density(lambda p: -jnp.sum(p**2), jnp.array([5.0, -7.0]))
    np.testing.assert_array_equal(start(target), [5.0, -7.0])


def test_other_starts_are_tried_where_the_users_are_not_finite():
    u = start(from_log_density(lambda p: jnp.log(p["a"]) - p["a"], {"a": -3.0}))
    assert 0.0 < u[0] < 2.0


def model(y, scale=1.0):
    mu = numpyro.sample("mu", dist.Normal(0, 1).expand([2]).to_event(1))
    tau = numpyro.sample("tau", dist.HalfNormal(1))
    numpyro.sample("y", dist.Normal(mu[0] + mu[1], tau * scale), obs=y)


def test_models_begin_near_the_origin():
    u = start(from_numpyro(jr.key(0), model, {"y": [1.0, 2.0]}))
    assert u.shape == (3,)
    assert np.abs(u).max() < 2.0


def test_holes_in_the_data_are_counted():
    target = from_numpyro(jr.key(0), model, {"y": [1.0, np.nan, 3.0, np.inf]})
    with pytest.raises(DataError, match=r"data\['y'\] has 2 of 4 values.*the first at \[1\]"):
        start(target)


def test_holes_that_the_model_masks_do_no_harm():
    def masked(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        with numpyro.handlers.mask(mask=jnp.isfinite(y)):
            numpyro.sample("y", dist.Normal(mu, 1), obs=jnp.where(jnp.isfinite(y), y, 0.0))

    assert np.isfinite(start(from_numpyro(jr.key(0), masked, {"y": [1.0, np.nan]}))).all()


def test_the_site_to_blame_is_named():
    target = from_numpyro(jr.key(0), model, {"y": [1.0], "scale": -1.0})
    with pytest.raises(RequestError, match=r"site 'y' has log density nan.*parameters are valid"):
        start(target)
    with pytest.raises(RequestError, match="site 'y' has log density nan"):
        check_start(Density(target), np.zeros(3))


def outside(y):
    shape = numpyro.sample("shape", dist.HalfNormal(1))
    numpyro.sample("y", dist.Gamma(shape, 1.0, validate_args=False), obs=y)


def test_observed_values_outside_their_support_are_named():
    with pytest.raises(RequestError, match=r"site 'y' has log density (nan|-inf).*in its support"):
        start(from_numpyro(jr.key(0), outside, {"y": [-1.0]}))


def test_gradients_that_are_not_finite_are_named():
    target = from_log_density(lambda p: -jnp.sqrt(0.0 * p["a"]) - p["b"] ** 2, {"a": 1.0, "b": 1.0})
    with pytest.raises(RequestError, match="finite but its gradient is not, with respect to a: "):
        start(target)


def test_plain_functions_that_are_never_finite():
    with pytest.raises(RequestError, match="The log density is -inf at any start"):
        start(from_log_density(lambda p: jnp.log(0.0 * p), 1.0))
    with pytest.raises(DataError, match=r"data\[0\] has 1 of 2 values"):
        start(from_log_density(lambda p, d: -jnp.sum((d[0] - p) ** 2), 1.0, data=(np.array([1.0, np.nan]),)))


def test_a_coordinate_that_does_not_enter_is_improper():
    target = from_log_density(lambda p: -(p["a"][0] ** 2), {"a": jnp.zeros(2), "b": 1.0})
    with pytest.raises(RequestError, match=r"does not depend on a\[1\], b, so the posterior is improper"):
        start(target)
    # at the mode every gradient vanishes, which is no reason to complain
    np.testing.assert_array_equal(start(from_log_density(lambda p: -jnp.sum(p**2), jnp.zeros(2))), [0.0, 0.0])


def test_coordinates_have_names():
    assert coordinate_names(from_numpyro(jr.key(0), model, {"y": 1.0})) == ("mu[0]", "mu[1]", "tau")
    assert coordinate_names(from_log_density(lambda p: -jnp.sum(p**2), jnp.zeros((1, 2)))) == (
        "u[0,0]",
        "u[0,1]",
    )
    batched = minibatched(
        lambda p: -(p["a"] ** 2), lambda p, y: p["a"] * y, {"a": 0.0}, np.ones(4), batch_size=2
    )
    few = FixedBatches.drawn(batched, np.random.default_rng(0), 3)
    assert coordinate_names(few) == ("a",)
    np.testing.assert_array_equal(start(few), [0.0])
