"""The shuffle: a permutation for every n, uniform, another one for every key."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.stats import chi2

from latlas.training import shuffled


@jax.jit
def order(key, n):
    """The first 200 positions; those past n - 1 are not asked for."""
    return shuffled(key, jnp.minimum(jnp.arange(200), n - 1), n)


def test_every_row_comes_once_for_every_number_of_rows():
    for n in range(1, 201):
        assert np.array_equal(np.sort(np.asarray(order(jr.key(n), n))[:n]), np.arange(n)), n


def test_any_position_can_be_asked_for_alone():
    whole = order(jr.key(1), 97)
    for position in (0, 13, 96):
        assert int(shuffled(jr.key(1), jnp.array([position]), 97)[0]) == int(whole[position])


def test_orders_of_different_keys_differ():
    orders = np.asarray(jax.vmap(lambda key: order(key, 50))(jr.split(jr.key(0), 30)))
    assert len({row.tobytes() for row in orders}) == 30


@pytest.mark.parametrize("n", [2, 7, 16, 53])
def test_every_row_is_as_likely_at_every_position(n):
    draws = 4000
    orders = jax.vmap(lambda key: shuffled(key, jnp.arange(n), n))(jr.split(jr.key(n), draws))
    counts = np.stack([np.bincount(column, minlength=n) for column in np.asarray(orders).T])
    statistic = np.sum((counts - draws / n) ** 2) * n / draws
    # (n - 1)^2 degrees of freedom: rows and columns of the table have fixed sums; one test in 10^4 is beyond
    assert chi2.ppf(1e-4, (n - 1) ** 2) < statistic < chi2.ppf(1 - 1e-4, (n - 1) ** 2)


def test_neighbours_are_as_likely_as_any_pair():
    n, draws = 11, 4000
    orders = np.asarray(jax.vmap(lambda key: shuffled(key, jnp.arange(n), n))(jr.split(jr.key(5), draws)))
    pairs = np.zeros((n, n))
    np.add.at(pairs, (orders[:, 3], orders[:, 4]), 1)
    off = pairs[~np.eye(n, dtype=bool)]
    expected = draws / (n * (n - 1))
    statistic = np.sum((off - expected) ** 2) / expected
    assert np.trace(pairs) == 0
    assert statistic < chi2.ppf(1 - 1e-4, n * (n - 1) - 1)
