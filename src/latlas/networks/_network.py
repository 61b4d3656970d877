"""What the rest of latlas may ask of a network."""

import abc
import math

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

Shape = int | np.integer | tuple[int, ...]


class AbstractOutputLayer(eqx.Module):
    """Last affine layer of a network: a weight, and one bias per number that comes out.

    Attributes:
        weight: of any shape.
        bias: as many numbers as the network's output has, in the same order.
    """

    weight: eqx.AbstractVar[Float[Array, "..."]]
    bias: eqx.AbstractVar[Float[Array, "..."]]


class AbstractNetwork(eqx.Module):
    """A parametric map of one example; callers `jax.vmap`.

    Its last layers can be reached in the same way in every network, which is all that initialisation needs.
    """

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "..."]) -> PyTree[Float[Array, "..."]]:
        """Output for one example."""

    @abc.abstractmethod
    def output_layers(self) -> tuple[AbstractOutputLayer, ...]:
        """The last layers, one per leaf of the output and in the order of its leaves (for `eqx.tree_at`)."""

    @abc.abstractmethod
    def output_structure(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shape and dtype of each leaf of the output."""


def as_shape(shape: Shape) -> tuple[int, ...]:
    """A shape from an integer (one axis) or a sequence of integers.

    Raises:
        ValueError: if an axis is shorter than 1.

    >>> as_shape(3), as_shape((2, 2))
    ((3,), (2, 2))
    """
    out = tuple(int(size) for size in np.atleast_1d(shape))
    if any(size < 1 for size in out):
        raise ValueError(f"Every axis of a shape must have at least one entry; got {out}.")
    return out


def flatten_checked(x: Float[Array, "..."], in_shape: tuple[int, ...]) -> Float[Array, " features"]:
    """One example as a vector.

    Raises:
        ValueError: if it has not as many numbers as `in_shape`; most often a batch that was not mapped over.
    """
    if x.size != math.prod(in_shape):
        raise ValueError(
            f"This network takes one example of shape {in_shape}; got {x.shape}. "
            "If that is a batch, map over it: jax.vmap(network)(batch)."
        )
    return x.reshape(-1)
