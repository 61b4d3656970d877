"""Progress as callbacks: a live bar on a terminal, a plain line now and then anywhere else."""

import math
import os
import sys
import time
from io import TextIOBase
from typing import Any, TextIO

import lazy_loader
import numpy as np

from latlas.training._callbacks import FitContext

# who draws no bar waits for none
rich_console = lazy_loader.load("rich.console", suppress_warning=True)
rich_progress = lazy_loader.load("rich.progress", suppress_warning=True)

# shown of a report, the first that it has; nats per example where it is an elbo
_MEASURES = ("elbo", "iwae_bound", "loss")


class ProgressBar:
    """A live bar on a terminal: share done, rate, time to go, and the last report's elbo (or loss).

    It draws when the trainer wakes, twice a second, and never from a thread of its own, so it takes no
    time from the steps. Colours follow `NO_COLOR`.

    Attributes:
        console: the `rich.console.Console` where it draws; standard error by default.
        description: a word before the bar.
    """

    def __init__(self, console: Any = None, description: str = "fit") -> None:
        self.console, self.description = console or rich_console.Console(stderr=True), description
        self._rate = _Rate()

    def setup(self, estimator: Any, context: FitContext) -> None:
        """Shows the bar where the run stands, which after a resume is not its beginning."""
        text, bar = rich_progress.TextColumn, rich_progress.BarColumn
        self._progress = rich_progress.Progress(
            text("[bold]{task.description}"),
            bar(bar_width=None, complete_style="cyan", finished_style="green"),
            text("[bold]{task.percentage:3.0f} %"),
            text("[dim]{task.fields[status]}"),
            text("{task.fields[measures]}"),
            console=self.console,
            auto_refresh=False,
            expand=True,
        )
        self._task = self._progress.add_task(
            self.description,
            total=context.num_steps,
            completed=context.step,
            status="compiling",
            measures=measures(context),
        )
        self._progress.start()
        self._progress.refresh()

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """Moves the bar."""
        self._rate.update(context.step)
        status = joined(self._rate.text(), self._rate.time_to_go(context))
        self._progress.update(
            self._task, completed=context.step, status=status, measures=measures(context), refresh=True
        )

    def teardown(self, estimator: Any, context: FitContext) -> None:
        """Leaves the bar as it stands at the end, with the time that the run took."""
        status = joined(ended(context), self._rate.text(), duration(context.seconds))
        # a run that stopped early is done: its bar is full
        total = context.step if context.reason else context.num_steps
        self._progress.update(
            self._task,
            total=total,
            completed=context.step,
            status=status,
            measures=measures(context),
            refresh=True,
        )
        self._progress.stop()


class PlainProgress:
    """A line of plain text at most every so many seconds: for log files, pipes and batch jobs.

    Attributes:
        stream: where it writes; standard error by default.
        seconds: between two lines; the last line is always written.
    """

    def __init__(self, stream: TextIO | TextIOBase | None = None, seconds: float = 10.0) -> None:
        self.stream, self.seconds = stream or _standard_error(), seconds
        self._rate, self._written = _Rate(), None

    def setup(self, estimator: Any, context: FitContext) -> None:
        """Begins to count; a resumed run says where it goes on."""
        self._last = time.monotonic()
        if context.step:
            self._write(f"resumed at step {context.step} of {context.num_steps}")

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """Writes a line where one is due."""
        self._rate.update(context.step)
        if time.monotonic() - self._last >= self.seconds:
            self._last = time.monotonic()
            self._line(context, self._rate.time_to_go(context))

    def teardown(self, estimator: Any, context: FitContext) -> None:
        """Writes where the run ended."""
        self._line(context, joined(ended(context), f"{duration(context.seconds)} in all"))

    def _line(self, context: FitContext, time_text: str) -> None:
        where = (
            f"step {context.step} of {context.num_steps} ({share(context):.0%}), epoch {context.epoch:.3g}"
        )
        self._write(joined(where, self._rate.text(), time_text, measures(context)))

    def _write(self, text: str) -> None:
        self.stream.write(f"{text}\n")
        self.stream.flush()


def progress(stream: TextIO | TextIOBase | None = None) -> ProgressBar | PlainProgress:
    """The progress callback that fits a stream: a bar on a terminal, plain lines elsewhere.

    Args:
        stream: standard error by default.
    """
    target = stream or _standard_error()
    if target.isatty() and os.environ.get("TERM") != "dumb":
        return ProgressBar(rich_console.Console(file=target))
    return PlainProgress(target)


def _standard_error() -> TextIO | TextIOBase:
    """Where nobody hears it in a process that has no standard error, as a service's."""
    return open(os.devnull, "w") if sys.stderr is None else sys.stderr


class _Rate:
    """Steps per second, the recent ones weighing most."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self.value = math.nan

    def update(self, step: int) -> None:
        now = time.monotonic()
        # the first stretch holds the compilation, and begins at a resumed run's step and not at zero
        if self._last is not None and step > self._last[0]:
            seconds = max(now - self._last[1], 1e-9)
            recent, weight = (step - self._last[0]) / seconds, 1 - math.exp(-seconds / 5.0)
            self.value = recent if math.isnan(self.value) else self.value + weight * (recent - self.value)
        self._last = (step, now)

    def time_to_go(self, context: FitContext) -> str:
        known = not math.isnan(self.value)
        return f"{duration((context.num_steps - context.step) / self.value)} left" if known else ""

    def text(self) -> str:
        return "" if math.isnan(self.value) else f"{self.value:,.{0 if self.value >= 10 else 2}f} steps/s"


def joined(*parts: str) -> str:
    """The parts that say something, with commas between."""
    return ", ".join(filter(None, parts))


def ended(context: FitContext) -> str:
    """How a run ended before its last step; empty for one that did not."""
    if context.step >= context.num_steps:
        return ""
    named = {
        "early stopping": "stopped early: no better validation loss",
        "callback": "stopped by a callback",
    }
    return named.get(context.reason, "")


def share(context: FitContext) -> float:
    """The part of the run that is done, in [0, 1]."""
    return context.step / context.num_steps


def measures(context: FitContext) -> str:
    """The last report in a few words: `elbo -102.31, valid -103.05`; empty before the first."""
    if not context.history:
        return ""
    report = context.history[-1]
    name = next((name for name in _MEASURES if name in report["train"]), "loss")
    valid = f", valid {report['valid'][name]:.2f}" if "valid" in report else ""
    # of several runs at once, their mean
    value = float(np.mean(report["train"][name]))
    return f"{name} {value:.{2 if abs(value) >= 1 else 4}f}{valid}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
