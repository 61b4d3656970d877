"""A fit that is told to stop leaves a run that goes on, to the bits of one that was left alone."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from latlas.core import RunDirectory


def start(files, out, *more):
    command = [
        sys.executable,
        "-m",
        "latlas",
        "fit",
        files / "train.npz",
        "--out",
        out,
        "--epochs",
        "1500",
        "--json",
    ]
    command += ["--latent-dim", "2", "--hidden", "16", "16", "--batch-size", "20", "--patience", "0", *more]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_reports(run, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        path = run / "metrics.jsonl"
        if path.exists() and len(path.read_bytes().splitlines()) > 2:
            return
        time.sleep(0.02)
    pytest.fail(f"no reports came: {process.communicate()}")


@pytest.mark.parametrize(
    "name", ["SIGTERM", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGINT", "SIGUSR1"))]
)
def test_a_signal_saves_the_run_and_resume_goes_on_to_the_same_bits(files, tmp_path, name):
    interrupted = start(files, tmp_path / "a")
    wait_for_reports(tmp_path / "a", interrupted)
    interrupted.send_signal(getattr(signal, name))
    began = time.monotonic()
    out, err = interrupted.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert interrupted.returncode == 128 + getattr(signal, name), err
    assert out == ""
    assert "resume" in err
    assert "Traceback" not in err
    if name != "SIGTERM":  # one pair of whole runs is enough
        return
    resumed, whole = start(files, tmp_path / "a", "--resume"), start(files, tmp_path / "b")
    for process in (resumed, whole):
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
    models = [RunDirectory.open(tmp_path / run).load_model() for run in "ab"]
    histories = [RunDirectory.open(tmp_path / run).read_metrics() for run in "ab"]
    for line in (*histories[0], *histories[1]):
        line.pop("seconds")
    assert histories[0] == histories[1]
    assert models[0].keys() == models[1].keys()
    for key in models[0]:
        np.testing.assert_array_equal(models[0][key], models[1][key])
