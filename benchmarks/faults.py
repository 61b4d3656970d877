"""Kills a small run at random moments, again and again, and compares what comes out with a run left alone.

`python -m benchmarks.faults --kills 200` prints one line per run and a summary as JSON. Every kill is a
SIGKILL to a child process somewhere between its first step and its last byte. After it the directory must
load and every file verify; a checkpoint at a report must be the very file (its name holds its digest) that
the uninterrupted run wrote; and at the end parameters, optimizer state and history (without `seconds`) must
be the same bits. Signals that ask politely are timed.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from latlas.core import InterruptedRunError, RunDirectory
from latlas.training import Adam, Reports, Schedule, Trainer

NUM_REPORTS = 60
STEPS_PER_REPORT = 40


class _Regression(eqx.Module):
    def __call__(self, key, model, batch, *, progress=1.0):
        hidden = jnp.tanh(batch["x"] @ model["in"]) + 0.1 * jr.normal(key, (batch["x"].shape[0], 16))
        return jnp.mean((hidden @ model["out"] - batch["y"]) ** 2), {"progress": jnp.float32(progress)}


def train(directory: RunDirectory, num_reports: int = NUM_REPORTS, callbacks=()) -> None:
    """The run that is killed: saves its state at every report and wherever a stretch ends."""
    x = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    data = {"x": x, "y": np.sin(x.sum(1))}
    model = {"in": 0.3 * jr.normal(jr.key(1), (8, 16)), "out": jnp.zeros(16)}
    num_steps = num_reports * STEPS_PER_REPORT
    rate = Schedule("cosine_decay_schedule", init_value=1e-2, decay_steps=num_steps)
    trainer = Trainer(
        _Regression(), Adam(rate), num_steps=num_steps, batch_size=16,
        reports=Reports(STEPS_PER_REPORT, checkpoint_seconds=0.0),
    )  # fmt: skip
    trainer.fit(jr.key(2), model, data, valid=data, run=directory, callbacks=callbacks)


class _States:
    """Notes the names of all states that a run left alone writes; they hold the digests of their content."""

    def __init__(self, directory: RunDirectory) -> None:
        self._folder, self.path = directory.path / "state", directory.path / "names.txt"

    def on_fit_task_begin(self, estimator, context):
        if self._folder.is_dir():
            with self.path.open("a") as file:
                file.writelines(f"{path.name}\n" for path in self._folder.glob("step-*.safetensors"))


def _child(directory: RunDirectory, cache: str, ready: int, *, noted: bool = False, num_reports: int) -> int:
    """The process id of a child that trains in the directory; it writes one byte to `ready` when it steps."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # XLA says much when it loads a compiled program
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        train(directory, num_reports, [_Ready(ready), *([_States(directory)] if noted else [])])
        code = 0
    except InterruptedRunError as error:
        code = 128 + signal.Signals[error.cause]
    except BaseException:
        (directory.path / "traceback.txt").write_text(traceback.format_exc())
    finally:
        os._exit(code)


class _Ready:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        if self._descriptor:
            os.write(self._descriptor, b".")
            self._descriptor = 0


def _started(directory: RunDirectory, cache: str, **options) -> int:
    """A child that has begun to step, or has ended."""
    reading, writing = os.pipe()
    pid = _child(directory, cache, writing, **options)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    return pid


def _wait(pid: int, seconds: float) -> int | None:
    """The exit code, negative for a signal; `None` if it still runs after these seconds."""
    limit = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= limit:
            return None
        time.sleep(0.002)


def content(directory: RunDirectory) -> tuple[dict, list]:
    """Final arrays as bytes, and the history without `seconds`."""
    _, arrays = directory.latest_state()
    history = [{k: v for k, v in line.items() if k != "seconds"} for line in directory.read_metrics()]
    return {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in arrays.items()}, history


def _wrong(directory: RunDirectory, names: set[str]) -> str | None:
    """What a kill broke, if anything."""
    directory = RunDirectory.open(directory.path)
    if problems := directory.verify():
        return problems[0]
    directory.latest_state()
    directory.read_metrics()
    for path in (directory.path / "state").glob("step-*.safetensors"):
        at_report = int(path.name.split("-")[1]) % STEPS_PER_REPORT == 0
        if at_report and path.name not in names:
            return f"{path.name} is not the state that the uninterrupted run had there"
    return None


def kills(folder: Path, number: int, seed: int, num_reports: int) -> dict:
    """Kills `number` children in as many runs as that takes; every run is resumed to its end."""
    draw, cache = random.Random(seed), str(folder / "cache")
    # twice: the first compiles, the second says how long the steps take; both must be the same
    for name in ("compiling", "reference"):
        reference = RunDirectory.create(folder / name, {})
        pid = _started(reference, cache, noted=True, num_reports=num_reports)
        began = time.monotonic()
        code = _wait(pid, 300)
        duration = time.monotonic() - began
        assert code == 0, (reference.path / "traceback.txt").read_text()
    names = set((reference.path / "names.txt").read_text().split())
    names |= {path.name for path in (reference.path / "state").iterdir()}
    expected = content(reference)
    assert content(RunDirectory.open(folder / "compiling")) == expected
    done, failures, runs = 0, [], 0
    while done < number:
        runs += 1
        directory, of_run = RunDirectory.create(folder / f"run-{runs}", {}), 0
        while True:
            pid = _started(directory, cache, num_reports=num_reports)
            # some delays lie past the end of a child that had little left to do: the last bytes are hit too
            delay = draw.uniform(0, duration / 2) if done < number else 300
            code = _wait(pid, delay)
            if code is None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                done, of_run = done + 1, of_run + 1
            if wrong := _wrong(directory, names):
                failures.append(wrong)
            if code is not None:
                break
        if code != 0 or content(directory) != expected:
            failures.append(f"{directory.path} ended otherwise than the uninterrupted run (exit code {code})")
        print(f"run {runs}: {of_run} kills, then finished; {done} of {number}", file=sys.stderr, flush=True)
    return {"kills": done, "runs": runs, "failures": failures, "seconds_of_a_run": round(duration, 2)}


def polite_signals(folder: Path) -> dict:
    """Seconds from each signal to the end of the process, its exit code, and whether a state was saved."""
    found, cache = {}, str(folder / "cache")
    for name in ("SIGTERM", "SIGINT", "SIGUSR1"):
        directory = RunDirectory.create(folder / name, {})
        pid = _started(directory, cache, num_reports=20 * NUM_REPORTS)
        began = time.monotonic()
        os.kill(pid, signal.Signals[name])
        code = _wait(pid, 60)
        found[name] = {
            "seconds": round(time.monotonic() - began, 3),
            "exit_code": code,
            "state_saved": directory.latest_state() is not None,
        }
    return found


def main(arguments: Sequence[str]) -> int:
    """Runs the faults and prints what was found as JSON; exit code 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--reports", type=int, default=NUM_REPORTS, help="length of a run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = kills(Path(folder), options.kills, options.seed, options.reports)
        found["signals"] = polite_signals(Path(folder))
    print(json.dumps(found, indent=2))
    polite = all(
        s["seconds"] < 5 and s["exit_code"] == 128 + signal.Signals[name] and s["state_saved"]
        for name, s in found["signals"].items()
    )
    return 0 if polite and not found["failures"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
