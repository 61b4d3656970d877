"""The host's side of a run: stretches, reports, checkpoints, signals, stopping."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray, PyTree

from latlas.core import (
    InterruptedRunError,
    NonFiniteError,
    RunDirectory,
    Stream,
    named_arrays,
    with_named_arrays,
)
from latlas.training._advance import MAX_BAD_STEPS, Recipe, advanced, num_rows, started
from latlas.training._callbacks import Callbacks, FitContext
from latlas.training._failure import likely_cause
from latlas.training._interruption import Interruption, interruption
from latlas.training._pace import Pace
from latlas.training._state import Best, Interval, TrainState, copied, names_of_today
from latlas.training._validation import mean_terms

_log = logging.getLogger("latlas")


class FitResult(eqx.Module):
    """What a run left.

    Attributes:
        model: the best model by validation loss; without validation data the last one.
        state: the state at the end; `None` where it is not kept.
        history: one dict per report: `step`, `epoch`, `train` and (with validation data) `valid`, each a dict
            of means, `seconds`, and where steps were not finite `skipped_steps`.
        reason: why it ended: `"finished"`, `"early stopping"` or `"callback"`.
    """

    model: PyTree
    state: TrainState | None
    history: list[dict[str, Any]]
    reason: str


@dataclass(frozen=True)
class Plan:
    """A trainer's settings, made definite for one model and its data.

    Attributes:
        recipe: what a step does.
        total: steps of the whole run.
        every: steps between reports.
        patience: reports without a lower validation loss before the run stops.
        checkpoint_seconds: how often the state is saved.
    """

    recipe: Recipe
    total: int
    every: int
    patience: int | None
    checkpoint_seconds: float


class Run:
    """One run from its start, or from its last checkpoint, to its end."""

    def __init__(
        self,
        trainer: Any,
        plan: Plan,
        key: PRNGKeyArray,
        model: PyTree,
        data: PyTree[Array],
        valid: PyTree[Array],
        directory: RunDirectory | None,
        callbacks: Sequence[Any],
    ) -> None:
        self._plan, self._data, self._valid, self._directory = plan, data, valid, directory
        self._total = jnp.int32(plan.total)
        self._state = started(plan.recipe, data, key, model, self._total, with_best=valid is not None)
        self._best = self._state.best
        self._callbacks = Callbacks(trainer, callbacks)
        self._context = FitContext(num_steps=plan.total)
        self._pace, self._valid_pace = Pace(), Pace()

    def finish(self) -> FitResult:
        """Goes to the end, and says how it came about."""
        self._resume()
        # without a directory nothing can be saved, and signals keep their usual meaning
        with interruption(enabled=self._directory is not None) as request:
            try:
                self._callbacks.call("setup", self._context)
                reason = self._context.reason = self._loop(request)
            finally:
                self._callbacks.call("teardown", self._context)
        if request.signal:  # it came after the last stretch
            raise InterruptedRunError(self._context.step, request.signal.name)
        self._check_end()
        best = self._best
        model = self._state.model if best is None or not jnp.isfinite(best.loss) else best.model
        return FitResult(model, replace(self._state, best=best), self._context.history, reason)

    def _resume(self) -> None:
        if self._directory is not None:
            found = self._directory.latest_state()
            self._directory.truncate_metrics(found[0] if found else 0)
            if found:
                step, arrays = found[0], names_of_today(found[1])
                self._state = with_named_arrays(self._state, arrays, source=f"The checkpoint of step {step}")
                self._best = self._state.best
                self._context.history = [_restored(line) for line in self._directory.read_metrics()]
        if self._context.history:
            self._context.seconds = self._context.history[-1]["seconds"]
        self._place()
        self._saved_step = self._context.step

    def _loop(self, request: Interruption) -> str:
        began, saved = time.monotonic() - self._context.seconds, time.monotonic()
        reason = self._reason()
        while reason is None:
            self._callbacks.call("on_fit_task_begin", self._context)
            if not self._report_is_due():  # a run interrupted within a report goes on with the report
                self._stretch()
            self._context.seconds = time.monotonic() - began
            report = self._report(request) if self._report_is_due() else None
            stop = self._callbacks.call("on_fit_task_end", self._context, metadata=report)
            reason = self._reason() or ("callback" if stop else None)
            if request or reason or time.monotonic() - saved > self._plan.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
            if request.signal:
                raise InterruptedRunError(self._context.step, request.signal.name)
        return reason

    def _stretch(self) -> None:
        step, every = self._context.step, self._plan.every
        boundary = min(self._plan.total, (step // every + 1) * every)
        with self._pace.stretch(boundary - step) as num_steps:
            state = replace(self._state, best=None)
            self._state = advanced((self._plan.recipe, self._data), state, jnp.int32(num_steps), self._total)
            bad_steps = int(self._state.bad_steps)
        self._place()
        if bad_steps >= MAX_BAD_STEPS:
            self._give_up()

    def _place(self) -> None:
        """Brings the context to the state's step."""
        self._context.model = self._state.model
        n, batch_size = num_rows(self._data), self._plan.recipe.batch_size
        self._context.step = step = int(self._state.step)
        self._context.epoch = step / (n // batch_size) if n and batch_size else float(step)

    def _reason(self) -> str | None:
        """Why the run is over, if it is; asked of a resumed run too, which may have been."""
        patience, every = self._plan.patience, self._plan.every
        if patience is not None and self._best is not None:
            if self._context.step - int(self._best.step) >= patience * every and not self._report_is_due():
                return "early stopping"
        over = self._context.step >= self._plan.total and not self._report_is_due()
        return "finished" if over else None

    # --- reports

    def _report_is_due(self) -> bool:
        step = self._context.step
        boundary = step % self._plan.every == 0 or step == self._plan.total
        return boundary and step > int(self._state.interval.reported)

    def _report(self, request: Interruption) -> dict[str, Any] | None:
        """The report of this step, told to history and directory; `None` where a signal came first."""
        state, step = self._state, self._context.step
        valid = None
        if self._valid is not None:
            names = tuple(name for name in state.interval.sums if name != "gradient_norm")
            # the key is the run's and the same at every report, so that reports differ by the model alone
            valid = mean_terms(
                self._plan.recipe, names, state.model, self._valid, jr.fold_in(state.key, Stream.VALIDATION),
                pace=self._valid_pace, interrupted=lambda: bool(request),
            )  # fmt: skip
            if valid is None:
                return None
        line = self._line(valid)
        # the file first: a state on the disk then has all of its history on the disk
        if self._directory is not None:
            self._directory.append_metrics(_storable(line))
        self._context.history.append(line)
        if valid is not None and self._best is not None and valid["loss"] < self._best.loss:
            self._best = Best(valid["loss"], jnp.copy(state.step), copied(state.model))
        sums, count = jax.tree.map(jnp.zeros_like, (state.interval.sums, state.interval.count))
        self._state = replace(state, interval=Interval(sums, count, jnp.int32(step)))
        return line

    def _line(self, valid: dict[str, Array] | None) -> dict[str, Any]:
        interval, step = self._state.interval, self._context.step
        count = int(interval.count)
        line = {"step": step, "epoch": self._context.epoch}
        line["train"] = {
            name: float(value) / count if count else math.nan for name, value in interval.sums.items()
        }
        if valid is not None:
            line["valid"] = {name: float(value) for name, value in valid.items()}
        skipped = step - int(interval.reported) - count
        if skipped:
            line["skipped_steps"] = skipped
            _log.warning("%d steps up to step %d were not finite and were skipped.", skipped, step)
        return line | {"seconds": round(self._context.seconds, 3)}

    # --- checkpoints

    def _save(self) -> None:
        if self._directory is None or self._saved_step == self._context.step:
            return
        self._directory.save_state(self._context.step, named_arrays(replace(self._state, best=self._best)))
        self._saved_step = self._context.step

    def _check_end(self) -> None:
        """Refuses to call a run done that ended in nan or infinity, though too short for so many bad steps in a row.

        Raises:
            NonFiniteError: if no step of the last report was finite, or the validation loss or the weights are not.
        """
        history = self._context.history
        report = history[-1] if history else {}
        wrong = [
            name
            for name, part in (
                ("loss of every step of the last report", "train"),
                ("validation loss", "valid"),
            )
            if not math.isfinite(report.get(part, {}).get("loss", 0.0))
        ]
        trained = eqx.filter(self._state.model, self._plan.recipe.trained)
        wrong += ["weights"] * (not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(trained)))
        if wrong:
            are = "are" if len(wrong) > 1 or wrong == ["weights"] else "is"
            raise NonFiniteError(
                self._context.step,
                f"the {', the '.join(wrong)} {are} not finite at the end of the run: lower the learning rate, "
                "or scale the data",
            )

    def _give_up(self) -> None:
        cause = likely_cause(self._plan.recipe, self._data, self._state, self._plan.total)
        kept = "no state was saved before"
        if self._directory is not None and self._saved_step:
            kept = f"the state of step {self._saved_step} is kept in {self._directory.path}"
        raise NonFiniteError(
            self._context.step, f"{cause} ({MAX_BAD_STEPS} steps in a row were skipped; {kept})"
        )


def _storable(line: dict[str, Any]) -> dict[str, Any]:
    """The line without nan and infinity, which JSON cannot hold: null stands for them."""
    return {
        name: {k: v if math.isfinite(v) else None for k, v in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in line.items()
    }


def _restored(line: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {k: math.nan if v is None else v for k, v in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in line.items()
    }
