"""The multilayer perceptron."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.networks._activations import activation as activation_function
from latlas.networks._dense import Dense, Precision
from latlas.networks._network import AbstractNetwork, Shape, as_shape, flatten_checked


class MLP(AbstractNetwork):
    """Multilayer perceptron: dense, norm (if asked for), activation, repeated; then one dense layer.

    The input may have any shape and is flattened; the output takes the shape asked for.

    Attributes:
        layers: the dense layers, the output's last.
        norms: one layer norm per hidden layer, or none.
        activation: name of the activation.
        in_shape: shape of an input.
        out_shape: shape of an output.

    >>> network = MLP((28, 28), 20, hidden=(64,), key=jr.key(0))
    >>> network(jnp.zeros((28, 28))).shape
    (20,)
    """

    layers: tuple[Dense, ...]
    norms: tuple[eqx.nn.LayerNorm, ...]
    activation: str = eqx.field(static=True)
    in_shape: tuple[int, ...] = eqx.field(static=True)
    out_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_features: Shape,
        out_features: Shape,
        hidden: Sequence[int] = (200, 200),
        activation: str = "tanh",
        norm: Literal["layer"] | None = None,
        *,
        key: PRNGKeyArray,
        precision: Precision = "float32",
    ):
        """Draw the weights.

        Args:
            in_features: length or shape of the input.
            out_features: length or shape of the output.
            hidden: widths of the hidden layers; empty for one affine map.
            activation: name of the activation (see `activation`).
            norm: "layer" for layer norm (Ba, Kiros and Hinton 2016, arXiv:1607.06450) before each activation.
            key: draws the weights.
            precision: of the products, see `Dense`.

        Raises:
            ValueError: if a size is below 1, or the norm, the activation or the precision is not known.
        """
        if norm not in (None, "layer"):
            raise ValueError(f'Norm {norm!r} is not known to an MLP; choose "layer" or None.')
        self.activation = activation
        self.in_shape, self.out_shape = as_shape(in_features), as_shape(out_features)
        widths = (math.prod(self.in_shape), *hidden, math.prod(self.out_shape))
        activations = (activation,) * len(hidden) + ("identity",)
        keys = jr.split(key, len(activations))
        self.layers = tuple(
            Dense(inputs, outputs, key=layer_key, precision=precision, activation=name)
            for (inputs, outputs), layer_key, name in zip(pairwise(widths), keys, activations, strict=True)
        )
        self.norms = tuple(eqx.nn.LayerNorm(width) for width in hidden if norm == "layer")

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Output of shape `out_shape` for one input of as many numbers as `in_shape` has."""
        hidden = flatten_checked(x, self.in_shape)
        act = activation_function(self.activation)
        for i, layer in enumerate(self.layers[:-1]):
            hidden = layer(hidden)
            if self.norms:
                hidden = self.norms[i](hidden)
            hidden = act(hidden)
        return self.layers[-1](hidden).reshape(self.out_shape)

    def output_layers(self) -> tuple[Dense, ...]:
        """The last dense layer."""
        return (self.layers[-1],)

    def output_structure(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of the output."""
        return jax.ShapeDtypeStruct(self.out_shape, jnp.float32)
