"""What a function reads from around it is ours: it may change between two fits, and NumPyro may have seen it."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer.reparam import LocScaleReparam

from latlas.bayes import from_log_density, from_numpyro, prior_predictive
from latlas.bayes.densities import Density
from latlas.bayes.targets._surroundings import with_own_surroundings

WIDTH = np.array([2.0])
TABLE = {"shift": np.array([1.0, 2.0])}
FACTOR = 1.0


def narrowed(params):
    return params / WIDTH


def log_density(params):
    return -0.5 * jnp.sum((narrowed(params) - TABLE["shift"]) ** 2) * FACTOR


def value(function):
    return Density(from_log_density(function, jnp.zeros(2))).value(np.zeros((1, 2)))[0]


def test_values_that_change_between_fits_are_seen(monkeypatch):
    """A compiled program keeps what it was traced with."""
    assert value(log_density) == -2.5
    monkeypatch.setitem(TABLE, "shift", np.array([3.0, 0.0]))
    assert value(log_density) == -4.5
    TABLE["shift"][1] = 1.0  # in place
    assert value(log_density) == -5.0
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    assert value(log_density) == -10.0
    monkeypatch.setitem(globals(), "narrowed", lambda params: params - WIDTH)
    assert value(log_density) == -((2 + 3) ** 2 + (2 + 1) ** 2)


def test_the_same_values_mean_the_same_function():
    first = with_own_surroundings(log_density)
    assert with_own_surroundings(log_density) is first is with_own_surroundings(first)
    assert first is not log_density
    for plain in (jnp.sum, value.__get__(3), lambda params: -jnp.sum(params**2)):
        assert with_own_surroundings(plain) is plain


def test_what_a_function_writes_is_still_seen():
    calls, table, count = [], np.ones(2), 0

    def counting(params):
        nonlocal count
        count += 1
        calls.append(1)
        return -jnp.sum((params - table) ** 2)

    assert value(counting) == -2.0
    assert len(calls) == count > 0


def outer(y, group, sizes):
    with numpyro.plate("groups", 2):
        level = numpyro.sample("level", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(level[group], jnp.asarray(sizes)), obs=y)


@pytest.mark.parametrize(
    ("ours_first", "wrap"),
    [
        (True, lambda f: numpyro.handlers.reparam(f, config={"level": LocScaleReparam(0)})),
        (False, lambda f: f),
    ],
)
def test_numpyro_and_we_may_see_the_same_arrays_in_any_order(ours_first, wrap):
    y, group, sizes = np.array([0.5, 1.0, 2.0]), np.array([0, 1, 1]), np.ones(3)
    model = wrap(functools.partial(outer, y, group, sizes))

    def around():
        return outer(y, group, sizes)

    def theirs(model):
        key = jr.key(0)
        return jax.jit(lambda: numpyro.infer.Predictive(model, num_samples=2)(key)["level"])

    kept = []
    for model in (wrap(around), wrap(functools.partial(outer, y, group, sizes))):
        steps = [lambda m=model: Density(from_numpyro(jr.key(0), m, {})).value(np.zeros((1, 2)))]
        steps.append(lambda m=model: kept.append((theirs(m), theirs(m)())))  # their programs stay
        found = [step() for step in (steps if ours_first else steps[::-1])]
        found = next(values for values in found if values is not None)
        expected = sum(dist.Normal(0.0, 1.0).log_prob(v) for v in (0.0, 0.0, *y))
        assert found[0] == pytest.approx(float(expected), rel=1e-6)
        steps[1]()
        steps[0]()
        assert prior_predictive(jr.key(0), model, {}, 3)["level"].dtype == np.float64
