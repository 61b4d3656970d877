"""A fit that comes into a forked process answers there what it knows, and refuses the rest at once."""

import os

import jax.numpy as jnp
import jax.random as jr
import numpyro
import numpyro.distributions as dist
import pytest
from tests.forked import in_fork

from latlas import bayes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

ARGUMENTS = {
    "sample": lambda key: (key, 3),
    "expectation": lambda key: (lambda parameters: parameters["mu"],),
    "posterior_predictive": lambda key: (key, 3),
}
PLAIN = {"engine", "family", "ladder", "seconds", "reference", "findings", "config"}


def model(y):
    mu = numpyro.sample("mu", dist.Normal(0, 2))
    numpyro.sample("y", dist.Normal(mu, 1).expand([2]), obs=y)


@pytest.fixture(scope="module")
def fitted():
    return bayes.fit(model, {"y": jnp.array([0.5, 1.0])}, key=jr.key(0), engine="laplace")


def asked(fit, name, key):
    found = getattr(fit, name)
    return found(*ARGUMENTS.get(name, lambda key: ())(key)) if callable(found) and name != "model" else found


def test_no_part_of_a_fit_waits_for_ever(fitted):
    key = jr.key(1)
    names = [name for name in dir(fitted) if not name.startswith("_")]
    said = {name: in_fork(lambda name=name: asked(fitted, name, key)) for name in names}
    assert set(said.values()) == {"", "RequestError"}
    refused = {name for name, answer in said.items() if answer}
    assert refused >= {
        "sample",
        "expectation",
        "posterior_predictive",
        "mean",
        "sd",
        "to_arviz",
        "summary",
        "verdict",
    }
    assert not refused & PLAIN


def test_a_stored_fit_answers_what_it_holds(fitted, tmp_path):
    key = jr.key(1)
    stored = bayes.load(bayes.save(key, tmp_path / "run", fitted).path)
    assert in_fork(stored.summary) == in_fork(lambda: str(stored.verdict)) == ""
    assert in_fork(lambda: bayes.load(tmp_path / "run")) == ""
    assert in_fork(lambda: stored.sample(key, 3)) == "RequestError"


def test_what_needs_no_fit_is_refused_as_well(fitted):
    key = jr.key(1)
    data = {"y": jnp.zeros(2)}
    assert in_fork(lambda: bayes.prior_predictive(key, model, data, 3)) == "RequestError"
    assert in_fork(lambda: bayes.simulation_based_calibration(key, model, data)) == "RequestError"
    assert in_fork(lambda: bayes.from_numpyro(key, model, data)) == "RequestError"
