"""The compiled loop: any number of steps in one call, knowing a callable and a pytree, nothing of models."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, PRNGKeyArray, PyTree, Scalar

from latlas.training._optimizer import AbstractOptimizer, global_norm
from latlas.training._shuffle import shuffled
from latlas.training._state import TrainState, trainable


class Recipe(eqx.Module):
    """What a step does; equal recipes share one compiled program.

    Attributes:
        objective: `(key, model, batch, *, progress) -> (loss, terms)`.
        optimizer: gradients to updates.
        batch_size: rows per step; `None` for all rows, in their order, at every step (also where there is no data).
        prepare: `(key, batch) -> batch` inside the step: conversion, binarisation, noise.
        frozen: model -> parts that stay as they are.
    """

    objective: Callable[..., tuple[Scalar, dict[str, Scalar]]]
    optimizer: AbstractOptimizer
    batch_size: int | None = eqx.field(static=True)
    prepare: Callable[[PRNGKeyArray, PyTree], PyTree] | None
    frozen: Callable[[Any], Any] | None = eqx.field(static=True)


def num_rows(data: PyTree[Array]) -> int | None:
    """Rows of the data, `None` without data."""
    leaves = jax.tree.leaves(data)
    return leaves[0].shape[0] if leaves else None


def batch_at(recipe: Recipe, data: PyTree[Array], key: PRNGKeyArray, step: Int[Array, ""]) -> PyTree[Array]:
    """The batch of a step: a pure function of the run's key and the step's number."""
    data_key, prepare_key = jr.split(jr.fold_in(key, 0))
    n = num_rows(data)
    if n is None or recipe.batch_size is None:
        batch = data
    else:
        epoch, position = jnp.divmod(step, n // recipe.batch_size)
        rows = position * recipe.batch_size + jnp.arange(recipe.batch_size)
        rows = shuffled(jr.fold_in(data_key, epoch), rows, n)
        batch = jax.tree.map(lambda leaf: leaf[rows], data)
    return batch if recipe.prepare is None else recipe.prepare(jr.fold_in(prepare_key, step), batch)


def loss_and_terms(
    recipe: Recipe,
    model: PyTree,
    data: PyTree[Array],
    key: PRNGKeyArray,
    step: Int[Array, ""],
    total: Int[Array, ""],
) -> tuple[Scalar, dict[str, Scalar]]:
    """The loss of the batch of a step and its terms, the loss among them."""
    batch = batch_at(recipe, data, key, step)
    step_key = jr.fold_in(jr.fold_in(key, 1), step)
    loss, terms = recipe.objective(step_key, model, batch, progress=step / total)
    return loss, {"loss": loss, **terms}


def advance(
    recipe: Recipe, data: PyTree[Array], state: TrainState, num_steps: Int[Array, ""], total: Int[Array, ""]
) -> TrainState:
    """`num_steps` steps further.

    The number of steps is an argument of the program and not a constant of it: one compilation serves every stretch, and
    a step is the same instructions whatever stretch it falls into, so a run is the same bits however it was cut.
    A step whose loss or gradient is not finite changes nothing but the count of such steps.
    """
    mask = trainable(state.model, recipe.frozen)
    params, fixed = eqx.partition(state.model, mask)
    opt_arrays, opt_static = eqx.partition(state.opt_state, eqx.is_array)

    def one_step(_, carry):
        params, opt_arrays, step, sums, count, bad_steps = carry

        def loss_fn(params):
            return loss_and_terms(recipe, eqx.combine(params, fixed), data, state.key, step, total)

        (loss, terms), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
        norm = jnp.where(jnp.isfinite(loss), global_norm(grads), jnp.nan)
        good = jnp.isfinite(norm)
        updates, opt_state = recipe.optimizer.update(grads, eqx.combine(opt_arrays, opt_static), params, norm)
        params = jax.tree.map(lambda p, u: p + u.astype(p.dtype), params, updates)
        opt_arrays = eqx.filter(opt_state, eqx.is_array)
        terms = terms | {"gradient_norm": norm}
        sums = {name: sums[name] + jnp.where(good, terms[name], 0.0) for name in sums}
        return params, opt_arrays, step + 1, sums, count + good, jnp.where(good, 0, bad_steps + 1)

    carry = (params, opt_arrays, state.step, state.sums, state.count, state.bad_steps)
    params, opt_arrays, step, sums, count, bad_steps = jax.lax.fori_loop(0, num_steps, one_step, carry)
    model, opt_state = eqx.combine(params, fixed), eqx.combine(opt_arrays, opt_static)
    return TrainState(model, opt_state, step, state.key, sums, count, bad_steps, None)
