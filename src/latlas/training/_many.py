"""Several runs of one shape as one compiled program: seeds, restarts, a path of betas."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from latlas.core import RequestError
from latlas.training._advance import Moving, Recipe, batch_at, next_step, num_rows, start, stopped
from latlas.training._callbacks import Callbacks, FitContext
from latlas.training._pace import Pace
from latlas.training._run import Plan
from latlas.training._state import Keys, TrainState

_OVER_RUNS = eqx.if_array(0)


class Inputs(eqx.Module):
    """What no step changes.

    Attributes:
        recipe: what a step does; with `objectives`, its objective's arrays have a leading axis `runs`.
        data: shared by all runs.
        total: steps of each run.
        objectives: whether every run has an objective of its own.
        keys: whether every run has a key of its own.
    """

    recipe: Recipe
    data: PyTree[Array]
    total: Int[Array, ""]
    objectives: bool = eqx.field(static=True)
    keys: bool = eqx.field(static=True)

    def over_runs(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn(recipe, key, per_run)` of every run."""

        def of_objective(objective, key, per_run):
            recipe = eqx.tree_at(lambda r: r.objective, self.recipe, objective)
            return fn(recipe, key, per_run)

        axes = (_OVER_RUNS if self.objectives else None, 0 if self.keys else None, _OVER_RUNS)
        mapped = eqx.filter_vmap(of_objective, in_axes=axes)
        return lambda key, per_run: mapped(self.recipe.objective, key, per_run)

    def batches_at(self, key: Keys, step: Int[Array, ""], num_runs: int) -> PyTree[Array]:
        """The batch of this step for every run; with one key it is made once."""
        if self.keys:
            return jax.vmap(lambda key: batch_at(self.recipe, self.data, key, step))(key)
        # repeated, and not left out of the vmap: a product of one batch with the weights of all runs joins their
        # columns, for which the first layer's weights, gradients and moments would be transposed at every step
        batch = batch_at(self.recipe, self.data, key, step)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_runs, *leaf.shape)), batch)


class ManyRuns:
    """Several runs from their start to their end, on the host's side."""

    def __init__(
        self,
        trainer: Any,
        plan: Plan,
        keys: Keys,
        init: Callable[[PRNGKeyArray], PyTree],
        data: PyTree[Array],
        callbacks: Sequence[Any],
        *,
        objectives: bool,
    ) -> None:
        self._plan, self._data = plan, data
        self._inputs = Inputs(plan.recipe, data, jnp.int32(plan.total), objectives, _is_stacked(keys))
        self._states = _started(self._inputs, keys, init)
        self._callbacks = Callbacks(trainer, callbacks)
        self._context = FitContext(num_steps=plan.total)

    def finish(self) -> tuple[PyTree, dict[str, Array]]:
        """Goes to the end; see `Trainer.fit_many`."""
        context, pace, began = self._context, Pace(), time.monotonic()
        terms = {}
        try:
            self._callbacks.call("setup", context)
            while context.step < self._plan.total:
                self._callbacks.call("on_fit_task_begin", context)
                boundary = (context.step // self._plan.every + 1) * self._plan.every
                with pace.stretch(min(boundary, self._plan.total) - context.step) as num_steps:
                    self._states = _advanced(self._inputs, self._states, jnp.int32(num_steps))
                    jax.block_until_ready(self._states.step)
                self._place(num_steps)
                context.seconds = time.monotonic() - began
                report = None
                if context.step in (boundary, self._plan.total):
                    terms = self._report()
                    report = context.history[-1]
                self._callbacks.call("on_fit_task_end", context, metadata=report)
        finally:
            self._callbacks.call("teardown", context)
        return self._states.model, terms

    def _place(self, num_steps: int) -> None:
        n, batch_size = num_rows(self._data), self._plan.recipe.batch_size
        self._context.step += num_steps
        self._context.epoch = self._context.step / (n // batch_size if n and batch_size else 1)

    def _report(self) -> dict[str, Array]:
        states, context = self._states, self._context
        interval = states.interval
        terms = {name: value / interval.count for name, value in interval.sums.items()}
        line = {"step": context.step, "epoch": context.epoch, "train": jax.tree.map(np.asarray, terms)}
        context.history.append(line | {"seconds": round(context.seconds, 3)})
        sums, count = jax.tree.map(jnp.zeros_like, (interval.sums, interval.count))
        self._states = replace(states, interval=replace(interval, sums=sums, count=count))
        return terms


def checked_runs(keys: Keys, objectives: Any) -> None:
    """Refuses keys and objectives from which the number of runs cannot be told.

    Raises:
        RequestError: if there is neither a key nor an objective per run, or they are not equally many.
    """
    lengths = {
        (leaf.shape[0] if leaf.ndim else None) for leaf in jax.tree.leaves(objectives) if eqx.is_array(leaf)
    }
    if objectives is not None and (len(lengths) != 1 or None in lengths):
        raise RequestError(
            "The arrays of objectives need one leading axis, of as many entries as there are runs: give for example "
            f"Elbo(Constant(jnp.array([0.5, 1.0, 2.0]))). Here their leading axes are {sorted(map(str, lengths))}."
        )
    if objectives is None and not _is_stacked(keys):
        raise RequestError(
            "A single key is for runs with different objectives: give objectives, or one key per run, as "
            "jax.random.split(key, runs) makes them."
        )
    if objectives is not None and _is_stacked(keys) and lengths != {len(keys)}:
        raise RequestError(
            f"Each run takes one key and one objective; got {len(keys)} keys and {lengths.pop()} objectives."
        )


def first(keys: Keys) -> PRNGKeyArray:
    """The key of the first run, or the single key of all."""
    return keys[0] if _is_stacked(keys) else keys


def _is_stacked(keys: Keys) -> bool:
    typed = jnp.issubdtype(keys.dtype, jax.dtypes.prng_key)
    return keys.ndim > (0 if typed else 1)


@eqx.filter_jit
def _started(inputs: Inputs, keys: Keys, init: Callable[[PRNGKeyArray], PyTree]) -> TrainState:
    """One state per run; a key is split into the key of the model and the key of the run."""

    def one(recipe, key, _):
        init_key, run_key = jr.split(key)
        return start(recipe, inputs.data, run_key, init(init_key), inputs.total, with_best=False)

    states = inputs.over_runs(one)(keys, None)
    # what is the same in all runs stays out of the vmap: a loop whose end depended on the run would copy every state
    # at every step
    return replace(states, step=states.step[0], key=states.key if inputs.keys else states.key[0])


@eqx.filter_jit(donate="all-except-first")
def _advanced(inputs: Inputs, states: TrainState, num_steps: Int[Array, ""]) -> TrainState:
    """`num_steps` steps further in all runs."""
    params, fixed = eqx.partition(states.model, inputs.recipe.trained)
    opt_arrays, opt_static = eqx.partition(states.opt_state, eqx.is_array)
    last = states.step + num_steps

    num_runs = states.interval.count.shape[0]

    def one_step(carry):
        step, moving = carry

        def of_run(recipe, key, per_run):
            fixed, moving, batch = per_run
            return next_step(recipe, batch, key, step, inputs.total, (fixed, opt_static), moving)

        batches = inputs.batches_at(states.key, step, num_runs)
        return step + 1, inputs.over_runs(of_run)(states.key, (fixed, moving, batches))

    moving = Moving(params, opt_arrays, states.interval.sums, states.interval.count, states.bad_steps)
    carry = jax.lax.while_loop(lambda carry: carry[0] < last, one_step, (states.step, moving))
    return stopped(states, *carry, (fixed, opt_static))
