"""Where a network starts: near a constant, and at the right one."""

from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from latlas.networks._network import AbstractNetwork

NetworkT = TypeVar("NetworkT", bound=AbstractNetwork)


def small_output_init(network: NetworkT, scale: float = 1e-2) -> NetworkT:
    """The network with the weights of its last layers multiplied by `scale`.

    A decoder then starts nearly constant in the latent: its reconstruction term does not punish the latent as
    noise before it has learned anything from it, which is one way a posterior collapses onto the prior.

    Args:
        network: any network.
        scale: positive; 0 would stop the gradient to all earlier layers at the first step.

    Returns:
        The changed copy.

    Raises:
        ValueError: if `scale` is not positive.
    """
    if not scale > 0:
        raise ValueError(f"The scale of the output weights must be positive; got {scale}.")
    return eqx.tree_at(_output_weights, network, tuple(scale * weight for weight in _output_weights(network)))


def with_output_bias(network: NetworkT, bias: PyTree[ArrayLike]) -> NetworkT:
    """The network with its last bias set, for example to the logit of the data's mean.

    Args:
        network: any network.
        bias: a tree like the network's output, each leaf of the output's shape or broadcast to it.

    Returns:
        The changed copy.

    Raises:
        ValueError: if the tree or a shape does not fit the output.

    >>> import jax.random as jr
    >>> from latlas.networks import MLP
    >>> network = with_output_bias(small_output_init(MLP(2, 3, key=jr.key(0)), 1e-9), 0.5)
    >>> [round(float(y), 3) for y in network(jnp.ones(2))]
    [0.5, 0.5, 0.5]
    """
    structure = network.output_structure()
    got, expected = jax.tree.structure(bias), jax.tree.structure(structure)
    if got != expected:
        raise ValueError(f"The bias must be a tree like the network's output, {expected}; got {got}.")
    new = tuple(
        _fit(leaf, wanted.shape).reshape(old.shape)
        for leaf, wanted, old in zip(
            jax.tree.leaves(bias), jax.tree.leaves(structure), _output_biases(network), strict=True
        )
    )
    return eqx.tree_at(_output_biases, network, new)


# also called by `eqx.tree_at`, on a network with something else in the arrays' places
def _output_weights(network: AbstractNetwork) -> tuple[Any, ...]:
    return tuple(layer.weight for layer in network.output_layers())


def _output_biases(network: AbstractNetwork) -> tuple[Any, ...]:
    return tuple(layer.bias for layer in network.output_layers())


def _fit(value: ArrayLike, shape: tuple[int, ...]) -> Float[Array, "..."]:
    leaf = jnp.asarray(value, jnp.float32)
    try:
        return jnp.broadcast_to(leaf, shape)
    except ValueError as error:
        raise ValueError(
            f"A bias of shape {leaf.shape} does not fit an output of shape {shape}; give that shape, or one "
            "that broadcasts to it."
        ) from error
