"""The one check every head makes of a decoder's output: a wrong shape would broadcast without a word."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from latlas.distributions.heads._head import AbstractHead


def checked_params(head: AbstractHead, params: Array, x: Array) -> Float[Array, "..."]:
    """The parameters in float32, of exactly the shape that `head` wants for `x`.

    Raises:
        ValueError: if the shape is another.
    """
    expected = tuple(head.param_shape(jnp.shape(x)))
    if jnp.shape(params) != expected:
        raise ValueError(
            f"{type(head).__name__} was given parameters of shape {jnp.shape(params)} for an x of shape "
            f"{jnp.shape(x)}, which needs {expected}. Give the decoder an output of shape "
            f"`head.param_shape(x.shape)`, and score one example at a time (batches belong in a `vmap`)."
        )
    return jnp.asarray(params, jnp.float32)
