"""The trainer: what a run is asked for."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, PRNGKeyArray, PyTree, Scalar

from latlas.core import (
    RequestError,
    RunDirectory,
    drop_old_programs,
    in_float32,
    in_precision_of_model,
)
from latlas.training._advance import Recipe, num_rows
from latlas.training._many import ManyRuns, checked_runs, first
from latlas.training._optimizer import AbstractOptimizer, Adam
from latlas.training._run import FitResult, Plan, Run
from latlas.training._state import Keys, trainable


class Reports(eqx.Module):
    """How often a run is looked at.

    Attributes:
        every: steps between reports; by default an epoch, and about 200 reports a run, never 300 or more.
        patience: with validation data, stop after this many reports without a lower validation loss.
        checkpoint_seconds: with a run directory, how often the state is saved.
    """

    every: int | None = None
    patience: int | None = None
    checkpoint_seconds: float = 60.0

    def __check_init__(self):
        for name in ("every", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} of Reports is at least 1, or None; got {value}.")
        if self.checkpoint_seconds < 0:
            raise ValueError(f"checkpoint_seconds is not negative; got {self.checkpoint_seconds}.")


class Trainer(eqx.Module):
    """Minimises an objective over a pytree's floating-point arrays.

    Attributes:
        objective: `(key, model, batch, *, progress) -> (loss, terms)`, for example `objectives.Elbo()`, or
            any function of this form over any pytree.
        optimizer: `Adam(...)`, or `Optax(...)` around any Optax transformation.
        num_steps: steps of the whole run; or give `num_epochs`.
        num_epochs: passes over the data.
        batch_size: rows per step (all of them where there are fewer); `None` for the whole data at every
            step.
        prepare: `(key, batch) -> batch`, run inside the compiled step, so that data stay in their storage
            type.
        frozen: model -> the part or tuple of parts that is not trained, not even by weight decay.
        reports: how often the run is looked at and its state saved, and when no lower loss ends it.
    """

    objective: Callable[..., tuple[Scalar, dict[str, Scalar]]]
    optimizer: AbstractOptimizer = Adam()
    num_steps: int | None = None
    num_epochs: int | None = None
    batch_size: int | None = 100
    prepare: Callable[[PRNGKeyArray, PyTree], PyTree] | None = None
    frozen: Callable[[Any], Any] | None = None
    reports: Reports = Reports()

    def __check_init__(self):
        length = self.num_epochs if self.num_steps is None else self.num_steps
        if length is None or None not in (self.num_steps, self.num_epochs):
            raise ValueError("A run has one length: give either num_steps or num_epochs, and not both.")
        if length < 1:
            raise ValueError(f"A run needs at least one step; got {length}.")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size is at least 1, or None; got {self.batch_size}.")

    @in_precision_of_model
    def fit(
        self,
        key: PRNGKeyArray,
        model: PyTree,
        data: PyTree[Array | np.ndarray] = None,
        *,
        valid: PyTree[Array | np.ndarray] = None,
        run: RunDirectory | None = None,
        callbacks: Sequence[Any] = (),
    ) -> FitResult:
        """Trains a model, or goes on with the run that `run` holds a state of.

        Args:
            key: everything random in the run follows from it.
            model: any pytree.
            data: arrays with a shared leading axis, kept on the device in their storage type; `None` where
                the objective needs none.
            valid: validation data of the same form; judged at every report with the full objective
                (`progress=1`).
            run: where checkpoints and metrics are kept. It is locked until the run ends (a caller that holds the
                lock already keeps it); the model is the caller's to save.
            callbacks: see `FitCallback`.

        Returns:
            The best or last model, the final state, the history, and why the run ended.

        Raises:
            RequestError: if the data have no rows or no shared leading axis.
            RunInUseError: if another process trains in this run directory.
            NonFiniteError: if loss or gradient were not finite for five steps in a row; one bad batch is
                skipped.
            InterruptedRunError: with a run directory, on SIGTERM, SIGINT or SIGUSR1, after the state was
                saved. A second SIGINT raises `KeyboardInterrupt` at once. Signals are answered between
                stretches of half a second: a single step that is longer, or the first call's compilation, is
                waited for.
            WorkError: if the disk is full; what was saved before is intact.
        """
        drop_old_programs()
        data, valid = _rows(data, "data"), _rows(valid, "valid")
        plan = self._plan(trainable(model, self.frozen), data)
        with nullcontext() if run is None else run.lock():
            return Run(self, plan, key, model, data, valid, run, callbacks).finish()

    @in_float32
    def fit_many(
        self,
        keys: Keys,
        init: Callable[[PRNGKeyArray], PyTree],
        data: PyTree[Array | np.ndarray] = None,
        *,
        objectives: Any = None,
        callbacks: Sequence[Any] = (),
    ) -> tuple[PyTree, dict[str, Array]]:
        """Trains several models at once in one compiled program: one per key, one per objective, or both.

        Run `i` is `fit(run_key, init(init_key), data)` with `init_key, run_key = jax.random.split(keys[i])` and the
        `i`-th objective, up to rounding. There are no checkpoints and no early stopping, and a run that is not finite
        keeps its last finite parameters while the others go on.

        Args:
            keys: one key per run, with a leading axis; or with `objectives` a single key that all runs share. They
                then start from one model and see the same batches and the same noise (common random numbers), so that
                they differ by their objectives alone, and what they share is computed once.
            init: `key -> model`; every model has the same structure.
            data: shared by all.
            objectives: in place of the trainer's, an objective whose arrays have a leading axis `runs`, for example
                `Elbo(Constant(betas))`; its plain numbers are shared.
            callbacks: see `FitCallback`; the terms of a report are arrays `(runs,)`.

        Returns:
            The trained models as one pytree whose arrays have a leading axis `runs`, and for every term its
            mean over the last report's steps, of shape `(runs,)`; it is nan for a run with no finite step
            among them.

        Raises:
            RequestError: if the data have no rows, or keys and objectives do not say how many runs there are.
        """
        drop_old_programs()
        checked_runs(keys, objectives)
        data = _rows(data, "data")
        plan = self._plan(trainable(eqx.filter_eval_shape(init, first(keys)), self.frozen), data)
        if objectives is not None:
            plan = replace(plan, recipe=replace(plan.recipe, objective=objectives))
        runs = ManyRuns(self, plan, keys, init, data, callbacks, objectives=objectives is not None)
        return runs.finish()

    def steps_per_report(self, num_examples: int | None) -> int:
        """Steps between two reports of a run over so many rows (`None` for a run without data)."""
        return self._lengths(num_examples)[1]

    def _lengths(self, n: int | None) -> tuple[int, int, int | None]:
        """Steps of the whole run, steps between reports, and rows per step."""
        batch_size = None if n is None or self.batch_size is None else min(self.batch_size, n)
        per_epoch = 1 if n is None or batch_size is None else n // batch_size
        if self.num_epochs is not None:
            total = self.num_epochs * per_epoch
        else:
            total = self.num_steps
            assert total is not None  # a run has one length
        every = self.reports.every or per_epoch * max(1, round(total / per_epoch / 200))
        return total, min(every, total), batch_size

    def _plan(self, trained: PyTree[bool], data: PyTree[Array]) -> Plan:
        total, every, batch_size = self._lengths(num_rows(data))
        recipe = Recipe(self.objective, self.optimizer, self.prepare, trained, batch_size)
        return Plan(recipe, total, every, self.reports.patience, self.reports.checkpoint_seconds)


def _rows(data: PyTree[ArrayLike], name: str) -> PyTree[Array]:
    """The data on the device, once their rows were counted."""
    data = jax.tree.map(jnp.asarray, data)
    try:
        n = num_rows(data)
    except ValueError as error:
        raise RequestError(f"The argument {name} cannot be used: {error}") from error
    if n == 0:
        raise RequestError(f"The argument {name} has no rows; give at least one.")
    return data
