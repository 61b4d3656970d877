"""Discrete latent sites are summed out, and the sum is that of enumeration by hand."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.contrib.control_flow import scan
from scipy import stats

from latlas.bayes import discrete_posterior, from_numpyro
from latlas.core import RequestError

Y = np.array([0.1, 2.0, -1.0, 0.4, 0.5])


def value(target, u):
    with jax.enable_x64(True):
        return float(jax.jit(lambda t, u: t.log_density(u))(target, jnp.asarray(u, jnp.float64)))


def constrained(target, u):
    with jax.enable_x64(True):
        return jax.tree.map(
            np.asarray, jax.jit(lambda t, u: t.constrain(u))(target, jnp.asarray(u, jnp.float64))
        )


def mixture(y):
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.ones(2)))
    mu = numpyro.sample("mu", dist.Normal(0, 3).expand([2]).to_event(1))
    with numpyro.plate("rows", len(y)):
        z = numpyro.sample("z", dist.Categorical(weights))
        numpyro.deterministic("centre", mu[z])
        numpyro.sample("y", dist.Normal(mu[z], 1.0), obs=y)
    numpyro.deterministic("gap", mu[1] - mu[0])


def test_a_mixture_is_marginalised_as_by_hand():
    target = from_numpyro(jr.key(0), mixture, {"y": Y})
    u = np.array([0.3, -1.0, 2.0])
    values = constrained(target, u)
    w, mu = values["weights"], values["mu"]
    rows = np.log((w * stats.norm(mu, 1.0).pdf(Y[:, None])).sum(axis=1))
    expected = rows.sum() + stats.norm(0, 3).logpdf(mu).sum() + np.log(w[0] * w[1])
    assert value(target, u) == pytest.approx(expected, rel=1e-12)


def test_deterministic_sites_that_a_summed_out_one_decides_about_are_left_out():
    target = from_numpyro(jr.key(0), mixture, {"y": Y})
    assert list(constrained(target, np.zeros(3))) == ["weights", "mu", "gap"]


def markov(y):
    with numpyro.plate("states", 2):
        rows = numpyro.sample("rows", dist.Dirichlet(jnp.ones(2)))
        mu = numpyro.sample("mu", dist.Normal(0, 2))

    def step(z, value):
        z = numpyro.sample("z", dist.Categorical(rows[z]))
        numpyro.sample("y", dist.Normal(mu[z], 1.0), obs=value)
        return z, None

    scan(step, 0, y)


def test_a_hidden_markov_model_is_summed_by_the_forward_algorithm():
    target = from_numpyro(jr.key(0), markov, {"y": Y})
    u = np.array([0.3, -0.2, -1.0, 1.5])
    values = constrained(target, u)
    rows, mu = values["rows"], values["mu"]
    forward = rows[0] * stats.norm(mu, 1).pdf(Y[0])
    for y in Y[1:]:
        forward = (forward @ rows) * stats.norm(mu, 1).pdf(y)
    expected = np.log(forward.sum()) + stats.norm(0, 2).logpdf(mu).sum() + np.log(rows).sum()
    assert value(target, u) == pytest.approx(expected, rel=1e-12)


def test_discrete_sites_are_drawn_from_their_exact_conditional():
    draws = {"weights": np.tile([0.3, 0.7], (4000, 1)), "mu": np.tile([-1.0, 1.0], (4000, 1))}
    z = discrete_posterior(jr.key(0), mixture, {"y": Y}, draws)["z"]
    joint = np.array([0.3, 0.7]) * stats.norm([-1.0, 1.0], 1).pdf(Y[:, None])
    expected = joint[:, 1] / joint.sum(axis=1)
    standard_errors = np.sqrt(expected * (1 - expected) / 4000)
    assert np.all(np.abs(z.mean(axis=0) - expected) < 4 * standard_errors)


def test_a_model_without_discrete_sites_has_none_to_draw():
    def model():
        numpyro.sample("a", dist.Normal(0, 1))

    with pytest.raises(RequestError, match="no discrete latent site"):
        discrete_posterior(jr.key(0), model, {}, {"a": np.zeros(3)})
