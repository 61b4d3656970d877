"""What an objective is, and the mean over a batch that each one takes."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray, PyTree, Scalar

from latlas.core import Example, num_examples

Terms = dict[str, Scalar]


class AbstractObjective(eqx.Module):
    """`(key, model, batch) -> (loss, terms)`: what is minimised, and the terms that it is made of.

    Anything callable in this way can be trained; a class is only needed for settings. Terms travel apart from their
    sum, in nats per example (mean over the batch) under their own names.
    """

    @abc.abstractmethod
    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: PyTree, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss to minimise and its terms.

        Args:
            key: for all that is random.
            model: what is trained.
            batch: examples with a leading axis.
            progress: share of the run that is done, in [0, 1]; schedules depend on it. 1 is the full objective.
        """


def map_over_batch(
    key: PRNGKeyArray, fn: Callable[[PRNGKeyArray, Any, Example], PyTree[Array]], model: Any, batch: Example
) -> PyTree[Array]:
    """A function of one example over a batch; the only `vmap` between a model and its training."""
    keys = jr.split(key, num_examples(batch))
    return jax.vmap(lambda key, example: fn(key, model, example))(keys, batch)


def mean_over_batch(
    key: PRNGKeyArray, fn: Callable[[PRNGKeyArray, Any, Example], PyTree[Array]], model: Any, batch: Example
) -> PyTree[Array]:
    """Mean over the batch of a function of one example, of the shape that the function gives."""
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), map_over_batch(key, fn, model, batch))
