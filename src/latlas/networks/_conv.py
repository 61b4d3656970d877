"""Convolutional encoder and decoder for sequences and images of any size, channels last."""

import math
from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.networks._activations import activation as activation_function
from latlas.networks._conv_layers import ConvBlock, ConvNorm, ConvOutput, upsample
from latlas.networks._dense import Dense
from latlas.networks._network import AbstractNetwork, Shape, as_shape, flatten_checked


class ConvEncoder(AbstractNetwork):
    """Strided convolutions, each halving every spatial axis (rounded up), then one dense layer.

    Attributes:
        blocks: the convolutions.
        output: the dense layer.
        in_shape: shape of an input, as it was given.
        full_shape: the same with an axis of channels.
        out_shape: shape of an output.

    >>> network = ConvEncoder((28, 20), 10, channels=(4, 8), key=jr.key(0))
    >>> network(jnp.zeros((28, 20))).shape
    (10,)
    """

    blocks: tuple[ConvBlock, ...]
    output: Dense
    in_shape: tuple[int, ...] = eqx.field(static=True)
    full_shape: tuple[int, ...] = eqx.field(static=True)
    out_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_shape: Shape,
        out_features: Shape,
        channels: Sequence[int] = (32, 64),
        kernel_size: int = 3,
        activation: str = "relu",
        norm: ConvNorm | None = None,
        *,
        key: PRNGKeyArray,
        spatial_dims: int | None = None,
    ):
        """Draw the weights.

        Args:
            in_shape: `(length,)`, `(length, channels)`, `(height, width)` or `(height, width, channels)`.
            out_features: length or shape of the output.
            channels: of the convolutions, first to last.
            kernel_size: of every convolution along every axis.
            activation: name of the activation (see `activation`).
            norm: "group", "layer" or None, before each activation.
            key: draws the weights.
            spatial_dims: 1 or 2. Two axes are read as `(height, width)` unless this is 1.

        Raises:
            ValueError: if the shape cannot be read so, or a name is not known.
        """
        self.in_shape, self.out_shape = as_shape(in_shape), as_shape(out_features)
        self.full_shape = _with_channels(self.in_shape, spatial_dims)
        _check_convolutions(channels, kernel_size)
        *spatial, in_channels = self.full_shape
        output_key, *keys = jr.split(key, len(channels) + 1)
        self.blocks = tuple(
            ConvBlock(pair, (kernel_size,) * len(spatial), key=k, stride=2, activation=activation, norm=norm)
            for pair, k in zip(pairwise((in_channels, *channels)), keys, strict=True)
        )
        smallest = _halved(tuple(spatial), len(channels))[-1]
        self.output = Dense(math.prod(smallest) * channels[-1], math.prod(self.out_shape), key=output_key)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Output of shape `out_shape` for one input."""
        hidden = flatten_checked(x, self.in_shape).reshape(self.full_shape)
        for block in self.blocks:
            hidden = block(hidden)
        return self.output(hidden.reshape(-1)).reshape(self.out_shape)

    def output_layers(self) -> tuple[Dense, ...]:
        """The dense layer."""
        return (self.output,)

    def output_structure(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of the output."""
        return jax.ShapeDtypeStruct(self.out_shape, jnp.float32)


