"""What every evaluation is made of: the terms of log p(x, z) - log q(z) at many draws of z, in chunks."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import Example, Progress, map_rows, num_examples
from latlas.models import AbstractLatentModel

Row = TypeVar("Row", bound=PyTree)

# draws between two calls of a progress callback: seconds on one core for a network of usual size
_DRAWS_PER_CALL = 500_000
_ROWS_PER_CALL = 2000

Prepare = Callable[[PRNGKeyArray, PyTree], PyTree]


class SampledTerms(NamedTuple):
    """At each draw z of one example, in nats; their sum is the log-weight log p(x, z) - log q(z).

    Attributes:
        log_likelihood: log p(x | z) of the observed entries.
        log_ratio: log p(z) - log q(z).
    """

    log_likelihood: Float[Array, " samples"]
    log_ratio: Float[Array, " samples"]


class Sampling(eqx.Module):
    """How many draws are taken, and how many at a time.

    Attributes:
        num_samples: draws per example.
        chunk_size: draws that are decoded at once: of one example, or of several where `num_samples` is
            smaller.
    """

    num_samples: int = eqx.field(static=True)
    chunk_size: int = eqx.field(static=True)

    def __check_init__(self):
        for name, value in (("num_samples", self.num_samples), ("chunk_size", self.chunk_size)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}.")

    def terms(self, key: PRNGKeyArray, model: AbstractLatentModel, example: Example, q: Any) -> SampledTerms:
        """The terms at `num_samples` draws of `q`; draw i depends on the key and i, not on the chunks."""
        p = model.prior(example.condition)

        def one_draw(index: Array) -> tuple[Scalar, Scalar]:
            z = q.sample(jr.fold_in(key, index))
            likelihood = model.likelihood(z, example.condition)
            return likelihood.log_prob(example.x, example.observed), p.log_prob(z) - q.log_prob(z)

        chunks = -(-self.num_samples // self.chunk_size)
        size = -(-self.num_samples // chunks)
        index = jnp.arange(chunks * size).reshape(chunks, size)
        found = jax.lax.map(jax.vmap(one_draw), index)
        return SampledTerms(*(leaf.reshape(-1)[: self.num_samples] for leaf in found))


def map_examples(
    fn: Callable[[PRNGKeyArray, Any, Any], PyTree[Array]],
    key: PRNGKeyArray,
    model: Any,
    batch: PyTree,
    sampling: Sampling,
    prepare: Prepare | None,
    progress: Progress | None,
    rows_per_call: int | None = None,
) -> PyTree[np.ndarray]:
    """`fn(key_i, model, example_i)` of every example; key i depends on the key and i alone."""
    rows = (np.arange(num_examples(batch), dtype=np.int32), batch)
    at_once = max(1, sampling.chunk_size // sampling.num_samples)
    if rows_per_call is None:
        rows_per_call = min(max(at_once, _DRAWS_PER_CALL // sampling.num_samples, 1), _ROWS_PER_CALL)
    args = (key, model)
    return map_rows(
        _OfExample(fn, prepare), args, rows, at_once=at_once, rows_per_call=rows_per_call, progress=progress
    )


class _OfExample(eqx.Module):
    """A function of `(key, model, example)` as one of `(args, row)`."""

    fn: Callable[[PRNGKeyArray, Any, Example], PyTree[Array]]
    prepare: Prepare | None

    def __call__(self, args, row):
        (key, model), (index, example) = args, row
        key = jr.fold_in(key, index)
        return self.fn(jr.split(key)[0], model, prepared(self.prepare, key, example))


def prepared(prepare: Prepare | None, key: PRNGKeyArray, example: Row) -> Row:
    """One example, by itself or with what goes with it, as training would see it.

    The draws of its latents have the other half of the key.
    """
    if prepare is None:
        return example
    one = prepare(jr.split(key)[1], jax.tree.map(lambda leaf: leaf[None], example))
    return jax.tree.map(lambda leaf: leaf[0], one)
