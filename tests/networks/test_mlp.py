"""The multilayer perceptron against the formula, written out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.networks import MLP


def num_parameters(network):
    return sum(leaf.size for leaf in jax.tree.leaves(network))


def test_mlp_is_its_formula():
    network = MLP(3, 2, hidden=(4, 5), key=jr.key(0))
    x = np.array([0.3, -1.0, 2.0], np.float32)
    (w1, w2, w3) = (np.asarray(layer.weight, np.float64) for layer in network.layers)
    np.testing.assert_allclose(network(jnp.asarray(x)), np.tanh(np.tanh(x @ w1) @ w2) @ w3, rtol=1e-5)


def test_layer_norm_makes_the_first_hidden_layer_blind_to_the_scale_of_the_input():
    network = MLP(3, 2, hidden=(16,), norm="layer", key=jr.key(0))
    x = jnp.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(network(100.0 * x), network(10.0 * x), rtol=1e-3)


@pytest.mark.parametrize(("norm", "expected"), [(None, 0), ("layer", 2 * (200 + 200))])
def test_parameter_count_is_that_of_the_burda_encoder(norm, expected):
    network = eqx.filter_eval_shape(lambda: MLP(784, 100, norm=norm, key=jr.key(0)))
    assert num_parameters(network) == 784 * 200 + 200 + 200 * 200 + 200 + 200 * 100 + 100 + expected


@pytest.mark.parametrize("in_shape", [5, (5,), (2, 3), (2, 2, 2), np.int64(4)], ids=str)
@pytest.mark.parametrize("out_shape", [1, (), (3, 2)], ids=str)
def test_any_shapes_go_in_and_come_out(in_shape, out_shape):
    x = jax.ShapeDtypeStruct(np.zeros(in_shape).shape, jnp.float32)
    out = eqx.filter_eval_shape(lambda x: MLP(in_shape, out_shape, hidden=(4,), key=jr.key(0))(x), x)
    assert out.shape == np.zeros(out_shape).shape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"norm": "batch"}, "Norm 'batch' is not known"),
        ({"activation": "sine"}, "No activation is called 'sine'"),
        ({"hidden": (0,)}, "at least one"),
        ({"in_features": (2, 0)}, "Every axis"),
    ],
)
def test_wrong_argument_raises_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(**({"in_features": 2, "out_features": 2, "key": jr.key(0)} | arguments))
