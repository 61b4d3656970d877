"""What is said where a model does not fit into memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import equinox as eqx
import jax
import jax.random as jr

from latlas.core import WorkError
from latlas.estimators._build import ModelSpec, build_model

_NUMBER_BYTES = 4  # of a float32
_COPIES = 4  # the weights, their gradient, and the two moments of Adam


@contextmanager
def size_said(spec: ModelSpec, num_models: int = 1) -> Iterator[None]:
    """Says how large the models are that were asked for where memory runs out.

    Args:
        spec: how each is built.
        num_models: how many are trained at once.

    Raises:
        WorkError: naming their size.
    """
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        leaves = jax.tree.leaves(eqx.filter_eval_shape(build_model, jr.key(0), spec))
        numbers = num_models * sum(
            math.prod(leaf.shape) for leaf in leaves if isinstance(leaf, jax.ShapeDtypeStruct)
        )
        raise WorkError(
            f"There is not enough memory: hidden={spec.hidden} over items of shape {spec.item_shape} makes {numbers:,} "
            f"weights, {_COPIES * _NUMBER_BYTES * numbers / 1e9:,.1f} GB while they are trained, besides the rows of a "
            "step. Choose a smaller hidden, or a smaller batch_size if that alone is large."
        ) from error
