"""The affine layer, in float32 or with bfloat16 operands."""

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.networks._activations import weight_limit
from latlas.networks._bf16_matmul import bf16_matmul
from latlas.networks._network import AbstractOutputLayer

Precision = Literal["float32", "bfloat16"]


class Dense(AbstractOutputLayer):
    r"""Affine map of one example, $y = x W + b$.

    The weight is stored (in, out), so that a batch under `jax.vmap` is the one product `X @ W`, and so are
    both products of its gradient. Parameters are float32 whatever the precision.

    Attributes:
        weight: $W$, uniform at the start, with the limit of `weight_limit`.
        bias: $b$, zero at the start.
        precision: "float32", or "bfloat16" to round the operands of the product and of both backward products
            to bfloat16 and to sum in float32 (about twice the speed where the hardware has it).

    >>> layer = Dense(3, 2, key=jr.key(0))
    >>> layer(jnp.ones(3)).shape
    (2,)
    """

    weight: Float[Array, "in_features out_features"]
    bias: Float[Array, " out_features"]
    precision: Precision = eqx.field(static=True)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        key: PRNGKeyArray,
        precision: Precision = "float32",
        activation: str = "identity",
    ):
        """Draw the weights.

        Args:
            in_features: length of the input, at least 1.
            out_features: length of the output, at least 1.
            key: draws the weight.
            precision: "float32" or "bfloat16".
            activation: name of the activation that follows; it sets the scale of the weights.

        Raises:
            ValueError: if a size is below 1, or the precision or the activation is not known.
        """
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"A layer needs at least one input and one output; got {in_features} inputs and {out_features} "
                "outputs."
            )
        if precision not in ("float32", "bfloat16"):
            raise ValueError(f'Precision {precision!r} is not known; choose "float32" or "bfloat16".')
        limit = weight_limit(activation, in_features, out_features)
        self.weight = jr.uniform(key, (in_features, out_features), jnp.float32, -limit, limit)
        self.bias = jnp.zeros((out_features,), jnp.float32)
        self.precision = precision

    def __call__(self, x: Float[Array, " in_features"]) -> Float[Array, " out_features"]:
        """Apply the layer to one example."""
        if self.precision == "bfloat16":
            return bf16_matmul(x[None, :], self.weight)[0] + self.bias
        return x @ self.weight + self.bias
