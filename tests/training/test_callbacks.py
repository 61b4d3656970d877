"""Progress and trackers: right numbers, plain where it must be, and never in the way of a run."""

import importlib
import io
import logging
import signal
import sys
import types
from pathlib import Path

import jax.random as jr
import numpy as np
import pytest
from rich.console import Console

from latlas.core import InterruptedRunError
from latlas.training import Adam, FitContext, PlainProgress, ProgressBar, Reports, Trainer, progress

KEY = jr.key(1)
ESCAPE = "\x1b"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def trainer(objective):
    return Trainer(objective, Adam(0.05), num_steps=40, batch_size=10, reports=Reports(8))


def test_a_terminal_gets_a_bar_and_anything_else_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(progress(Terminal()), ProgressBar)
    assert isinstance(progress(io.StringIO()), PlainProgress)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", None)  # as in a service
        progress().teardown(None, FitContext(num_steps=1))
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress(Terminal()), PlainProgress)


def test_the_bar_shows_rate_time_and_measures(trainer, model, rows):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    trainer.fit(KEY, model, rows, valid=rows, callbacks=[ProgressBar(console)])
    shown = stream.getvalue()
    for part in ("compiling", "100 %", "steps/s", "loss", "valid", "left"):
        assert part in shown


def test_the_bar_has_no_colour_where_none_is_wanted(trainer, model, rows, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    trainer.fit(KEY, model, rows, callbacks=[progress(stream)])
    assert f"{ESCAPE}[36m" not in stream.getvalue()
    assert f"{ESCAPE}[32m" not in stream.getvalue()


def test_plain_progress_is_lines_without_control_characters(trainer, model, rows):
    stream = io.StringIO()
    trainer.fit(KEY, model, rows, valid=rows, callbacks=[PlainProgress(stream, seconds=0.0)])
    text = stream.getvalue()
    assert "\r" not in text
    assert ESCAPE not in text
    last = text.splitlines()[-1]
    assert last.startswith("step 40 of 40 (100%), epoch 8, ")
    assert "in all" in last


def test_plain_progress_waits_between_lines(trainer, model, rows):
    stream = io.StringIO()
    trainer.fit(KEY, model, rows, callbacks=[PlainProgress(stream, seconds=1e6)])
    assert len(stream.getvalue().splitlines()) == 1


def test_a_resumed_run_counts_from_where_it_stands(trainer, model, rows, run):
    class Stop:
        def on_fit_task_end(self, estimator, context, *, metadata=None):
            if context.step >= 16:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(InterruptedRunError) as error:
        trainer.fit(KEY, model, rows, run=run, callbacks=[Stop()])
    stream, bar = io.StringIO(), io.StringIO()
    console = Console(file=bar, force_terminal=True, width=120)
    trainer.fit(KEY, model, rows, run=run, callbacks=[PlainProgress(stream), ProgressBar(console)])
    assert stream.getvalue().splitlines()[0] == f"resumed at step {error.value.step} of 40"
    assert f"{100 * error.value.step / 40:3.0f} %" in bar.getvalue()
    assert "  0 %" not in bar.getvalue()


def test_a_callback_that_fails_is_left_out_with_one_warning(trainer, model, rows, caplog):
    class Broken:
        def on_fit_task_end(self, estimator, context, *, metadata=None):
            raise RuntimeError("no network")

    with caplog.at_level(logging.WARNING):
        assert trainer.fit(KEY, model, rows, callbacks=[Broken()]).reason == "finished"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "left out" in caplog.records[0].getMessage()


def test_teardown_comes_also_where_a_run_fails(model, rows):
    class Watch:
        ended = False

        def teardown(self, estimator, context):
            self.ended = True

    def objective(key, model, batch, *, progress):
        return float("nan") * model.bias, {}

    watch = Watch()
    with pytest.raises(RuntimeError):
        Trainer(objective, num_steps=30).fit(KEY, model, rows, callbacks=[watch])
    assert watch.ended


class Calls(list):
    def record(self, name, result=None):
        def call(*args, **kwargs):
            self.append((name, args, kwargs))
            return result

        return call


@pytest.fixture
def imported(monkeypatch):
    """A submodule imported anew, with a stand-in for the package that it adapts."""

    def import_with(submodule, package, **names):
        stand_in = types.ModuleType(package)
        vars(stand_in).update(names)
        monkeypatch.setitem(sys.modules, package, stand_in)
        monkeypatch.delitem(sys.modules, f"latlas.training.{submodule}", raising=False)
        module = importlib.import_module(f"latlas.training.{submodule}")
        monkeypatch.delitem(sys.modules, f"latlas.training.{submodule}")
        return module

    return import_with


def test_tensorboard_gets_every_term_of_every_report(imported, trainer, model, rows):
    calls = Calls()
    writer = types.SimpleNamespace(add_scalar=calls.record("add_scalar"), close=calls.record("close"))
    module = imported("tensorboard", "tensorboardX", SummaryWriter=calls.record("open", writer))
    result = trainer.fit(KEY, model, rows, valid=rows, callbacks=[module.TensorBoard("logs")])
    assert calls[0] == ("open", ("logs",), {"purge_step": 1})
    assert calls[-1][0] == "close"
    scalars = {(args[0], args[2]): args[1] for name, args, _ in calls if name == "add_scalar"}
    assert scalars == {
        (f"{part}/{name}", line["step"]): value
        for line in result.history for part in ("train", "valid") for name, value in line[part].items()
    }  # fmt: skip


@pytest.fixture
def mlflow(imported):
    """What is called of MLflow, and its adapter."""
    calls = Calls()
    started = types.SimpleNamespace(info=types.SimpleNamespace(run_id="r1"))
    start, log, end = calls.record("start", started), calls.record("log"), calls.record("end")
    return calls, imported("mlflow", "mlflow", start_run=start, log_metrics=log, end_run=end)


def test_mlflow_gets_every_term_of_every_report(mlflow, trainer, model, rows):
    calls, module = mlflow
    result = trainer.fit(KEY, model, rows, callbacks=[module.MLflow(run_name="digits")])
    assert calls[0] == ("start", (), {"run_name": "digits"})
    assert calls[-1][0] == "end"
    logged = [(args[0]["train/loss"], kwargs) for name, args, kwargs in calls if name == "log"]
    assert logged == [
        (line["train"]["loss"], {"step": line["step"], "run_id": "r1"}) for line in result.history
    ]


@pytest.mark.parametrize(("submodule", "package"), [("tensorboard", "tensorboardX"), ("mlflow", "mlflow")])
def test_a_tracker_that_fails_stops_no_run(imported, trainer, model, rows, caplog, submodule, package):
    def fail(*args, **kwargs):
        raise ConnectionError("no network")

    module = imported(submodule, package, SummaryWriter=fail, start_run=fail)
    callback = module.TensorBoard("logs") if submodule == "tensorboard" else module.MLflow()
    assert trainer.fit(KEY, model, rows, callbacks=[callback]).reason == "finished"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("submodule", ["tensorboard", "mlflow"])
def test_an_adapter_is_at_most_forty_lines(submodule):
    folder = Path(sys.modules["latlas.training"].__file__).parent
    assert len((folder / f"{submodule}.py").read_text().splitlines()) <= 40


def test_mlflow_gets_a_metric_of_each_of_many_runs(mlflow):
    calls, module = mlflow
    callback = module.MLflow()
    context = FitContext(num_steps=3)
    callback.setup(None, context)
    report = {"step": 3, "train": {"elbo": np.array([-1.0, np.nan]), "beta": 1.0}}
    callback.on_fit_task_end(None, context, metadata=report)
    assert calls[-1] == ("log", ({"train/elbo/0": -1.0, "train/beta": 1.0},), {"step": 3, "run_id": "r1"})


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_that_stopped_early_does_not_look_unfinished(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal() if terminal else io.StringIO()
    shown = progress(stream)
    context = FitContext(num_steps=300, step=100, epoch=20.0, seconds=3.0)
    shown.setup(None, context)
    context.reason = "early stopping"
    shown.teardown(None, context)
    text = " ".join(stream.getvalue().split())
    assert "stopped early" in text
    assert (not terminal) or "100 %" in text
