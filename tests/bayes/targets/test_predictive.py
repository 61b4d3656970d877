"""Draws of data before and after a fit, and the likelihood of each observation."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from scipy import stats

from latlas.bayes import log_likelihood, observed_values, posterior_predictive, prior_predictive
from latlas.core import RequestError

NUM = 4000


def model(x, y=None):
    slope = numpyro.sample("slope", dist.Normal(1.0, 0.5))
    line = numpyro.deterministic("line", slope * x)
    with numpyro.plate("rows", len(x), subsample_size=None):
        numpyro.sample("y", dist.Normal(line, 2.0), obs=y)
    numpyro.factor("nothing", 0.0 * slope)


X, Y = np.array([0.0, 1.0, 3.0]), np.array([0.5, 1.0, 2.0])


def near(values, mean, sd):
    return np.all(np.abs(values.mean(axis=0) - mean) < 4 * sd / np.sqrt(len(values)))


def test_the_prior_predictive_draws_every_site():
    drawn = prior_predictive(jr.key(0), model, {"x": X, "y": Y}, NUM)
    assert list(drawn) == ["slope", "y", "line"]
    assert {(v.dtype.name, len(v)) for v in drawn.values()} == {("float64", NUM)}
    assert near(drawn["slope"], 1.0, 0.5)
    assert near(drawn["y"], X, np.sqrt(4.0 + 0.25 * X**2))


@pytest.mark.parametrize("y", [Y, None], ids=["observed", "left out"])
def test_the_posterior_predictive_draws_data_for_each_draw(y):
    slope = np.linspace(0.0, 1.0, NUM)
    drawn = posterior_predictive(
        jr.key(0), model, {"x": X, "y": y}, {"slope": slope, "line": np.zeros((NUM, 3))}
    )
    assert list(drawn) == ["y", "line"]
    np.testing.assert_allclose(drawn["line"], slope[:, None] * X)  # computed anew, not taken over
    assert near(drawn["y"] - drawn["line"], 0.0, 2.0)


def test_the_likelihood_of_each_observation_is_scipys():
    slope = np.array([0.0, 0.5, 2.0])
    found = log_likelihood(model, {"x": X, "y": Y}, {"slope": slope})
    assert list(found) == ["y"]
    np.testing.assert_allclose(found["y"], stats.norm(slope[:, None] * X, 2.0).logpdf(Y), rtol=1e-12)


def improper(y):
    level = numpyro.sample("level", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.sample("y", dist.Normal(level, 1.0), obs=y)


def test_an_improper_prior_predicts_nothing_but_its_posterior_does():
    with pytest.raises(RequestError, match="improper prior"):
        prior_predictive(jr.key(0), improper, {"y": 1.0}, 3)
    drawn = posterior_predictive(jr.key(0), improper, {"y": 1.0}, {"level": np.arange(3.0)})
    assert drawn["y"].shape == (3,)
    assert observed_values(improper, {"y": 1.0})["y"] == 1.0


def test_plates_that_subsample_predict_all_rows():
    def part(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        with numpyro.plate("rows", len(y), subsample_size=2) as i:
            numpyro.sample("y", dist.Normal(mu, 1), obs=y[i])

    draws = {"mu": np.array([0.0, 1.0])}
    assert posterior_predictive(jr.key(0), part, {"y": np.arange(5.0)}, draws)["y"].shape == (2, 5)
    found = log_likelihood(part, {"y": np.arange(5.0)}, draws)["y"]
    np.testing.assert_allclose(found, stats.norm(np.array([[0.0], [1.0]]), 1).logpdf(np.arange(5.0)))
    np.testing.assert_array_equal(observed_values(part, {"y": np.arange(5.0)})["y"], np.arange(5.0))


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({"slop": np.zeros(3)}, "name slop, which the model does not have; it has line, slope, y"),
        ({"line": np.zeros((3, 3))}, "lack the latent sites slope"),
        ({}, "lack the latent sites slope"),
    ],
)
def test_draws_that_do_not_fit_the_model(draws, message):
    with pytest.raises(RequestError, match=message):
        posterior_predictive(jr.key(0), model, {"x": X, "y": Y}, draws)
    with pytest.raises(RequestError, match=message):
        log_likelihood(model, {"x": X, "y": Y}, draws)


def test_unequal_numbers_of_draws_and_none_are_refused():
    def two():
        numpyro.sample("a", dist.Normal(0, 1))
        numpyro.sample("b", dist.Normal(0, 1))

    with pytest.raises(RequestError, match=r"unequally many: \[2, 3\]"):
        posterior_predictive(jr.key(0), two, {}, {"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(RequestError, match="num_draws is 0"):
        prior_predictive(jr.key(0), two, {}, 0)


def test_summed_out_sites_have_no_likelihood_of_one_row():
    def mixture(y):
        mu = numpyro.sample("mu", dist.Normal(jnp.zeros(2), 1).to_event(1))
        with numpyro.plate("rows", len(y)):
            z = numpyro.sample("z", dist.Bernoulli(0.5))
            numpyro.sample("y", dist.Normal(mu[z], 1), obs=y)

    with pytest.raises(RequestError, match=r"needs the discrete sites z.*MixtureSameFamily"):
        log_likelihood(mixture, {"y": Y}, {"mu": np.zeros((3, 2))})


def test_a_second_call_compiles_nothing():
    traces = []

    def counted(y):
        traces.append(1)
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu, 1), obs=y)

    def call(y):
        traces.clear()
        log_likelihood(counted, {"y": y}, {"mu": np.zeros(2)})
        return len(traces)

    assert call([1.0, 2.0]) > call([3.0, 4.0]) == 1  # the one that reads the sites
    assert not jax.config.jax_enable_x64
