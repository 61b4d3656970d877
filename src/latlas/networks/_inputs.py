"""From an example to the flat vector that an encoder reads."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from latlas.core import Example


def values(example: Example) -> Float[Array, " features"]:
    """The numbers of one example: `x`, then the condition where there is one.

    The leaves of a dict come in the sorted order of their names, each flattened, all as float32. Entries that
    were not observed are 0 whatever they held, `nan` included, and their gradient is 0.

    Args:
        example: one example (not a batch).

    Returns:
        A vector.

    Raises:
        ValueError: if `observed` has not the structure and the shapes of `x`.

    >>> values(Example(jnp.array([1.0, jnp.nan]), observed=jnp.array([True, False]))).tolist()
    [1.0, 0.0]
    """
    return _concatenated(_shown(example), example.condition)


def values_and_mask(example: Example) -> Float[Array, " features"]:
    """The numbers of one example, then its mask (1 observed, 0 not), then the condition where there is one.

    An encoder that reads the mask can tell a zero from a hole. Where all was observed the mask is ones, so
    that the length is the same with and without holes.

    Args:
        example: one example (not a batch).

    Returns:
        A vector.

    Raises:
        ValueError: if `observed` has not the structure and the shapes of `x`.

    >>> values_and_mask(Example(jnp.array([1.0, jnp.nan]), observed=jnp.array([True, False]))).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    return _concatenated(_shown(example), _mask(example), example.condition)


def _mask(example: Example) -> PyTree[Bool[Array, "..."]]:
    if example.observed is None:
        return jax.tree.map(lambda leaf: jnp.ones(jnp.shape(leaf), bool), example.x)
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (example.x, example.observed)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`observed` must have the structure and the shapes of `x`, {shapes[0]}; got {shapes[1]}. "
            "Give one boolean per entry."
        )
    return example.observed


def _shown(example: Example) -> PyTree[Array]:
    # Selected before anything is computed, so that a placeholder reaches neither a value nor a gradient.
    return jax.tree.map(lambda mask, leaf: jnp.where(mask, leaf, 0), _mask(example), example.x)


def _concatenated(*trees: PyTree[Array] | None) -> Float[Array, " features"]:
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(trees)])


@dataclass(frozen=True)
class CentredLevels:
    """Levels 0 to L - 1 on [-1, 1].

    Attributes:
        num_levels: L.
    """

    num_levels: int

    def __call__(self, example: Example) -> Float[Array, " features"]:
        """2 x / (L - 1) - 1, then the condition as it is."""
        levels = _concatenated(_shown(example)) * (2.0 / (self.num_levels - 1)) - 1.0
        return _concatenated(levels, example.condition)


@dataclass(frozen=True)
class OneHot:
    """Codes 0 to K - 1 as K numbers each, of which one is 1.

    Attributes:
        num_categories: K.
    """

    num_categories: int

    def __call__(self, example: Example) -> Float[Array, " features_times_categories"]:
        """The indicator vectors, one after another, then the condition as it is."""
        codes = _concatenated(_shown(example)).astype(jnp.int32)
        return _concatenated(jax.nn.one_hot(codes, self.num_categories), example.condition)


def log_counts(example: Example) -> Float[Array, " features"]:
    """log(1 + x) of counts, then the condition as it is."""
    return _concatenated(jnp.log1p(_concatenated(_shown(example))), example.condition)
