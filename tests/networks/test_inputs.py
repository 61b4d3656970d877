"""From an example to the vector an encoder reads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.core import Example
from latlas.networks import CentredLevels, OneHot, log_counts, values, values_and_mask

NAN = jnp.nan
TABLE = {"b": jnp.array([1, 2]), "a": jnp.array([[0.5], [NAN]])}
SEEN = {"b": jnp.array([True, False]), "a": jnp.array([[True], [False]])}


def test_dict_comes_in_sorted_order_and_holes_are_zero():
    np.testing.assert_array_equal(values(Example(TABLE, observed=SEEN)), [0.5, 0, 1, 0])
    assert values(Example(TABLE, observed=SEEN)).dtype == jnp.float32


def test_only_holes_are_replaced():
    x = jnp.array([NAN, -3.0])
    np.testing.assert_array_equal(values(Example(x)), x)
    np.testing.assert_array_equal(values(Example(x, observed=jnp.array([True, True]))), x)


def test_mask_follows_and_is_ones_where_all_was_observed():
    np.testing.assert_array_equal(values_and_mask(Example(TABLE, observed=SEEN)), [0.5, 0, 1, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(values_and_mask(Example(jnp.array([3.0, 4.0]))), [3, 4, 1, 1])


def test_condition_is_appended_last():
    condition = {"dose": jnp.array(2.0), "batch": jnp.array([0, 1])}
    example = Example(jnp.array([5.0]), condition=condition)
    np.testing.assert_array_equal(values(example), [5, 0, 1, 2])
    np.testing.assert_array_equal(values_and_mask(example), [5, 1, 0, 1, 2])


def test_gradient_at_a_hole_is_zero_and_finite():
    mask = jnp.array([True, False])
    gradient = jax.grad(lambda x: jnp.sum(values(Example(x, observed=mask)) ** 2))(jnp.array([3.0, NAN]))
    np.testing.assert_array_equal(gradient, [6, 0])


def test_batch_is_a_map():
    x = jnp.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(jax.vmap(values)(Example(x, observed=x > 2)), np.where(x > 2, x, 0))


def test_mask_of_another_shape_raises():
    with pytest.raises(ValueError, match="structure and the shapes of `x`"):
        values(Example(jnp.zeros(3), observed=jnp.array([True])))


@pytest.mark.parametrize(
    ("read", "shown"),
    [(CentredLevels(3), [-1.0, 1.0]), (OneHot(3), [1, 0, 0, 0, 0, 1]), (log_counts, [0.0, np.log(3.0)])],
)
def test_a_condition_follows_as_it_is(read, shown):
    x = jnp.array([0, 2])
    np.testing.assert_allclose(read(Example(x)), shown, rtol=1e-6)
    np.testing.assert_allclose(read(Example(x, condition=jnp.array([-5.0]))), [*shown, -5.0], rtol=1e-6)
