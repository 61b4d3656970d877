"""Whole files of another run of the same shape are told apart, whatever moment a writer was killed at."""

import errno
import json
import os
import shutil
import threading

import numpy as np
import pytest

from latlas.core import CorruptFileError, RequestError, RunDirectory, WorkError
from latlas.core.storage._json import SEAL, seal

ARRAYS = {"w": np.arange(6, dtype=np.float32)}


def written(path, number):
    """A finished run whose files differ from another one's by a number alone."""
    run = RunDirectory.create(path, {"seed": 1})
    for step in (10, 20):
        run.append_metrics({"step": step, "elbo": float(number)})
        run.save_state(step, {"w": ARRAYS["w"] + number})
    run.write_treatments({"treatments": [], "kept": number})
    run.save_model({"w": ARRAYS["w"] + number})
    run.finish()
    run.write_evaluation({"elbo": number})
    run.write_report(f"<html>{number}</html>")
    return run


@pytest.fixture
def two(tmp_path):
    """Two such runs."""
    return written(tmp_path / "a", 1), written(tmp_path / "b", 2)


READERS = {
    "model.safetensors": RunDirectory.load_model,
    "metrics.jsonl": RunDirectory.read_metrics,
    "evaluation.json": RunDirectory.read_evaluation,
    "treatments.json": RunDirectory.read_treatments,
    "report.html": RunDirectory.read_report,
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_another_run_of_the_same_shape_is_refused_and_named(two, name):
    a, b = two
    shutil.copy(b.path / name, a.path / name)
    with pytest.raises(CorruptFileError, match=f"{name} belongs to another run"):
        READERS[name](a)
    (problem,) = a.verify()
    assert name in problem
    assert b.verify() == []


@pytest.mark.parametrize("name", ["evaluation.json", "report.html"])
def test_what_can_be_measured_again_may_be_removed_and_written_again(two, name):
    a, b = two
    shutil.copy(b.path / name, a.path / name)
    with pytest.raises(CorruptFileError, match="or remove it and"):
        READERS[name](a)
    (a.path / name).unlink()
    assert READERS[name](a) is None
    WRITES[name](a)
    assert READERS[name](a) is not None
    assert a.verify() == []


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_no_run_wrote_here_is_refused(two, tmp_path, name):
    fresh = RunDirectory.create(tmp_path / "fresh", {})
    shutil.copy(two[0].path / name, fresh.path / name)
    with pytest.raises(CorruptFileError, match="this run has written none"):
        READERS[name](fresh)


def test_a_checkpoint_of_another_run_is_skipped_and_named(two, caplog):
    a, b = two
    for path in a.path.glob("state/step-20-*"):
        path.unlink()
    shutil.copy(next(b.path.glob("state/step-20-*")), a.path / "state")
    step, arrays = a.latest_state()
    assert step == 10
    np.testing.assert_array_equal(arrays["w"], ARRAYS["w"] + 1)
    assert "belongs to another run" in caplog.text
    assert len(a.verify()) == 1


def test_treatments_that_were_lost_are_missed(two):
    (two[0].path / "treatments.json").unlink()
    with pytest.raises(CorruptFileError, match=r"treatments\.json is missing"):
        two[0].read_treatments()


def test_a_run_of_an_older_latlas_that_listed_nothing_is_still_read(two):
    a, b = two
    path = a.path / "config.json"
    stored = json.loads(path.read_bytes())
    path.write_bytes(
        seal(
            json.dumps({name: stored[name] for name in stored if name not in ("files", "sha256")}).encode()[
                :-1
            ],
            SEAL,
        )
    )
    shutil.copy(b.path / "model.safetensors", a.path / "model.safetensors")
    a.write_evaluation({"elbo": 3})
    assert a.load_model()["w"][0] == 2
    assert a.verify() == []


WRITES = {
    "model.safetensors": lambda run: run.save_model({"w": ARRAYS["w"] + 9}),
    "metrics.jsonl": lambda run: run.append_metrics({"step": 30}),
    "evaluation.json": lambda run: run.write_evaluation({"elbo": 9}),
    "treatments.json": lambda run: run.write_treatments({"treatments": [], "kept": 9}),
    "report.html": lambda run: run.write_report("<html>9</html>"),
    "state": lambda run: run.save_state(30, ARRAYS),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("begun", [False, True], ids=["finished run", "new run"])
def test_a_kill_at_any_moment_of_a_write_leaves_a_sound_run(two, tmp_path, monkeypatch, name, begun):
    run = RunDirectory.create(tmp_path / "new", {}) if begun else two[0]
    replace, calls = os.replace, []

    def count(*names):
        calls.append(names)
        replace(*names)

    monkeypatch.setattr(os, "replace", count)
    shutil.copytree(run.path, tmp_path / "copy")
    WRITES[name](RunDirectory(tmp_path / "copy"))
    for last in range(len(calls) + 1):
        place = tmp_path / f"killed-{last}"
        shutil.copytree(run.path, place)
        left = [last]

        def killed(old, new, left=left):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            replace(old, new)

        monkeypatch.setattr(os, "replace", killed)
        cut = RunDirectory(place)
        try:
            WRITES[name](cut)
        except KeyboardInterrupt:
            pass
        assert cut.verify() == []
        monkeypatch.setattr(os, "replace", replace)
        WRITES[name](cut)  # and once more, to the end
        assert cut.verify() == []


def test_what_was_announced_and_never_written_is_no_loss(two, monkeypatch):
    run = two[0]
    with monkeypatch.context() as patch:
        patch.setattr(
            "latlas.core.storage._run_config.write_atomically",
            lambda *_, **__: (_ for _ in ()).throw(WorkError("full")),
        )
        for number in range(3):
            with pytest.raises(WorkError):
                run.save_model({"w": ARRAYS["w"] + 5 + number})
    assert run.load_model()["w"][0] == 1
    assert run.verify() == []


def test_a_reader_beside_a_writer_never_takes_a_run_for_damaged(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {})
    run.append_metrics({"step": 0})
    run.save_state(0, ARRAYS)
    over, failures, reads = threading.Event(), [], [0]

    def read():
        while not over.is_set():
            try:
                assert run.latest_state() is not None
                run.read_evaluation()
                failures.extend(run.verify())
            except Exception as error:
                failures.append(repr(error))
            reads[0] += 1

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(1, 50):
        run.save_state(step, {"w": ARRAYS["w"] + step}, keep=1)
        run.write_evaluation({"elbo": step})
    over.set()
    reader.join()
    assert not failures, failures[:3]
    assert reads[0] > 3


def test_a_checkpoint_that_is_removed_while_it_is_listed_is_looked_for_again(two, monkeypatch):
    run, listed = two[0], os.listdir
    gone = next(run.path.glob("state/step-20-*"))

    def list_and_remove(folder):
        names = listed(folder)
        gone.unlink(missing_ok=True)
        return names

    monkeypatch.setattr(os, "listdir", list_and_remove)
    assert run.latest_state()[0] == 10


# --- weights that are no numbers


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path, bad, dtype):
    run = RunDirectory.create(tmp_path / "run", {})
    arrays = {"n": np.arange(3), "w": np.array([1, bad, 2], dtype)}
    with pytest.raises(WorkError, match=r"not saved .* 1 of the 3 numbers in 'w' are not finite"):
        run.save_model(arrays)
    with pytest.raises(RequestError, match="no model yet"):
        run.load_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latlas.core.storage._run_directory.not_finite", lambda _: None)
        run.save_model(arrays)
    with pytest.raises(CorruptFileError, match="1 of the 3 numbers in 'w' are not finite"):
        run.load_model()
    assert "not finite" in " ".join(run.verify())


def test_draws_of_a_posterior_may_hold_what_is_not_finite(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {})
    run.save_model({"posterior/pad": np.array([np.nan, 1.0])}, kind="draws")
    assert np.isnan(run.load_model()["posterior/pad"][0])
    assert run.verify() == []


# --- a full disk: what the message advises can be done


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("model.safetensors", "--resume"),
        ("metrics.jsonl", "--resume"),
        ("state", "--resume"),
        ("evaluation.json", "latlas evaluate"),
        ("report.html", "latlas report"),
    ],
)
def test_a_full_disk_says_how_to_go_on(two, monkeypatch, name, advice):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WorkError, match="disk is full") as caught:
        WRITES[name](two[0])
    assert advice in str(caught.value)
    assert "same command again" not in str(caught.value)
