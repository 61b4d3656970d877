"""The verbs on a real run: what they print and what they write."""

import json
import shutil

import numpy as np

import latlas as library


def test_fit_prints_the_documented_object_and_nothing_else(files):
    found = json.loads((files / "fit.json").read_text())
    assert set(found) == {"run", "likelihood", "epochs", "elbo", "seconds"}
    assert set(found["elbo"]) == {"train", "valid"}
    assert found["likelihood"] == "gaussian"
    assert found["epochs"] == 3


def test_fit_leaves_a_run_with_a_report(files):
    names = {path.name for path in (files / "run").iterdir()}
    assert {"config.json", "model.safetensors", "metrics.jsonl", "report.html", "state"} <= names


def test_evaluate_prints_the_documented_object(latlas, files):
    found = latlas("evaluate", files / "run", files / "test.npy", "--num-samples", 50, "--json").json
    numbers = {"rate", "distortion", "information", "active_units", "num_examples", "of_fit"}
    assert set(found) == {"log_evidence", "elbo"} | numbers
    assert found["of_fit"] is False
    names = {"value", "standard_error", "num_samples", "effective_sample_size", "pareto_k", "reliable"}
    assert set(found["log_evidence"]) == names
    assert set(found["elbo"]) == {"value", "standard_error"}
    assert found["num_examples"] == 20
    assert (
        found["elbo"]["value"] <= found["log_evidence"]["value"] + 3 * found["log_evidence"]["standard_error"]
    )
    np.testing.assert_allclose(found["elbo"]["value"], -found["rate"] - found["distortion"], rtol=1e-4)


def test_evaluate_says_in_words_whether_to_believe_it(latlas, files):
    told = latlas("evaluate", files / "run", files / "test.npy", "--num-samples", 50).out
    assert "log p(x)" in told
    assert "Pareto k" in told


def test_the_same_seed_evaluates_to_the_same_numbers(latlas, files):
    arguments = ("evaluate", files / "run", files / "test.npy", "--num-samples", 30, "--json", "--seed")
    assert latlas(*arguments, 1).json == latlas(*arguments, 1).json
    assert latlas(*arguments, 1).json != latlas(*arguments, 2).json


def test_encode_writes_the_posterior_means_that_python_gives(latlas, files, tmp_path, points):
    assert latlas("encode", files / "run", files / "test.npy", "--out", tmp_path / "z.npy").code == 0
    assert latlas("encode", files / "run", files / "test.npy", "--out", tmp_path / "z.npz").code == 0
    z, both = np.load(tmp_path / "z.npy"), np.load(tmp_path / "z.npz")
    np.testing.assert_array_equal(z, library.load(files / "run").transform(points[100:]))
    np.testing.assert_array_equal(z, both["mean"])
    assert (both["scale"] > 0).all()


def test_decode_takes_what_encode_wrote(latlas, files, tmp_path, points):
    latlas("encode", files / "run", files / "test.npy", "--out", tmp_path / "z.npz")
    found = latlas("decode", files / "run", tmp_path / "z.npz", "--out", tmp_path / "x.npy", "--json").json
    assert found["shape"] == [20, 5]
    np.testing.assert_allclose(
        np.load(tmp_path / "x.npy"), library.load(files / "run").reconstruct(points[100:])
    )


def test_sample_writes_arrays_and_pictures(latlas, files, tmp_path):
    assert latlas("sample", files / "run", "--num", 7, "--out", tmp_path / "s.npy").code == 0
    assert np.load(tmp_path / "s.npy").shape == (7, 5)
    assert latlas("sample", files / "run", "--num", 7, "--out", tmp_path / "s.png").code == 0
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_report_is_written_again_with_and_without_data(latlas, files, tmp_path):
    shutil.copytree(files / "run", tmp_path / "run")
    assert latlas("report", tmp_path / "run").code == 0
    without = (tmp_path / "run" / "report.html").read_text()
    assert latlas("report", tmp_path / "run", files / "train.npz").code == 0
    assert len((tmp_path / "run" / "report.html").read_text()) > len(without)


def test_inspect_finds_a_sound_run_sound_and_a_damaged_one_damaged(latlas, files, tmp_path):
    assert latlas("inspect", files / "run", "--json").json["problems"] == []
    shutil.copytree(files / "run", tmp_path / "run")
    model = tmp_path / "run" / "model.safetensors"
    damaged = bytearray(model.read_bytes())
    damaged[-1] ^= 1
    model.write_bytes(damaged)
    found = latlas("inspect", tmp_path / "run", "--json")
    assert found.code == 1
    assert "model.safetensors" in " ".join(found.json["problems"])
    assert "likelihood: gaussian" in latlas("inspect", files / "run").out
    assert latlas("sample", tmp_path / "run", "--num", 1, "--out", tmp_path / "s.npy").code == 1
