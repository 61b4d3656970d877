"""One small run, fitted through the command line, that the tests of all verbs share."""

import json
import subprocess
import sys

import numpy as np
import pytest

from latlas.cli import main


class Result:
    """Exit code and output of a call of `latlas`."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def latlas(capsys, monkeypatch):
    """Calls the command line in this process."""
    monkeypatch.setenv("LATLAS_CACHE", "")

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(exit_.value.code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def points():
    """Correlated reals, 120 x 5, on one plane but for a little noise."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(120, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(120, 5))).astype(
        np.float32
    )


@pytest.fixture(scope="session")
def files(tmp_path_factory, points):
    """A folder with `train.npz` (with labels), `test.npy` and the fitted run `run`."""
    folder = tmp_path_factory.mktemp("cli")
    np.savez(folder / "train.npz", x=points[:100], label=np.arange(100) % 3)
    np.save(folder / "test.npy", points[100:])
    command = [
        sys.executable,
        "-m",
        "latlas",
        "fit",
        folder / "train.npz",
        "--out",
        folder / "run",
        "--epochs",
        "3",
    ]
    command += ["--latent-dim", "2", "--hidden", "16", "16", "--batch-size", "20", "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "fit.json").write_text(done.stdout)
    return folder
