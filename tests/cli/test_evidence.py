"""`evaluate --bound`, `evaluate --gap`, `diagnose`, `encode --refine`: what they print, keep and refuse."""

import json

import numpy as np
import pytest

SHORT = ("--num-samples", 50, "--temperatures", 20, "--chains", 4, "--max-examples", 8)


@pytest.mark.parametrize(
    "bound", ["iwae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ais", "bracket"))]
)
def test_a_bound_adds_both_sides_and_what_they_certify(latlas, files, bound):
    found = latlas("evaluate", files / "run", files / "test.npy", "--bound", bound, *SHORT, "--json").json
    lower, upper = found["bracket"]["lower"], found["bracket"]["upper"]
    error = np.hypot(lower["standard_error"], upper["standard_error"])
    assert lower["value"] <= upper["value"] + 3 * error
    assert found["bracket"]["upper_is_bound"] is False
    assert found["bracket"]["num_examples"] == 8
    assert found["bracket"]["elbo"]["value"] <= lower["value"] + 3 * error  # of the same 8 rows
    assert found["bracket"]["elbo"] != found["elbo"]
    assert found["certificate"]["num_examples"] == 8
    assert found["num_examples"] == 20  # the rest is still measured on all rows


def test_the_gap_is_split(latlas, files):
    found = latlas("evaluate", files / "run", files / "test.npy", "--gap", *SHORT, "--json").json["gap"]
    parts = found["approximation"]["value"] + found["amortization"]["value"]
    assert found["total"]["value"] == pytest.approx(parts, abs=1e-4)
    assert found["num_examples"] == 8


def test_both_are_told_in_words_and_kept_in_the_report(latlas, files):
    told = latlas("evaluate", files / "run", files / "test.npy", "--bound", "iwae", "--gap", *SHORT).out
    assert "from above (an estimate, no bound)" in told
    assert "amortisation" in told
    kept = json.loads((files / "run" / "evaluation.json").read_text())
    assert {"bracket", "gap"} <= set(kept.get("evaluation", kept))
    assert 'id="bracket"' in (files / "run" / "report.html").read_text()


def test_a_diagnosis_is_the_documented_object_and_outlives_an_evaluation(latlas, files):
    found = latlas(
        "diagnose", files / "run", files / "test.npy", "--train", files / "train.npz", "--json"
    ).json
    assert set(found) == {"findings", "healthy"}
    names = {"name", "severity", "measured", "threshold", "meaning", "remedy"}
    assert found["findings"]
    assert all(set(finding) == names for finding in found["findings"])
    assert not found["healthy"]  # three epochs teach nothing
    latlas("evaluate", files / "run", files / "test.npy", "--num-samples", 50)
    assert latlas("inspect", files / "run", "--json").json["evaluation"]["diagnosis"] == found


def test_a_diagnosis_in_words_names_findings_and_remedies(latlas, files):
    told = latlas("diagnose", files / "run", files / "test.npy").out
    assert "Remedy:" in told
    assert "healthy" in told


def test_refined_codes_are_written(latlas, files, tmp_path):
    arguments = ("encode", files / "run", files / "test.npy", "--refine", "--out", tmp_path / "z.npz")
    assert latlas(*arguments).code == 0
    plain = latlas("encode", files / "run", files / "test.npy", "--out", tmp_path / "plain.npz")
    assert plain.code == 0
    refined, amortised = np.load(tmp_path / "z.npz"), np.load(tmp_path / "plain.npz")
    assert refined["mean"].shape == amortised["mean"].shape
    assert not np.array_equal(refined["mean"], amortised["mean"])


@pytest.mark.parametrize("option", ["--temperatures", "--chains", "--max-examples"])
def test_a_count_below_one_is_refused_by_name(latlas, files, option):
    told = latlas("evaluate", files / "run", files / "test.npy", "--bound", "ais", option, 0)
    assert told.code == 2
    assert option in told.err


def test_an_unknown_bound_is_refused(latlas, files):
    told = latlas("evaluate", files / "run", files / "test.npy", "--bound", "elbo")
    assert told.code == 2
    assert "iwae" in told.err


@pytest.mark.slow
def test_a_cured_fit_says_what_it_did(latlas, files, tmp_path):
    arguments = ("fit", files / "train.npz", "--out", tmp_path / "run", "--epochs", 30, "--latent-dim", 2)
    arguments += ("--hidden", 16, "--batch-size", 20, "--beta", 100, "--cure", "auto", "--json")
    found = latlas(*arguments).json
    names = {"finding", "measured", "remedy", "attempt", "step", "why", "outcome"}
    assert found["treatments"]
    assert all(set(treatment) == names for treatment in found["treatments"])
    assert found["treatments"][0]["remedy"] in (tmp_path / "run" / "report.html").read_text()
