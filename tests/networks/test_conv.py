"""Convolutional networks: any size in, exactly that size out, and convolutions that are convolutions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.signal import correlate

from latlas.networks import ConvDecoder, ConvEncoder
from latlas.networks._conv_layers import _as_convolution, _as_products, convolve, upsample

SHAPES = [
    ((81,), None),
    ((1,), None),
    ((12, 3), 1),
    ((28, 20), None),
    ((8, 8), None),
    ((7, 5), 2),
    ((9, 6, 3), None),
    ((1, 2, 1), 2),
]


@pytest.mark.parametrize(("shape", "spatial_dims"), SHAPES, ids=str)
@pytest.mark.parametrize("depth", [1, 3])
def test_encoder_reads_and_decoder_writes_exactly_the_shape(shape, spatial_dims, depth):
    def there_and_back(x):
        keys = jr.split(jr.key(0))
        channels = (4, 3, 2)[:depth]
        encoder = ConvEncoder(shape, 5, channels, key=keys[0], spatial_dims=spatial_dims)
        decoder = ConvDecoder(5, shape, channels[::-1], key=keys[1], spatial_dims=spatial_dims)
        return encoder(x), decoder(encoder(x))

    code, out = eqx.filter_eval_shape(there_and_back, jax.ShapeDtypeStruct(shape, jnp.float32))
    assert code.shape == (5,)
    assert out.shape == shape


@pytest.mark.parametrize("shape", [(6,), (5, 4)], ids=str)
def test_convolution_equals_scipy(shape):
    rng = np.random.default_rng(0)
    x, kernel = (rng.normal(size=s).astype(np.float32) for s in ((*shape, 2), (3,) * len(shape) + (2, 3)))
    expected = np.stack(
        [sum(correlate(x[..., i], kernel[..., i, o], "same") for i in range(2)) for o in range(3)], -1
    )
    np.testing.assert_allclose(
        convolve(jnp.asarray(x), jnp.asarray(kernel), 1), expected, rtol=1e-4, atol=1e-5
    )


def test_upsampling_repeats_and_cuts():
    x = jnp.arange(4.0).reshape(2, 2, 1)
    np.testing.assert_array_equal(upsample(x, (4, 3))[..., 0], [[0, 0, 1], [0, 0, 1], [2, 2, 3], [2, 2, 3]])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(7,), (6, 5), (1, 4)], ids=str)
def test_products_equal_the_convolution_in_value_and_gradient(shape, stride):
    rng = np.random.default_rng(0)
    x, kernel = (rng.normal(size=s).astype(np.float32) for s in ((*shape, 2), (3,) * len(shape) + (2, 3)))

    def both(convolution):
        loss = lambda x, kernel: jnp.sum(jnp.sin(convolution(x, kernel, stride)))  # noqa: E731
        return convolution(x, kernel, stride), jax.grad(loss, (0, 1))(x, kernel)

    found, expected = jax.jit(lambda: (both(_as_products), both(_as_convolution)))()
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_mapped_batch_is_one_convolution_or_one_product_an_offset():
    x, kernel = jnp.zeros((7, 6, 4, 1)), jnp.zeros((3, 3, 1, 2))

    def shapes(convolution, primitive):
        jaxpr = jax.make_jaxpr(jax.vmap(lambda x: convolution(x, kernel, 2)))(x)
        return [eqn.invars[0].aval.shape for eqn in jaxpr.eqns if eqn.primitive.name == primitive]

    assert shapes(_as_convolution, "conv_general_dilated") == [(7, 6, 4, 1)]
    assert shapes(_as_products, "dot_general") == [(7, 3, 2, 1)] * 9


def test_group_norm_makes_the_encoder_blind_to_the_scale_of_the_input():
    encoder = ConvEncoder((6, 4), 2, channels=(8,), norm="group", activation="tanh", key=jr.key(0))
    x = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    small, large = jax.jit(jax.vmap(encoder))(np.stack([100.0 * x, 1000.0 * x]))
    np.testing.assert_allclose(large, small, rtol=1e-2, atol=1e-3)


def test_decoder_has_one_output_bias_per_number():
    decoder = eqx.filter_eval_shape(lambda: ConvDecoder(2, (7, 5), key=jr.key(0)))
    assert decoder.output.bias.size == 35


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_shape": (2, 2, 2, 2)}, "cannot read the shape"),
        ({"in_shape": (4,), "spatial_dims": 2}, "cannot read the shape"),
        ({"in_shape": (4, 4), "spatial_dims": 3}, "cannot read the shape"),
        ({"channels": ()}, "at least one number of channels"),
        ({"norm": "batch"}, "Norm 'batch' is not known"),
    ],
)
def test_wrong_argument_raises_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConvEncoder(**({"in_shape": (4, 4), "out_features": 2, "key": jr.key(0)} | arguments))
