"""`inspect` shows what was fitted, and finds what loading would refuse."""

import json
import shutil

import numpy as np
import pytest

from latlas.cli import _words
from latlas.cli._inspection import inspected
from latlas.core import RunDirectory
from latlas.core.storage._json import SEAL, seal


@pytest.fixture
def run(files, tmp_path):
    """A copy of the fitted run."""
    shutil.copytree(files / "run", tmp_path / "run")
    return RunDirectory.open(tmp_path / "run")


def test_a_sound_run_shows_what_was_fitted(run):
    found = inspected(run)
    assert (found["problems"], found["finished"], found["likelihood"]) == ([], True, "gaussian")
    assert sum(np.prod(shape) for _, shape in found["arrays"].values()) > 100
    told = _words.inspection(json.loads(json.dumps(found)))
    assert "likelihood: gaussian. The data are real numbers" in told
    assert "Every file is sound." in told


def test_weights_of_another_shape_are_found_as_loading_finds_them(run):
    arrays = run.load_model()
    name = next(name for name in arrays if "weight" in name)
    run.save_model(arrays | {name: arrays[name][:-1]})
    (problem,) = inspected(run)["problems"]
    assert name in problem
    assert "belongs to another model" in problem


def test_weights_that_are_not_finite_are_found(run, monkeypatch):
    arrays = run.load_model()
    name = next(name for name in arrays if "weight" in name)
    with monkeypatch.context() as patch:
        patch.setattr("latlas.core.storage._run_directory.not_finite", lambda _: None)
        run.save_model(arrays | {name: arrays[name] * np.float32("nan")})
    (problem,) = inspected(run)["problems"]
    assert "not finite" in problem
    assert name in problem


@pytest.mark.parametrize("model", [None, 3, {"likelihood": 3}, []])
def test_a_configuration_that_describes_no_model_is_a_problem_and_no_error(run, model):
    path = run.path / "config.json"
    stored = json.loads(path.read_bytes())
    del stored["sha256"]
    stored["config"]["model"] = model
    path.write_bytes(seal(json.dumps(stored).encode()[:-1], SEAL))
    found = inspected(RunDirectory.open(run.path))
    assert len(found["problems"]) == 1
    assert "problem: " in _words.inspection(found)
