"""Layouts: a pytree and its vector, there and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from latlas.core import Layout

TREES = {
    "dict": {"b": jnp.arange(2.0), "a": jnp.arange(6.0).reshape(2, 3)},
    "nested": {"x": (jnp.float32(3.0), jnp.ones((1, 2)))},
    "array": jnp.arange(4.0).reshape(2, 2),
    "number": jnp.float32(2.0),
}


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_unravel_is_the_inverse_of_ravel_on_the_device_and_on_the_host(tree):
    vector, layout = ravel_pytree(tree)[0], Layout.of(tree)
    assert layout.size == vector.size
    for u in (vector, np.asarray(vector)):
        back = layout.unravel(u)
        assert jax.tree.structure(back) == jax.tree.structure(tree)
        for leaf, want in zip(jax.tree.leaves(back), jax.tree.leaves(tree), strict=True):
            assert leaf.shape == want.shape
            np.testing.assert_array_equal(leaf, want)


def test_leaves_have_the_names_of_their_places():
    assert Layout.of(TREES["dict"]).shapes_by_name == {"a": (2, 3), "b": (2,)}
    assert Layout.of(TREES["nested"]).shapes_by_name == {"x.0": (), "x.1": (1, 2)}
    assert Layout.of(TREES["array"]).shapes_by_name == {"u": (2, 2)}


def test_a_layout_is_static():
    assert hash(Layout.of(TREES["dict"])) == hash(Layout.of(TREES["dict"]))
    assert Layout.of(TREES["dict"]) == Layout.of(TREES["dict"])
    assert Layout.of(TREES["dict"]) != Layout.of(TREES["array"])
