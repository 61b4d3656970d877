"""A config.json that somebody wrote again, its seal right: every verb names the wrong field, and `inspect` finds it."""

import json
import shutil

import jax.random as jr
import pytest
from tests.bayes.fake_fit import FakeFit

from latlas import bayes
from latlas.cli import _bayes as verb
from latlas.cli import _words
from latlas.cli._inspection import inspected
from latlas.core import RunDirectory
from latlas.core.storage._json import SEAL, seal

VALUES = [1e308, "x", True, {"x": 3}, None, 2**62, [], ["x"], {}]
BAYES = {"model": "m.py:f", "parameters": {"seed": 0}, "sources": {"m": "0"}}
# of these every wrong type is refused, and the message names them
OF_ATLAS = (
    "parameters",
    "model",
    "units",
    "data",
    "data.shape",
    "data.dtype",
    "seed",
    "likelihood_reason",
    "versions",
)
OF_ATLAS += ("feature_names", "model.hidden", "model.latent_dim", "model.likelihood", "parameters.epochs")
OF_BAYES = ("model", "parameters", "parameters.seed", "sources", "versions")


@pytest.fixture
def atlas(files, tmp_path):
    """A copy of the fitted run."""
    shutil.copytree(files / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def posterior(tmp_path, monkeypatch):
    """A run of `latlas bayes`."""
    monkeypatch.setattr(verb, "render_bayes", lambda data: f"<p>{data.run.options}{data.run.versions}</p>")
    return bayes.save(jr.key(0), tmp_path / "run", FakeFit(), config=BAYES).path


def rewritten(run, change):
    """Gives config.json another field or history, and its seal."""
    path = run / "config.json"
    stored = json.loads(path.read_bytes())
    del stored["sha256"]
    change(stored)
    path.write_bytes(seal(json.dumps(stored).encode()[:-1], SEAL))


def put(run, place, value):
    def change(stored):
        inner, (*outer, last) = stored["config"], place.split(".")
        for name in outer:
            inner = inner[name]
        inner[last] = value

    rewritten(run, change)


def places(config):
    for name, value in config.items():
        yield name
        yield from (f"{name}.{inner}" for inner in value) if isinstance(value, dict) else ()


def tried(latlas, run, *commands):
    """Every verb ends in words of ours about this field; what `inspect` finds of them."""
    codes = []
    for command in commands:
        result = latlas(*command)
        codes.append(result.code)
        assert result.code in (0, 1, 2)
        assert "an error of our own" not in result.err
        assert len(result.err.splitlines()) == (result.code != 0 and command[0] != "inspect"), result.err
    found = inspected(RunDirectory.open(run))
    assert _words.inspection(found)
    assert found["problems"] or all(code == 0 for code in codes)
    return found["problems"]


@pytest.mark.slow
def test_any_value_in_any_field_of_an_atlas_is_read_or_refused(latlas, files, atlas, tmp_path):
    whole = (atlas / "config.json").read_bytes()
    sample = ("sample", atlas, "--num", 2, "--out", tmp_path / "x.npy", "--overwrite")
    for place in places(json.loads(whole)["config"]):
        for value in VALUES[:4]:
            put(atlas, place, value)
            problems = tried(
                latlas, atlas, *((("inspect", atlas, "--json"), sample) if value == 1e308 else ())
            )
            if place in OF_ATLAS and value == 1e308:
                assert place.rpartition(".")[2] in problems[0]
            (atlas / "config.json").write_bytes(whole)


@pytest.mark.slow
def test_any_value_in_any_field_of_a_posterior_is_read_or_refused(latlas, posterior):
    whole = (posterior / "config.json").read_bytes()
    for place in places(json.loads(whole)["config"]):
        for value in VALUES:
            (posterior / "report.html").unlink(missing_ok=True)
            put(posterior, place, value)
            problems = tried(latlas, posterior, ("report", posterior))
            if place in OF_BAYES and value == 1e308:
                assert f"{place} is 1e+308" in problems[0]
            (posterior / "config.json").write_bytes(whole)


@pytest.mark.parametrize("place", ["parameters", "data", "feature_names", "seed"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_run_is_not_resumed_with_a_wrong_field(latlas, files, atlas, place, finished):
    put(atlas, place, 1e308)
    if not finished:
        rewritten(atlas, lambda stored: stored.update(history=None))
    resumed = latlas("fit", files / "train.npz", "--out", atlas, "--resume", "--latent-dim", 2)
    assert resumed.code == 1
    assert f"{place} is 1e+308, where" in resumed.err
    assert f"{place} is 1e+308, where" in inspected(RunDirectory.open(atlas))["problems"][0]


def test_a_posterior_is_not_resumed_as_an_atlas(latlas, files, posterior):
    resumed = latlas("fit", files / "train.npz", "--out", posterior, "--resume")
    assert resumed.code == 2
    assert "is a Bayesian fit" in resumed.err
    assert inspected(RunDirectory.open(posterior))["problems"] == []


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("data.shape", [100, 7], "data.shape is [100, 7], where rows of the shape [5]"),
        ("feature_names", ["a"] * 5, "feature_names holds 5 names, 1 of them different"),
        ("feature_names", ["a", "b"], "feature_names holds 2 names"),
        ("data.label", 3, "data.label is 3, where text, or null, was expected"),
        ("parameters.latent_dim", 0, "The option latent_dim takes"),
    ],
)
def test_fields_that_contradict_the_model_are_found(atlas, place, value, words):
    put(atlas, place, value)
    (problem,) = inspected(RunDirectory.open(atlas))["problems"]
    assert words in problem


def test_a_run_of_another_program_is_shown_whatever_its_config_holds(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {"data": "x.csv", "parameters": 3, "model": []})
    assert "Every file is sound." in _words.inspection(inspected(run))
