"""Callbacks: scikit-learn 1.9's `FitCallback` method names, called at the trainer's reports."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from latlas.core import RequestError

_log = logging.getLogger("latlas")
_METHODS = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")


@dataclass
class FitContext:
    """Where a run stands.

    Attributes:
        step: steps done.
        num_steps: steps of the whole run.
        epoch: passes over the data done, as a fraction.
        seconds: since the beginning, resumed parts included.
        history: the reports so far, one dict each.
        model: as it stands, to be looked at within the call only: the next stretch writes over its arrays;
            `None` in `fit_many`.
        reason: why the run ended, as in `FitResult`; empty until it has.
    """

    num_steps: int
    step: int = 0
    epoch: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    model: Any = None
    reason: str = ""


@runtime_checkable
class FitCallback(Protocol):
    """What a callback may have: scikit-learn's method names, each method optional.

    Arguments of scikit-learn's that are not passed here (`X`, `y`, `fitted_estimator`) keep their defaults. A
    callback that fails is left out from there on, with one warning; it never stops a run.
    """

    def setup(self, estimator: Any, context: FitContext) -> None:
        """Once, before the first step."""

    def on_fit_task_begin(self, estimator: Any, context: FitContext) -> None:
        """Before each stretch of steps."""

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None
    ) -> bool | None:
        """After each stretch; `metadata` is the report where one was due. Returning `True` ends the run."""

    def teardown(self, estimator: Any, context: FitContext) -> None:
        """Once, after the last step, also where the run failed."""


def scalars(report: Mapping[str, Any]) -> dict[str, float]:
    """The terms of a report as `train/elbo`, `valid/elbo` and so on; of many runs in step as `train/elbo/0` and so on."""
    found = {}
    for part in ("train", "valid"):
        for name, value in report.get(part, {}).items():
            values = np.asarray(value, float)
            places = [""] if values.ndim == 0 else [f"/{run}" for run in range(values.size)]
            entries = zip(places, values.ravel().tolist(), strict=True)
            found |= {f"{part}/{name}{place}": one for place, one in entries}
    return found


def checked_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """The callbacks of a list.

    Raises:
        RequestError: if they stand in none, or one has no method that is ever called.
    """
    if isinstance(callbacks, str | bytes) or not isinstance(callbacks, Iterable):
        got = "None" if callbacks is None else f"a {type(callbacks).__name__}"
        raise RequestError(
            f"callbacks takes a list of callbacks; got {got}: give `[callback]` for one, and leave it out for none."
        )
    callbacks = tuple(callbacks)
    for callback in callbacks:
        if not any(callable(getattr(callback, name, None)) for name in _METHODS):
            raise RequestError(
                f"A callback is an object with one or more of the methods {', '.join(_METHODS)}; got a "
                f"{type(callback).__name__}, of which none would be called: give an object with one of them."
            )
    return callbacks


class Callbacks:
    """Several callbacks as one, none of which can stop a run by failing."""

    def __init__(self, estimator: Any, callbacks: Sequence[Any]) -> None:
        self._estimator, self._callbacks = estimator, list(checked_callbacks(callbacks))

    def call(self, name: str, context: FitContext, **arguments: Any) -> bool:
        """Calls the method of every callback that has it; `True` where one asked to stop."""
        stop = False
        for callback in tuple(self._callbacks):
            method = getattr(callback, name, None)
            if method is None:
                continue
            try:
                stop |= method(self._estimator, context, **arguments) is True
            except Exception:
                _log.warning("The callback %r failed and is left out from here on.", callback, exc_info=True)
                self._callbacks.remove(callback)
        return stop