class ConvDecoder(AbstractNetwork):
    """A dense layer to a small map, then upsampling and convolution in turns: the mirror of `ConvEncoder`.

    Upsampling repeats each entry and cuts to the size wanted, so that odd sizes come out exactly. Against a
    transposed convolution it leaves no checkerboard (Odena, Dumoulin and Olah 2016,
    doi:10.23915/distill.00003), and on a CPU its gradient takes less than half the time.

    Attributes:
        input: the dense layer.
        blocks: the convolutions but the last.
        output: the last convolution, with a bias per number.
        activation: name of the activation.
        in_shape: shape of an input.
        sizes: spatial shape of the map at each stage, smallest first.
        out_shape: shape of an output.

    >>> network = ConvDecoder(10, (7, 5), channels=(8, 4), key=jr.key(0))
    >>> network(jnp.zeros(10)).shape
    (7, 5)
    """

    input: Dense
    blocks: tuple[ConvBlock, ...]
    output: ConvOutput
    activation: str = eqx.field(static=True)
    in_shape: tuple[int, ...] = eqx.field(static=True)
    sizes: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    out_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_features: Shape,
        out_shape: Shape,
        channels: Sequence[int] = (64, 32),
        kernel_size: int = 3,
        activation: str = "relu",
        norm: ConvNorm | None = None,
        *,
        key: PRNGKeyArray,
        spatial_dims: int | None = None,
    ):
        """Draw the weights.

        Args:
            in_features: length or shape of the input.
            out_shape: `(length,)`, `(length, channels)`, `(height, width)` or `(height, width, channels)`.
            channels: of the maps, smallest map first; each is followed by one doubling of the map.
            kernel_size: of every convolution along every axis.
            activation: name of the activation (see `activation`).
            norm: "group", "layer" or None, before the activation of each convolution but the last.
            key: draws the weights.
            spatial_dims: 1 or 2. Two axes are read as `(height, width)` unless this is 1.

        Raises:
            ValueError: if the shape cannot be read so, or a name is not known.
        """
        self.in_shape, self.out_shape = as_shape(in_features), as_shape(out_shape)
        full_shape = _with_channels(self.out_shape, spatial_dims)
        _check_convolutions(channels, kernel_size)
        self.activation = activation
        self.sizes = _halved(full_shape[:-1], len(channels))[::-1]
        window = (kernel_size,) * (len(full_shape) - 1)
        input_key, output_key, *keys = jr.split(key, len(channels) + 1)
        smallest = math.prod(self.sizes[0]) * channels[0]
        self.input = Dense(math.prod(self.in_shape), smallest, key=input_key, activation=activation)
        self.blocks = tuple(
            ConvBlock(pair, window, key=k, activation=activation, norm=norm)
            for pair, k in zip(pairwise(channels), keys, strict=True)
        )
        self.output = ConvOutput(channels[-1], window, full_shape, key=output_key)

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        """Output of shape `out_shape` for one input."""
        start = self.input(flatten_checked(z, self.in_shape))
        hidden = activation_function(self.activation)(start).reshape(*self.sizes[0], -1)
        for layer, sizes in zip((*self.blocks, self.output), self.sizes[1:], strict=True):
            hidden = layer(upsample(hidden, sizes))
        return hidden.reshape(self.out_shape)

    def output_layers(self) -> tuple[ConvOutput, ...]:
        """The last convolution."""
        return (self.output,)

    def output_structure(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of the output."""
        return jax.ShapeDtypeStruct(self.out_shape, jnp.float32)


def _with_channels(shape: tuple[int, ...], spatial_dims: int | None) -> tuple[int, ...]:
    """The shape with an axis of channels, one channel where there was none."""
    dims = spatial_dims if spatial_dims is not None else min(len(shape), 2)
    if dims not in (1, 2) or len(shape) not in (dims, dims + 1):
        raise ValueError(
            f"A convolution cannot read the shape {shape} with spatial_dims={spatial_dims}. Give (length,) "
            "or (length, channels) with spatial_dims=1, (height, width) or (height, width, channels) with 2."
        )
    return shape if len(shape) == dims + 1 else (*shape, 1)


def _check_convolutions(channels: Sequence[int], kernel_size: int) -> None:
    if not channels or min(channels) < 1 or kernel_size < 1:
        raise ValueError(
            f"Convolutions need at least one number of channels, each at least 1, and a kernel_size of at "
            f"least 1; got channels={tuple(channels)} and kernel_size={kernel_size}."
        )


def _halved(sizes: tuple[int, ...], times: int) -> tuple[tuple[int, ...], ...]:
    """`sizes`, then each time half of the last, rounded up."""
    out = [sizes]
    for _ in range(times):
        out.append(tuple(-(-size // 2) for size in out[-1]))
    return tuple(out)
