"""Channels-last convolutions of one example, in one and two dimensions."""

import itertools
import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.networks._activations import activation as activation_function
from latlas.networks._activations import weight_limit
from latlas.networks._network import AbstractOutputLayer

ConvNorm = Literal["group", "layer"]

# By number of spatial axes: what the axes of input, kernel and output mean.
_DIMENSION_NUMBERS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


def convolve(
    x: Float[Array, "*spatial channels"], kernel: Float[Array, "*window channels out_channels"], stride: int
) -> Float[Array, "*strided out_channels"]:
    """Cross-correlation of one example; each spatial axis comes out as `ceil(size / stride)`."""
    return jax.lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: _as_products(x, kernel, stride),
        default=lambda x, kernel: _as_convolution(x, kernel, stride),
    )


def _as_convolution(x, kernel, stride):
    num_axes = x.ndim - 1
    return jax.lax.conv_general_dilated(
        x[None], kernel, (stride,) * num_axes, "SAME", dimension_numbers=_DIMENSION_NUMBERS[num_axes]
    )[0]


def _as_products(x, kernel, stride):
    """The same as a sum over the window: a matrix product of each shifted view of `x` with its slice of the kernel.

    XLA's CPU backend has no fast convolution inside a loop, and that is where training happens: the gradient of a
    `ConvDecoder` of 28 x 28 pixels took 20 times as long there as outside. This takes an eighth of that.
    """
    *window, channels, out_channels = kernel.shape
    strided = [-(-size // stride) for size in x.shape[:-1]]
    # the padding of "SAME": what the windows reach beyond the edges, the larger half behind
    reach = [
        max((out - 1) * stride + w - size, 0) for out, w, size in zip(strided, window, x.shape, strict=False)
    ]
    x = jnp.pad(x, [(total // 2, total - total // 2) for total in reach] + [(0, 0)])
    out = jnp.zeros((*strided, out_channels), x.dtype)
    for offset in itertools.product(*(range(w) for w in window)):
        ends = [start + (size - 1) * stride + 1 for start, size in zip(offset, strided, strict=True)]
        view = jax.lax.slice(x, (*offset, 0), (*ends, channels), (*(stride for _ in window), 1))
        out = out + view @ kernel[offset]
    return out


def upsample(
    x: Float[Array, "*spatial channels"], sizes: tuple[int, ...]
) -> Float[Array, "*larger channels"]:
    """Each entry twice along each spatial axis, cut to `sizes` (each at most twice what came)."""
    for axis, size in enumerate(sizes):
        x = jax.lax.slice_in_dim(jnp.repeat(x, 2, axis=axis), 0, size, axis=axis)
    return x


def draw_kernel(
    key: PRNGKeyArray, window: tuple[int, ...], channels: tuple[int, int], activation: str
) -> Float[Array, "*window channels out_channels"]:
    """A kernel, uniform with the limit of `weight_limit`, fans counted over the window."""
    fan_in, fan_out = (math.prod(window) * count for count in channels)
    limit = weight_limit(activation, fan_in, fan_out)
    return jr.uniform(key, (*window, *channels), jnp.float32, -limit, limit)


class ConvBlock(eqx.Module):
    """Convolution, norm (if asked for), activation, of one example with channels last."""

    kernel: Float[Array, "*window channels out_channels"]
    bias: Float[Array, " out_channels"]
    norm: eqx.nn.GroupNorm | None
    stride: int = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        channels: tuple[int, int],
        window: tuple[int, ...],
        *,
        key: PRNGKeyArray,
        stride: int = 1,
        activation: str,
        norm: ConvNorm | None,
    ):
        """Draw the kernel.

        Args:
            channels: of the input and of the output.
            window: size of the kernel along each spatial axis.
            key: draws the kernel.
            stride: step of the window along every axis.
            activation: name of the activation.
            norm: "group" for up to eight groups of channels (Wu and He 2018, arXiv:1803.08494), "layer" for
                one group, or None.

        Raises:
            ValueError: if the norm or the activation is not known.
        """
        if norm not in (None, "group", "layer"):
            raise ValueError(f'Norm {norm!r} is not known to a convolution; choose "group", "layer" or None.')
        self.kernel = draw_kernel(key, window, channels, activation)
        self.bias = jnp.zeros((channels[1],), jnp.float32)
        groups = math.gcd(8, channels[1]) if norm == "group" else 1
        self.norm = None if norm is None else eqx.nn.GroupNorm(groups, channels[1])
        self.stride = stride
        self.activation = activation

    def __call__(self, x: Float[Array, "*spatial channels"]) -> Float[Array, "*strided out_channels"]:
        """Apply the block to one example."""
        x = convolve(x, self.kernel, self.stride)
        x = x + jnp.broadcast_to(self.bias, x.shape)
        if self.norm is not None:  # Equinox's takes channels first
            x = jnp.moveaxis(self.norm(jnp.moveaxis(x, -1, 0)), 0, -1)
        return activation_function(self.activation)(x)


class ConvOutput(AbstractOutputLayer):
    """Last convolution of a decoder, with one bias per position and channel.

    A bias per channel could not start a decoder at the data's mean; one per number can.

    Attributes:
        weight: the kernel.
        bias: of the output's shape with its channels.
    """

    weight: Float[Array, "*window channels out_channels"]
    bias: Float[Array, "*spatial out_channels"]

    def __init__(
        self, channels: int, window: tuple[int, ...], out_shape: tuple[int, ...], *, key: PRNGKeyArray
    ):
        """Draw the kernel; `out_shape` is (*spatial, out_channels)."""
        self.weight = draw_kernel(key, window, (channels, out_shape[-1]), "identity")
        self.bias = jnp.zeros(out_shape, jnp.float32)

    def __call__(self, x: Float[Array, "*spatial channels"]) -> Float[Array, "*spatial out_channels"]:
        """Apply the layer to one example."""
        return convolve(x, self.weight, 1) + self.bias
