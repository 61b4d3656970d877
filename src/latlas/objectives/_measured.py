"""The quantities of constraints over any number of rows, with standard errors."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.core import Estimate, check_process, num_examples
from latlas.objectives._constrained import Constrained
from latlas.objectives._quantity import AbstractQuantity


def measured(
    key: PRNGKeyArray,
    model: Any,
    rows: PyTree[Array | np.ndarray],
    constrained: Constrained,
    *,
    batch_size: int | None = None,
    prepare: Any = None,
) -> dict[str, Estimate]:
    """The value of each constraint's quantity, with its standard error.

    That of a quantity of examples comes from their covariance by the delta method; that of a term of the objective, which
    may be one of whole batches, from the spread over batches.

    Args:
        key: for all that is random.
        model: to be measured.
        rows: data with a leading axis, not prepared.
        constrained: names the quantities and the objective.
        batch_size: rows of a batch.
        prepare: `(key, batch) -> batch`, as in training.

    Returns:
        Name of a constraint -> estimate.
    """
    check_process()
    rows = jax.tree.map(jnp.asarray, rows)
    found, terms = {}, None
    for number, constraint in enumerate(constrained.constraints):
        if isinstance(constraint.quantity, str):
            if terms is None:
                terms = _terms(key, model, rows, constrained.objective, batch_size, prepare)
            found[constraint.name] = _estimate(np.asarray(terms[constraint.quantity], np.float64), _identity)
        else:
            values = _per_example(jr.fold_in(key, number), model, rows, constraint.quantity, prepare)
            found[constraint.name] = _estimate(np.asarray(values, np.float64), constraint.quantity.of_mean)
    return found


def _identity(mean):
    return mean


def _estimate(values: Float[np.ndarray, "rows ..."], of_mean: Any) -> Estimate:
    """A function of a mean, and its standard error by the delta method."""
    shape, n = values.shape[1:], len(values)
    mean, flat = values.mean(0), values.reshape(n, -1)
    value, slope = jax.value_and_grad(lambda flat: of_mean(flat.reshape(shape)))(
        jnp.asarray(mean.ravel(), jnp.float32)
    )
    # the variance of slope . values: no covariance matrix, whose small differences of large entries would be rounding
    along = (flat - mean.ravel()) @ np.asarray(slope, np.float64)
    error = np.sqrt(np.sum(along**2) / (n - 1) / n) if n > 1 else np.inf
    return Estimate(float(value), float(error))


@eqx.filter_jit
def _per_example(key, model, rows, quantity: AbstractQuantity, prepare):
    def one(row):
        index, example = row
        prepare_key, value_key = jr.split(jr.fold_in(key, index))
        if prepare is not None:
            batch = prepare(prepare_key, jax.tree.map(lambda leaf: leaf[None], example))
            example = jax.tree.map(lambda leaf: leaf[0], batch)
        return quantity.per_example(value_key, model, example)

    n = num_examples(rows)
    return jax.lax.map(one, (jnp.arange(n), rows), batch_size=min(n, 100))


@eqx.filter_jit
def _terms(key, model, rows, objective, batch_size, prepare):
    n = num_examples(rows)
    # at least two batches, where there are two rows
    size = max(1, min(batch_size or n, n // 2))

    def one(number):
        prepare_key, objective_key = jr.split(jr.fold_in(key, number))
        batch = jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, number * size, size), rows)
        batch = batch if prepare is None else prepare(prepare_key, batch)
        return objective(objective_key, model, batch, progress=jnp.float32(1.0))[1]

    return jax.lax.map(one, jnp.arange(n // size))
