"""The maximum mean discrepancy against its double sum, its mean under the null, and its closed form."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from latlas.stats import mmd_squared


def test_it_is_the_double_sum_over_different_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)) + 50.0, rng.normal(size=(5, 3)) + 50.5
    kernel = {
        name: np.exp(-cdist(a, b, "sqeuclidean") / (2 * 1.3**2))
        for name, a, b in (("x", x, x), ("y", y, y), ("xy", x, y))
    }
    different = [np.sum(kernel[n] - np.eye(m)) / (m * (m - 1)) for n, m in (("x", 7), ("y", 5))]
    expected = sum(different) - 2 * kernel["xy"].mean()
    found = mmd_squared(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), scale=1.3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_its_mean_is_zero_for_one_distribution_and_the_closed_form_for_two():
    def values(shift):
        def one(key):
            a, b = jr.split(key)
            return mmd_squared(jr.normal(a, (20, 2)), shift + jr.normal(b, (30, 2)), scale=1.5)

        return np.asarray(jax.jit(jax.vmap(one))(jr.split(jr.key(0), 2000)))

    # k(x - y) of two normals: E = prod of scale^2 / (scale^2 + 2) in each dimension, times exp(-shift^2 / 2 (scale^2 + 2))
    inner = 1.5**2 / (1.5**2 + 2)
    for shift, expected in ((0.0, 0.0), (1.0, 2 * inner * (1 - np.exp(-2 / (2 * (1.5**2 + 2)))))):
        found = values(shift)
        assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(len(found))
    assert values(0.0).min() < 0


@pytest.mark.parametrize("shapes", [((1, 2), (3, 2)), ((3, 2), (3, 1)), ((3,), (3,))])
def test_samples_that_cannot_be_compared_are_refused(shapes):
    with pytest.raises(ValueError, match="got shapes"):
        mmd_squared(*(jnp.zeros(shape) for shape in shapes), scale=1.0)
