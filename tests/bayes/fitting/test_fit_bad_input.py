"""What cannot be fitted is refused by the front door, in a sentence that names it."""

import time

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from latlas import bayes
from latlas.core import DataError, RequestError, WorkError

Y = np.array([1.0, 2.0, 0.5])


def fit(model, data=None, **options):
    return bayes.fit(model, data, key=jr.key(0), **options)


def well(u):
    return -0.5 * jnp.sum(u**2)


def observed(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)


def branching(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(mu if mu > 0 else 0.0, 1), obs=y)


def counting(y):
    numpyro.sample("n", dist.Poisson(3.0))
    numpyro.sample("y", dist.Normal(0, 1), obs=y)


def outside(y):
    rate = numpyro.sample("rate", dist.Gamma(1.0, 1.0))
    numpyro.sample("y", dist.Exponential(rate), obs=-jnp.abs(y))


class Endless(dist.Normal):
    support = dist.constraints.Constraint()


def no_bijection(y):
    mu = numpyro.sample("mu", Endless(0, 1))
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)


@pytest.mark.parametrize(
    ("model", "data", "error", "match"),
    [
        (lambda u: -0.5 * u[0] ** 2, jnp.zeros(2), RequestError, r"does not depend on u\[1\].*improper"),
        (lambda u: 0.0 * jnp.sum(u), jnp.zeros(2), RequestError, "improper"),
        (lambda u: jnp.nan * jnp.sum(u), jnp.zeros(2), RequestError, "log density is nan at any start"),
        (lambda u: jnp.inf + jnp.sum(u), jnp.zeros(2), RequestError, "log density is inf at any start"),
        (lambda u: jnp.sum(u) if u[0] > 0 else 0.0, jnp.zeros(2), RequestError, "Python decide"),
        (lambda u: u, jnp.zeros(2), RequestError, r"returns shape \(2,\); it must return one number"),
        (lambda u: None, jnp.zeros(2), RequestError, "returns a NoneType"),
        (well, jnp.zeros(2, int), RequestError, "int32 values; parameters must be floats"),
        (well, jnp.array([0.0, jnp.nan]), RequestError, "not finite"),
        (well, {}, RequestError, "There are no parameters"),
        (well, jnp.zeros(0), RequestError, "There are no parameters"),
        (well, None, RequestError, "needs parameters to begin with"),
        (3, None, RequestError, "The model is a int"),
        (observed, {"z": Y}, RequestError, "z"),
        (observed, {"y": np.array([1.0, np.nan, 2.0])}, DataError, r"data\['y'\] has 1 of 3 values that are nan"),
        (observed, {"y": np.array(["a", "b"])}, DataError, "holds text"),
        (branching, {"y": Y}, RequestError, "mu|Python"),
        (counting, {"y": Y}, RequestError, "'n'"),
        (outside, {"y": Y}, RequestError, "site 'y' has log density -inf"),
        (no_bijection, {"y": Y}, RequestError, "'mu'"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Out-of-support values")
def test_what_cannot_be_fitted_is_named(model, data, error, match):
    with pytest.raises(error, match=match) as raised:
        fit(model, data)
    assert str(raised.value).endswith((".", ")."))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"engine": "magic"}, "no engine 'magic'. Choose one of laplace"),
        ({"family": "magic"}, "no family 'magic'. Choose one of mean-field"),
        ({"engine": "laplace", "family": "mean-field"}, "laplace fits full-rank; got the family mean-field"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"tolerance": 1.5}, "tolerance is 1.5"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"tolerance": "fine"}, "tolerance is 'fine'"),
        ({"reference": "stan"}, "reference is 'stan'"),
        ({"num_starts": 0}, "num_starts is 0"),
        ({"judge": ("y",)}, "judge names y; the parameters are x"),
        ({"judge": ()}, "judge names nothing"),
        ({"bijections": {"a": dist.constraints.positive}}, "bijection for 'a'"),
    ],
    ids=str,
)
def test_requests_that_make_no_sense(options, match):
    with pytest.raises(RequestError, match=match):
        fit(well, jnp.zeros(2), **options)


@pytest.mark.parametrize("key", [0, None, np.int64(3), jr.split(jr.key(0))], ids=str)
def test_a_key_is_a_key(key):
    entries = (
        lambda: bayes.fit(well, jnp.zeros(2), key=key),
        lambda: bayes.from_numpyro(key, observed, {"y": Y}),
        lambda: bayes.prior_predictive(key, observed, {"y": Y}, 3),
        lambda: bayes.posterior_predictive(key, observed, {"y": Y}, {"mu": np.zeros(3)}),
        lambda: bayes.both_faces(key, bayes.from_log_density(well, jnp.zeros(2))),
        lambda: bayes.simulation_based_calibration(key, observed, {"y": Y}),
        lambda: bayes.cavi(key, bayes.conjugate.GaussianMixture(2), np.zeros((5, 2))),
    )
    for entry in entries:
        with pytest.raises(
            RequestError, match=r"The key is .*expected one key of JAX, such as jax.random.key\(0\)"
        ):
            entry()


@pytest.mark.parametrize(
    "function",
    [
        lambda u: jnp.sum(u),
        lambda u: 0.5 * jnp.sum(u**2),
        lambda u: -0.5 * (u[0] + u[1]) ** 2,
    ],
    ids=["slope", "bowl", "ridge"],
)
def test_an_improper_posterior_is_not_trusted_and_does_not_hang(function):
    began = time.process_time()
    with pytest.raises(WorkError, match="proper"):
        fit(function, jnp.zeros(2))
    assert time.process_time() - began < 20.0


@pytest.mark.slow
def test_a_tail_that_cannot_be_integrated_is_not_trusted():
    """(1 + u^2)^(-1/4) has a mode and no integral."""
    assert fit(lambda u: -0.25 * jnp.sum(jnp.log1p(u**2)), jnp.zeros(2)).verdict.kind == "do not trust"
