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
from latlas.core import DataError, RequestError

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


def hierarchy(group, num_groups, y=None):
    mu = numpyro.sample("mu", dist.Normal(0, 10))
    with numpyro.plate("groups", num_groups):
        theta = numpyro.sample("theta", dist.Normal(mu, 3.0))
    numpyro.sample("y", dist.Normal(theta[group], 1.0), obs=y)


HIERARCHY = {"mu": np.full(NUM, 5.0), "theta": np.tile([7.0, 100.0], (NUM, 1))}


def test_groups_that_were_not_fitted_are_drawn_from_their_population():
    """JAX clamps an index, so that the last group that was fitted stood in for all others."""
    group = np.array([0, 1, 2])
    drawn = posterior_predictive(
        jr.key(0), hierarchy, {"group": group, "num_groups": 3}, HIERARCHY, anew=("theta",)
    )
    np.testing.assert_array_equal(drawn["theta"][:, :2], HIERARCHY["theta"])
    assert near(drawn["theta"][:, 2], 5.0, 3.0)
    assert near(drawn["y"], np.array([7.0, 100.0, 5.0]), np.array([1.0, 1.0, np.sqrt(10.0)]))
    assert drawn["y"][:, 2].std() == pytest.approx(np.sqrt(10.0), rel=0.05)
    for few in (1, 2):  # of all groups anew, however many
        data = {"group": np.zeros(1, int), "num_groups": few}
        drawn = posterior_predictive(jr.key(0), hierarchy, data, {"mu": HIERARCHY["mu"]}, anew=("theta",))
        assert near(drawn["y"], 5.0, np.sqrt(10.0))


@pytest.mark.parametrize(
    ("data", "anew", "error", "message"),
    [
        ({"num_groups": 2, "group": 2}, (), DataError, "the value 2 as an index into 2 entries"),
        ({"num_groups": 2, "group": -1}, ("mu",), DataError, "the value -1 .* count from the end"),
        ({"num_groups": 3, "group": 2}, (), RequestError, r"shape \(3,\), and the draws have \(2,\).*`anew=\('theta',\)"),
        ({"num_groups": 1, "group": 0}, ("theta",), RequestError, r"shape \(1,\), .* does not say.* leave 'theta' out"),
        ({"num_groups": 3, "group": 2}, ("thetas",), RequestError, "name thetas, which the model does not have"),
    ],
)  # fmt: skip
def test_groups_that_were_not_fitted_are_never_taken_for_others(data, anew, error, message):
    data = data | {"group": np.array([data["group"]])}
    with pytest.raises(error, match=message):
        posterior_predictive(jr.key(0), hierarchy, data, HIERARCHY, anew=anew)
    if not anew:
        with pytest.raises(error, match=message):
            log_likelihood(hierarchy, data | {"y": np.zeros(1)}, HIERARCHY)


def test_what_follows_its_past_is_not_continued():
    def walk(steps):
        numpyro.sample("path", dist.GaussianRandomWalk(1.0, num_steps=steps))

    with pytest.raises(RequestError, match=r"'path' has the shape \(4,\).*does not say which"):
        posterior_predictive(jr.key(0), walk, {"steps": 4}, {"path": np.zeros((5, 3))}, anew=("path",))


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
