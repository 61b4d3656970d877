"""Indices into parameters that pass through control flow or arithmetic: beyond the end they are refused all the same."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from latlas.bayes import from_numpyro, posterior_predictive
from latlas.core import DataError

EDGES = np.array([0.5, 1.5])


def model_of(function):
    def model(group, y=None):
        with numpyro.plate("groups", 3):
            a = numpyro.sample("a", dist.Normal(0, 5))
        numpyro.sample("y", dist.Normal(function(a, group), 1), obs=y)

    return model


def total_in_while(a, g):
    step = lambda c: (c[0] + 1, c[1] + a[g])  # noqa: E731
    return jax.lax.while_loop(lambda c: c[0] < 2, step, (0, jnp.zeros(g.shape)))[1]


@jax.custom_jvp
def taken(a, g):
    return a[g]


taken.defjvp(lambda primals, tangents: (taken(*primals), tangents[0][primals[1]]))


BEYOND = {
    "cond": lambda a, g: jax.lax.cond(True, lambda a: a[g], lambda a: a[g] * 2, a),
    "cond of data": lambda a, g: jax.lax.cond(g.sum() > 0, lambda: a[g], lambda: a[g] * 2),
    "cond of a parameter": lambda a, g: jax.lax.cond(a[0] > 0, lambda: a[g], lambda: jnp.zeros(g.shape)),
    "result of a cond": lambda a, g: a[jax.lax.cond(g[0] > 0, lambda: g, lambda: g * 0)],
    "switch": lambda a, g: jax.lax.switch(1, [lambda: g * 0.0, lambda: a[g]]),
    "while": total_in_while,
    "custom_jvp": taken,
    "checkpoint": lambda a, g: jax.checkpoint(lambda a: a[g])(a),
    "sort": lambda a, g: a[jnp.sort(g)],
    "power": lambda a, g: a[(g**2) // jnp.maximum(g, 1)],
    "bits": lambda a, g: a[(g << 1) >> 1],
    "search": lambda a, g: a[jnp.searchsorted(jnp.asarray(EDGES), g * 1.0) + g // 2],
    "scan": lambda a, g: a[jax.lax.scan(lambda c, i: (c + i, c), 0, g)[1] * 0 + g],
    "long": lambda a, g: a[sum([g] * 150) // 150],
}


@pytest.mark.parametrize("name", BEYOND)
def test_an_index_beyond_the_groups_is_refused_however_it_is_computed(name):
    model, draws = model_of(BEYOND[name]), {"a": np.zeros((4, 3))}
    with pytest.raises(DataError, match="as an index into 3 entries"):
        posterior_predictive(jr.key(0), model, {"group": np.array([5])}, draws)
    with pytest.raises(DataError, match="as an index into 3 entries"):
        from_numpyro(jr.key(0), model, {"group": np.array([2, 3, 4]), "y": np.zeros(3)})


@pytest.mark.parametrize(
    "function",
    [
        lambda a, g: jax.lax.cond((g < 3).all(), lambda: a[g], lambda: jnp.zeros(g.shape)),
        lambda a, g: jax.lax.cond((g < 3).all() & (a[0] > 0), lambda: a[g], lambda: jnp.zeros(g.shape)),
        lambda a, g: jax.lax.map(lambda i: jax.lax.cond(i < 3, lambda: a[i], lambda: 0.0), g),
        lambda a, g: jax.lax.fori_loop(0, (g < 3).sum(), lambda i, total: total + a[g[i]], 0.0),
        lambda a, g: a[jnp.sort(g)[:2]],
        lambda a, g: a[jnp.argmax(a) + 0 * g],
    ],
    ids=["not taken", "data and a parameter", "row by row", "the rows before", "the first", "a parameter's"],
)
def test_what_is_never_taken_is_the_models_own_affair(function):
    def model(group):
        with numpyro.plate("groups", 3):
            a = numpyro.sample("a", dist.Normal(0, 5))
        numpyro.sample("y", dist.Normal(function(a, group).sum(), 1), obs=0.0)

    assert from_numpyro(jr.key(0), model, {"group": np.array([0, 1, 7])}).dim == 3
