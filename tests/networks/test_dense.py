"""The dense layer: its map, its gradients, how it starts."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.networks import Dense, activation, weight_limit


@pytest.fixture(scope="module")
def batch():
    return jr.normal(jr.key(7), (5, 4, 12))


def test_layer_under_two_maps_equals_the_hand_batched_product(batch):
    layer = Dense(12, 3, key=jr.key(0))
    with jax.numpy_rank_promotion("raise"):
        out = jax.vmap(jax.vmap(layer))(batch)
    np.testing.assert_allclose(out, np.asarray(batch) @ np.asarray(layer.weight), rtol=1e-5, atol=1e-6)


def test_bfloat16_layer_and_gradient_agree_with_float32_to_bfloat16_rounding(batch):
    def value_and_gradient(precision):
        layer = Dense(12, 3, key=jr.key(0), precision=precision)

        def mapped(layer):
            return jax.vmap(jax.vmap(layer))(batch)

        def loss(layer):
            return jnp.sum(jnp.sin(mapped(layer)))

        return mapped(layer), jax.grad(loss)(layer)

    (exact, exact_gradient), (rounded, gradient) = map(value_and_gradient, ("float32", "bfloat16"))
    assert float(jnp.max(jnp.abs(exact - rounded))) > 1e-5  # it did round
    np.testing.assert_allclose(rounded, exact, atol=2.0**-6)
    np.testing.assert_allclose(gradient.weight, exact_gradient.weight, atol=0.1)
    np.testing.assert_allclose(gradient.bias, exact_gradient.bias, atol=0.1)
    assert gradient.weight.dtype == jnp.float32


@pytest.mark.parametrize(
    ("name", "variance"),
    [("relu", 2 / 40), ("gelu", 2 / 40), ("tanh", 2 / (40 + 50)), ("identity", 1 / 40), ("softplus", 1 / 40)],
)
def test_weights_start_uniform_with_the_variance_of_their_activation(name, variance):
    weight = np.asarray(Dense(40, 50, key=jr.key(1), activation=name).weight)
    limit = np.sqrt(3 * variance)
    assert weight_limit(name, 40, 50) == pytest.approx(limit)
    assert np.abs(weight).max() <= limit
    # The variance of a uniform's square is 4/5 of its squared variance: 4 standard errors of 2000 draws.
    assert weight.var() == pytest.approx(variance, abs=4 * variance * np.sqrt(0.8 / weight.size))


def test_one_key_gives_one_layer_and_another_key_another():
    first, again, other = (Dense(3, 2, key=jr.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.weight, again.weight)
    assert not np.array_equal(first.weight, other.weight)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": 0}, "at least one input"),
        ({"precision": "float16"}, "Precision 'float16'"),
        ({"activation": "sine"}, "No activation is called 'sine'"),
    ],
)
def test_wrong_argument_raises_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        Dense(**({"in_features": 2, "out_features": 2, "key": jr.key(0)} | arguments))


def test_activations_are_the_named_functions():
    x = jnp.array([-2.0, 0.5])
    expected = {
        "relu": [0, 0.5],
        "leaky_relu": [-0.02, 0.5],
        "elu": [np.expm1(-2), 0.5],
        "silu": [-2 / (1 + np.exp(2)), 0.5 / (1 + np.exp(-0.5))],
        "tanh": np.tanh([-2, 0.5]),
        "softplus": np.log1p(np.exp([-2, 0.5])),
        "identity": [-2, 0.5],
        "gelu": [-0.0454, 0.3457],  # x Phi(x), by the tanh approximation
    }
    for name, values in expected.items():
        np.testing.assert_allclose(activation(name)(x), values, atol=2e-4, err_msg=name)
