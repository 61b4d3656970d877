"""What a run survives: signals, kills, full disks, rivals, batches that are not finite."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from latlas.core import (
    CorruptFileError,
    InterruptedRunError,
    NonFiniteError,
    RunInUseError,
    WorkError,
    named_arrays,
)
from latlas.core.storage import _files as files
from latlas.training import Adam, Optax, Reports, Trainer

KEY = jr.key(5)
ROOT = Path(__file__).resolve().parents[2]


class Signals:
    """Raises a signal within a run, once, when it has done so many steps."""

    def __init__(self, step, *numbers):
        self.step, self.numbers = step, numbers

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        if context.step >= self.step:
            numbers, self.numbers = self.numbers, ()
            for number in numbers:
                signal.raise_signal(number)


def without_seconds(history):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in history]


@pytest.fixture
def trainer(objective):
    return Trainer(objective, Adam(0.05), num_steps=40, batch_size=10, reports=Reports(8))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_leaves_a_run_that_resumes_to_the_same_bits(trainer, model, rows, run, same, name):
    alone = trainer.fit(KEY, model, rows, valid=rows)
    handlers = signal.getsignal(signal.Signals[name])
    with pytest.raises(InterruptedRunError, match=f"{name}.*resume") as error:
        trainer.fit(KEY, model, rows, valid=rows, run=run, callbacks=[Signals(11, signal.Signals[name])])
    assert error.value.cause == name
    assert signal.getsignal(signal.Signals[name]) == handlers
    assert run.latest_state()[0] == error.value.step
    assert run.verify() == []
    resumed = trainer.fit(KEY, model, rows, valid=rows, run=run)
    assert same(resumed.state, alone.state)
    assert same(resumed.model, alone.model)
    assert without_seconds(resumed.history) == without_seconds(alone.history)
    assert without_seconds(run.read_metrics()) == without_seconds(alone.history)
    seconds = [line["seconds"] for line in resumed.history]
    assert seconds == sorted(seconds)


def test_a_run_goes_on_with_its_own_key_whatever_key_comes(trainer, model, rows, run, same):
    alone = trainer.fit(KEY, model, rows, valid=rows)
    with pytest.raises(InterruptedRunError):
        trainer.fit(KEY, model, rows, valid=rows, run=run, callbacks=[Signals(11, signal.SIGTERM)])
    assert same(trainer.fit(jr.key(999), model, rows, valid=rows, run=run).state, alone.state)


def test_a_second_interrupt_is_immediate(trainer, model, rows, run):
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(KEY, model, rows, run=run, callbacks=[Signals(1, signal.SIGINT, signal.SIGINT)])
    assert trainer.fit(KEY, model, rows, run=run).reason == "finished"


def test_without_a_directory_an_interrupt_is_what_it_always_is(trainer, model, rows):
    # a process that a shell put in the background was told to ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(KEY, model, rows, callbacks=[Signals(1, signal.SIGINT)])
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_within_validation_leaves_the_report_to_the_resumed_run(model, rows, run, same):
    """Every validation chunk asks; the signal comes from inside the first of them."""
    state = {"armed": False}

    def shout(value):
        if state["armed"]:
            state["armed"] = False
            os.kill(os.getpid(), signal.SIGTERM)
        return value

    def objective(key, model, batch, *, progress):
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        watched = jax.lax.cond(
            progress >= 1.0,
            lambda x: jax.pure_callback(shout, shape, x, vmap_method="sequential"),
            lambda x: x,
            jnp.float32(0.0),
        )
        noise = 0.01 * jr.normal(key, batch.y.shape)
        loss = jnp.mean((batch.x @ model.weight + model.bias + noise - batch.y) ** 2)
        return loss + jax.lax.stop_gradient(watched), {}

    trainer = Trainer(objective, Adam(0.05), num_steps=8, batch_size=10, reports=Reports(4))
    alone = trainer.fit(KEY, model, rows, valid=rows)
    state["armed"] = True
    with pytest.raises(InterruptedRunError) as error:
        trainer.fit(KEY, model, rows, valid=rows, run=run)
    assert error.value.step == 4
    assert run.read_metrics() == []
    resumed = trainer.fit(KEY, model, rows, valid=rows, run=run)
    assert same(resumed.state, alone.state)
    assert without_seconds(resumed.history) == without_seconds(alone.history)


def test_slow_steps_are_still_interrupted_soon(rows, run, model):
    def objective(key, model, batch, *, progress):
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        wait = jax.pure_callback(
            lambda x: (time.sleep(0.15), np.float32(x))[1], shape, jnp.float32(0.0), vmap_method="sequential"
        )
        return jnp.mean((model.bias - batch.y) ** 2) + jax.lax.stop_gradient(wait), {}

    class Later:
        sent = None

        def on_fit_task_end(self, estimator, context, *, metadata=None):
            if context.step >= 3 and self.sent is None:
                # from here on a signal can come at any moment of a stretch: at its beginning it waits longest
                signal.raise_signal(signal.SIGTERM)
                self.sent = time.monotonic()

    later = Later()
    with pytest.raises(InterruptedRunError):
        Trainer(objective, num_steps=10_000, batch_size=10).fit(KEY, model, rows, run=run, callbacks=[later])
    assert time.monotonic() - later.sent < 5


def test_a_second_trainer_refuses_and_names_the_first(trainer, model, rows, run):
    holder = (
        "import sys; from latlas.core import RunDirectory\n"
        "with RunDirectory.open(sys.argv[1]).lock():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", holder, str(run.path)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(RunInUseError, match=f"process {first.pid} "):
            trainer.fit(KEY, model, rows, run=run)
        first.stdin.close()
    assert trainer.fit(KEY, model, rows, run=run).reason == "finished"


def test_a_finished_run_resumes_to_what_it_was(trainer, model, rows, run, same):
    first = trainer.fit(KEY, model, rows, valid=rows, run=run)
    again = trainer.fit(KEY, model, rows, valid=rows, run=run)
    assert same(first.state, again.state)
    assert first.history == again.history


def test_a_run_that_stopped_early_stays_stopped(objective, model, rows, run, same):
    trainer = Trainer(objective, Adam(0.5), num_steps=400, batch_size=10, reports=Reports(4, patience=2))
    first = trainer.fit(KEY, model, rows, valid=rows, run=run)
    assert first.reason == "early stopping"
    again = trainer.fit(KEY, model, rows, valid=rows, run=run)
    assert again.reason == "early stopping"
    assert same(first.state, again.state)
    assert same(first.model, again.model)


def test_a_checkpoint_of_before_the_interval_had_a_name_is_resumed(trainer, model, rows, run, same):
    first = trainer.fit(KEY, model, rows, run=run)
    step, arrays = run.latest_state()
    assert ".interval.count" in arrays
    run.save_state(step, {name.removeprefix(".interval"): array for name, array in arrays.items()})
    assert same(first.state, trainer.fit(KEY, model, rows, run=run).state)


def test_another_model_cannot_resume_a_run(trainer, model, rows, run):
    trainer.fit(KEY, model, rows, run=run)
    with pytest.raises(CorruptFileError, match="another"):
        trainer.fit(KEY, model, rows, valid=rows, run=run)


def test_a_full_disk_leaves_the_last_state_intact(objective, model, rows, run, monkeypatch):
    trainer = Trainer(
        objective, Adam(0.05), num_steps=40, batch_size=10, reports=Reports(8, checkpoint_seconds=0.0)
    )
    write_all = files.write_all

    class DiskFills:
        def on_fit_task_end(self, estimator, context, *, metadata=None):
            if context.step >= 24:
                monkeypatch.setattr(files, "write_all", full)

    def full(descriptor, data):
        write_all(descriptor, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WorkError, match=r"disk is full.*Free some space"):
        trainer.fit(KEY, model, rows, run=run, callbacks=[DiskFills()])
    monkeypatch.setattr(files, "write_all", write_all)
    step, arrays = run.latest_state()
    assert 0 < step <= 24
    assert all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")
    assert run.verify() == []
    resumed = trainer.fit(KEY, model, rows, run=run)
    alone = trainer.fit(KEY, model, rows)
    assert named_arrays(resumed.state).keys() == named_arrays(alone.state).keys()
    assert all(
        np.array_equal(a, b)
        for a, b in zip(named_arrays(resumed.state).values(), named_arrays(alone.state).values(), strict=True)
    )


# --- steps that are not finite


@pytest.mark.parametrize(
    "optimizer", [pytest.param(Adam(0.1), id="adam"), pytest.param(Optax(optax.adam(0.1)), id="optax")]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
def test_one_bad_batch_is_skipped_and_training_goes_on(model, optimizer, bad):
    data = np.full((20, 1), 0.5, np.float32)
    data[7] = bad

    def objective(key, model, batch, *, progress):
        return jnp.mean((batch - model.bias) ** 2), {}

    result = Trainer(objective, optimizer, num_epochs=200, batch_size=5).fit(KEY, model, data)
    assert np.allclose(result.model.bias, 0.5, atol=1e-2)
    assert all(line["skipped_steps"] == 1 for line in result.history)
    assert all(np.isfinite(line["train"]["loss"]) for line in result.history)
    assert int(result.state.opt_state.count if optimizer == Adam(0.1) else 600) == 600


def test_a_report_without_a_finite_step_says_nan_and_is_stored(model, rows, run):
    def objective(key, model, batch, *, progress):
        return jnp.where(progress < 0.5, jnp.nan, 1.0) * jnp.mean((model.bias - batch.y) ** 2), {}

    trainer = Trainer(objective, num_steps=4, batch_size=10, reports=Reports(1))
    result = trainer.fit(KEY, model, rows, run=run)
    assert [bool(np.isfinite(line["train"]["loss"])) for line in result.history] == [False, False, True, True]
    assert run.read_metrics()[0]["train"]["loss"] is None
    again = trainer.fit(KEY, model, rows, run=run)
    assert np.isnan(again.history[0]["train"]["loss"])


def _bad_term(value, bias):
    return value, {"log_likelihood": value, "kl": bias}


def _bad_loss(value, bias):
    return value, {"kl": bias}


@jax.custom_jvp
def _steep(x):
    return x


@_steep.defjvp
def _steep_jvp(primals, tangents):
    return primals[0], tangents[0] * jnp.inf


CAUSES = {
    "term": (
        lambda late, b: _bad_term(jnp.where(late, jnp.nan, 1.0) * b, b),
        r"term log_likelihood is not finite.*data",
    ),
    "loss": (
        lambda late, b: _bad_loss(jnp.where(late, jnp.inf, 1.0) * b, b),
        r"loss is not finite.*learning rate",
    ),
    "gradient": (
        lambda late, b: (jax.lax.cond(late, _steep, lambda x: x, b), {}),
        r"gradient overflowed.*learning rate",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_endless_badness_stops_with_step_and_cause_and_keeps_the_last_state(model, rows, run, name):
    term, message = CAUSES[name]

    def objective(key, model, batch, *, progress):
        return term(progress >= 0.1, jnp.mean((model.bias - batch.y) ** 2))

    trainer = Trainer(objective, num_steps=1000, batch_size=10, reports=Reports(20, checkpoint_seconds=0.0))
    with pytest.raises(NonFiniteError, match=message) as error:
        trainer.fit(KEY, model, rows, run=run)
    # steps 0 to 99 are good, the five after them are not; the stretch ends there however long it was to be
    assert error.value.step == 105
    step, arrays = run.latest_state()
    assert f"the state of step {step} is kept" in str(error.value)
    assert all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")
    assert run.verify() == []


def test_badness_without_a_directory_says_that_nothing_was_saved(model, rows):
    def objective(key, model, batch, *, progress):
        return jnp.nan * model.bias, {}

    with pytest.raises(NonFiniteError, match="no state was saved") as error:
        Trainer(objective, num_steps=100).fit(KEY, model, rows)
    assert error.value.step == 5


# --- kills


def faults(number, tmp_path, reports):
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.faults"]
    done = subprocess.run(
        [*command, "--kills", str(number), "--reports", str(reports)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "src", "TMPDIR": str(tmp_path), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_killed_and_signalled_processes_resume_to_the_same_bits(tmp_path):
    found = faults(6, tmp_path, reports=15)
    assert found["kills"] == 6
    assert found["failures"] == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_resume_to_the_same_bits(tmp_path):
    found = faults(200, tmp_path, reports=60)
    assert found["kills"] == 200
    assert found["failures"] == []
