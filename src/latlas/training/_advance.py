"""The compiled loop: any number of steps in one call, knowing a callable and a pytree, nothing of models."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, PRNGKeyArray, PyTree, Scalar

from latlas.core import Stream, num_examples
from latlas.training._optimizer import AbstractOptimizer, global_norm
from latlas.training._shuffle import shuffled
from latlas.training._state import Best, Interval, TrainState, copied


class Recipe(eqx.Module):
    """What a step does; equal recipes share one compiled program.

    Attributes:
        objective: `(key, model, batch, *, progress) -> (loss, terms)`.
        optimizer: gradients to updates.
        prepare: `(key, batch) -> batch` inside the step: conversion, binarisation, noise.
        trained: which leaves of the model are trained, `True` or `False` for each: values and not a function,
            so that two runs that freeze the same parts are equal.
        batch_size: rows per step; `None` for all rows, in their order, at every step (also where there is no
            data).
    """

    objective: Callable[..., tuple[Scalar, dict[str, Scalar]]]
    optimizer: AbstractOptimizer
    prepare: Callable[[PRNGKeyArray, PyTree], PyTree] | None
    trained: PyTree[bool]
    batch_size: int | None = eqx.field(static=True)


Inputs = tuple[Recipe, PyTree[Array]]


def num_rows(data: PyTree[Array]) -> int | None:
    """Rows of the data, `None` without data."""
    return num_examples(data) if jax.tree.leaves(data) else None


def batch_at(recipe: Recipe, data: PyTree[Array], key: PRNGKeyArray, step: Int[Array, ""]) -> PyTree[Array]:
    """The batch of a step: a pure function of the run's key and the step's number."""
    data_key, prepare_key = jr.split(jr.fold_in(key, Stream.BATCHES))
    n = num_rows(data)
    if n is None or recipe.batch_size is None:
        batch = data
    else:
        # rows that do not fill a batch are left out of this epoch; the next one has another order
        epoch, position = jnp.divmod(step, n // recipe.batch_size)
        rows = position * recipe.batch_size + jnp.arange(recipe.batch_size)
        rows = shuffled(jr.fold_in(data_key, epoch), rows, n)
        batch = jax.tree.map(lambda leaf: leaf[rows], data)
    return batch if recipe.prepare is None else recipe.prepare(jr.fold_in(prepare_key, step), batch)


def loss_and_terms(
    recipe: Recipe,
    model: PyTree,
    batch: PyTree[Array],
    key: PRNGKeyArray,
    step: Int[Array, ""],
    total: Int[Array, ""],
) -> tuple[Scalar, dict[str, Scalar]]:
    """The loss of the batch of a step and its terms, the loss among them."""
    step_key = jr.fold_in(jr.fold_in(key, Stream.OBJECTIVE), step)
    loss, terms = recipe.objective(step_key, model, batch, progress=step / total)
    return loss, {"loss": loss, **terms}


def start(
    recipe: Recipe,
    data: PyTree[Array],
    key: PRNGKeyArray,
    model: PyTree,
    total: Int[Array, ""],
    *,
    with_best: bool,
) -> TrainState:
    """The state before the first step.

    Raises:
        TypeError: if the objective gives a loss or a term that is not a scalar.
    """
    params = eqx.filter(model, recipe.trained)
    _, terms = eqx.filter_eval_shape(_first_loss, recipe, model, data, key, total)
    for name, term in terms.items():
        if jnp.shape(term) != ():
            raise TypeError(
                f"The term {name!r} of the objective has the shape {jnp.shape(term)}; give a scalar."
            )
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        model=copied(model),
        opt_state=recipe.optimizer.init(params),
        step=zero,
        key=jr.fold_in(key, Stream.STATE),
        interval=Interval({name: jnp.zeros(()) for name in (*terms, "gradient_norm")}, zero, zero),
        bad_steps=zero,
        best=Best(jnp.asarray(jnp.inf), zero, copied(model)) if with_best else None,
    )


def _first_loss(recipe, model, data, key, total):
    step = jnp.int32(0)
    return loss_and_terms(recipe, model, batch_at(recipe, data, key, step), key, step, total)


def advance(
    recipe: Recipe,
    data: PyTree[Array],
    state: TrainState,
    num_steps: Int[Array, ""],
    total: Int[Array, ""],
) -> TrainState:
    """At most `num_steps` steps further.

    The number of steps is an argument of the program and not a constant of it: one compilation serves every
    stretch, and a step is the same instructions whatever stretch it falls into, so a run is the same bits
    however it was cut. It ends early after `MAX_BAD_STEPS` steps in a row that were not finite.

    Args:
        recipe: what a step does.
        data: all rows.
        state: where the run stands; its `best` is not looked at.
        num_steps: how many steps to go.
        total: steps of the whole run, of which the objective is told the fraction done.
    """
    params, fixed = eqx.partition(state.model, recipe.trained)
    opt_arrays, opt_static = eqx.partition(state.opt_state, eqx.is_array)
    last = state.step + num_steps

    def goes_on(carry):
        step, moving = carry
        return (step < last) & (moving.bad_steps < MAX_BAD_STEPS)

    def one_step(carry):
        step, moving = carry
        batch = batch_at(recipe, data, state.key, step)
        return step + 1, next_step(recipe, batch, state.key, step, total, (fixed, opt_static), moving)

    moving = Moving(params, opt_arrays, state.interval.sums, state.interval.count, state.bad_steps)
    step, moving = jax.lax.while_loop(goes_on, one_step, (state.step, moving))
    return stopped(state, step, moving, (fixed, opt_static))


class Moving(NamedTuple):
    """What a step changes, beside the number of the step."""

    params: PyTree[Array]
    opt_arrays: PyTree[Array]
    sums: dict[str, Scalar]
    count: Int[Array, ""]
    bad_steps: Int[Array, ""]


def next_step(
    recipe: Recipe,
    batch: PyTree[Array],
    key: PRNGKeyArray,
    step: Int[Array, ""],
    total: Int[Array, ""],
    still: tuple[PyTree, PyTree],
    moving: Moving,
) -> Moving:
    """One step; where its loss or gradient is not finite, nothing changes but the count of such steps.

    Args:
        recipe: what a step does.
        batch: of this step.
        key: of the run.
        step: its number.
        total: steps of the whole run.
        still: of the model and of the optimizer's state, what no step changes.
        moving: the rest.
    """
    fixed, opt_static = still
    params, opt_arrays, sums, count, bad_steps = moving

    def loss_fn(params):
        return loss_and_terms(recipe, eqx.combine(params, fixed), batch, key, step, total)

    (loss, terms), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    norm = jnp.where(jnp.isfinite(loss), global_norm(grads), jnp.nan)
    good = jnp.isfinite(norm)
    updates, opt_state = recipe.optimizer.update(grads, eqx.combine(opt_arrays, opt_static), params, norm)
    params = jax.tree.map(lambda p, u: p + u.astype(p.dtype), params, updates)
    measures: dict[str, Scalar] = terms | {"gradient_norm": norm}
    sums = {name: sums[name] + jnp.where(good, measures[name], 0.0) for name in sums}
    opt_arrays = eqx.filter(opt_state, eqx.is_array)
    return Moving(params, opt_arrays, sums, count + good, jnp.where(good, 0, bad_steps + 1))


def stopped(
    state: TrainState, step: Int[Array, ""], moving: Moving, still: tuple[PyTree, PyTree]
) -> TrainState:
    """The state with what the steps changed."""
    fixed, opt_static = still
    return replace(
        state,
        model=eqx.combine(moving.params, fixed),
        opt_state=eqx.combine(moving.opt_arrays, opt_static),
        step=step,
        interval=replace(state.interval, sums=moving.sums, count=moving.count),
        bad_steps=moving.bad_steps,
    )


# one program where the eager form would compile one for every shape of the model
started = eqx.filter_jit(start)


@eqx.filter_jit(donate="all-except-first")
def advanced(
    inputs: Inputs, state: TrainState, num_steps: Int[Array, ""], total: Int[Array, ""]
) -> TrainState:
    """`advance`, compiled; the state's buffers are used again and must not be touched afterwards."""
    return advance(*inputs, state, num_steps, total)


# a run is given up when this many steps in a row are not finite: one bad batch is skipped, a diverged run is
# not saved by skipping
MAX_BAD_STEPS = 5
