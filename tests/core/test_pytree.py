"""Arrays by name find their places again, whatever the template is made of."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import CorruptFileError, named_arrays, with_named_arrays


def test_a_template_of_shapes_alone_is_filled_and_takes_no_memory():
    tree = {"w": jnp.arange(3.0), "name": "a"}
    shapes = eqx.filter_eval_shape(lambda: {"w": jnp.zeros(3), "name": "a"})
    again = with_named_arrays(shapes, named_arrays(tree))
    np.testing.assert_array_equal(again["w"], tree["w"])
    assert again["name"] == "a"
    huge = {"w": jax.ShapeDtypeStruct((2**40, 2**20), jnp.float32), "name": "a"}
    with pytest.raises(CorruptFileError, match="belongs to another model"):
        with_named_arrays(huge, named_arrays(tree))


def test_a_key_comes_back_as_a_key():
    tree = {"key": jr.key(3), "w": jnp.zeros(2)}
    again = with_named_arrays(tree, named_arrays(tree))
    assert jr.key_data(again["key"]).tolist() == jr.key_data(tree["key"]).tolist()
