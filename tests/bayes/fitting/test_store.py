"""A fit comes back from the disk as it went there, and nothing of it is executed."""

import json
import warnings

import jax.random as jr
import numpy as np
import pytest
from tests.bayes.fake_fit import FakeFit

from latlas.bayes import load, save
from latlas.bayes.targets._coordinates import flat_draws, named_draws
from latlas.core import CorruptFileError, RequestError, RunDirectory, RunExistsError


@pytest.fixture
def run(tmp_path):
    return save(jr.key(1), tmp_path / "run", FakeFit(), config={"seed": 3})


def test_a_fit_comes_back_as_it_was(run):
    fit, stored = FakeFit(), load(run.path)
    for name in (
        "engine",
        "family",
        "verdict",
        "elbo",
        "log_evidence",
        "pareto_k",
        "num_evaluations",
        "seconds",
    ):
        assert getattr(stored, name) == getattr(fit, name)
    assert str(stored.verdict).startswith("trust: ")
    assert stored.ladder == fit.ladder
    assert stored.to_dict() == fit.to_dict()
    np.testing.assert_equal(
        [vars(check) for check in stored.diagnosis], [vars(check) for check in fit.diagnosis]
    )
    assert stored.summary() == fit.summary()
    for name, array in fit.sample(jr.key(1), 4000).items():
        np.testing.assert_array_equal(stored.draws[name], array)
        np.testing.assert_array_equal(stored.reference[name], fit.reference[name])
    assert stored.config["seed"] == 3
    assert run.finished
    assert run.verify() == []


def test_stored_draws_are_given_out_at_most_once(run):
    stored = load(run)
    some = stored.sample(jr.key(0), 1000)
    assert some["theta"].shape == (1000, 8)
    assert len(np.unique(some["mu"])) == 1000
    other = stored.sample(jr.key(1), 1000)
    assert len(np.intersect1d(some["mu"], other["mu"])) < 400, (
        "another key, other draws: 250 are expected in both"
    )
    rows = np.searchsorted(np.sort(stored.draws["mu"]), some["mu"])
    at = np.argsort(stored.draws["mu"])[rows]
    np.testing.assert_array_equal(some["theta"], stored.draws["theta"][at], err_msg="rows stay together")
    with pytest.raises(RequestError, match=r"5,000 draws .* 4,000 are stored"):
        stored.sample(jr.key(0), 5000)


def test_fewer_draws_are_kept_of_many_parameters(tmp_path):
    run = save(jr.key(0), tmp_path / "run", FakeFit(reference=False, num_entries=2000))
    assert load(run).draws["theta"].shape == (2095, 2000)
    assert load(run).reference is None


def test_the_draws_leave_for_arviz(run):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a banner about the next major version
        arviz = pytest.importorskip("arviz")
    stored = load(run)
    tree = stored.to_arviz()
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "theta_dim_0")
    nuts = stored.to_arviz(reference=True)["posterior"]
    np.testing.assert_array_equal(nuts["theta"].values, stored.reference["theta"])
    summary = arviz.summary(tree, round_to="none", kind="stats")
    assert summary.loc["mu", "mean"] == pytest.approx(stored.draws["mu"].mean())
    assert len(summary) == len(stored.summary())


def test_what_is_no_bayesian_fit_or_is_damaged_is_named(run, tmp_path):
    with pytest.raises(RequestError, match="no run directory"):
        load(tmp_path / "none")
    other = RunDirectory.create(tmp_path / "other", {"estimator": "Atlas"})
    with pytest.raises(RequestError, match="holds no Bayesian fit"):
        load(other)
    path = run.path / "model.safetensors"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(CorruptFileError, match=r"model\.safetensors"):
        load(run)
    path.write_bytes(sound)
    record = run.read_evaluation()
    run.write_evaluation({name: value for name, value in record.items() if name != "ladder"})
    with pytest.raises(CorruptFileError, match="ladder"):
        load(run)


def test_nothing_is_overwritten_unasked(run):
    with pytest.raises(RunExistsError, match="--overwrite"):
        save(jr.key(0), run.path, FakeFit())
    save(jr.key(0), run.path, FakeFit("do not trust", reference=False), overwrite=True)
    assert load(run).verdict.kind == "do not trust"
    assert load(run).reference is None
    with pytest.raises(RequestError, match="no reference"):
        load(run).to_arviz(reference=True)


def test_the_files_are_arrays_and_strict_json(run):
    assert {path.name for path in run.path.iterdir()} - {".lock"} == {
        "config.json",
        "model.safetensors",
        "evaluation.json",
    }
    text = (run.path / "evaluation.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["evaluation"]["ladder"][0]["elbo"] is None


def test_draws_are_named_entry_by_entry():
    draws = named_draws({"a": np.zeros(5), "b": {"c": np.arange(30.0).reshape(5, 3, 2)}})
    flat = flat_draws(draws)
    assert list(flat) == ["a", "b.c[0,0]", "b.c[0,1]", "b.c[1,0]", "b.c[1,1]", "b.c[2,0]", "b.c[2,1]"]
    np.testing.assert_array_equal(flat["b.c[1,1]"], draws["b.c"][:, 1, 1])
    chains = flat_draws({"a": np.arange(12.0).reshape(2, 3, 2)}, num_axes=2)
    np.testing.assert_array_equal(chains["a[1]"], [[1, 3, 5], [7, 9, 11]])
    assert list(flat_draws(named_draws(np.zeros((4, 2))))) == ["x[0]", "x[1]"]


@pytest.mark.parametrize(
    "name", ["approximation", "density", "target", "model", "posterior", "candidate", "mean"]
)
def test_what_was_not_kept_is_named(run, name):
    with pytest.raises(RequestError, match=r"read from the disk.*Fit the model again"):
        getattr(load(run), name)
