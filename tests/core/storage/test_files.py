import errno
import os
import time

import numpy as np
import pytest

from latlas.core._errors import CorruptFileError, InterruptedRunError, NonFiniteError, RequestError, WorkError
from latlas.core.storage._files import read_limited, remove_litter, write_atomically
from latlas.core.storage._json import parse_json, read_json, write_json


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(WorkError, match="disk is full"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_disk_that_fills_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path, write, calls = tmp_path / "file", os.write, []
    path.write_bytes(b"old")

    def write_some(descriptor, data):
        calls.append(1)
        return write(descriptor, data[:3]) if len(calls) < 3 else full_disk()

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(WorkError, match="disk is full"):
        write_atomically(path, b"0123456789")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_interrupt_leaves_no_litter(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == []


def test_bytes_reach_the_disk_before_the_name(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("sync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b)))
    write_atomically(tmp_path / "file", b"new")
    assert calls == ["sync", "rename", "sync"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    (tmp_path / "link").symlink_to(outside)
    write_atomically(tmp_path / "link", b"new")
    assert outside.read_bytes() == b"mine"
    assert (tmp_path / "link").read_bytes() == b"new"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WorkError, match=r"nowhere/file could not be written \(No such file"):
        write_atomically(tmp_path / "nowhere" / "file", b"new")


def test_only_regular_files_of_the_expected_size_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert read_limited(tmp_path / "file", 4) == b"1234"
    with pytest.raises(CorruptFileError, match="4 bytes, where at most 3"):
        read_limited(tmp_path / "file", 3)
    for name in ("link", "pipe", "."):
        with pytest.raises(CorruptFileError, match="not a regular file"):
            read_limited(tmp_path / name, 10)
    with pytest.raises(RequestError, match="There is no file"):
        read_limited(tmp_path / "absent", 10)


def test_litter_of_dead_writers_is_swept_and_that_of_live_ones_left(tmp_path):
    dead, live = ".a.json.999999999.1.latlas-tmp", f".a.json.{os.getpid()}.1.latlas-tmp"
    for name in (dead, live, "data.tmp"):
        (tmp_path / name).touch()
    remove_litter(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([live, "data.tmp"])


def test_json_comes_back_as_it_was_written(tmp_path):
    value = {"a": [1, 2.5, None, True, 'é"\n\ud800'], "b": {"c": {}}, "big": 2**64 - 1}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    write_json(tmp_path / "x.json", {"n": np.float32(0.5), "i": np.int64(3), "t": np.bool_(True)})
    assert read_json(tmp_path / "x.json") == {"n": 0.5, "i": 3, "t": True}


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"sha256": 1},
        {"a": float("nan")},
        {"a": np.float32("inf")},
        {"a": 2**64},
        {"a": object()},
        {"a": np.zeros(2)},
        {1: 0, "1": 0},
        {"a": nested(64)},
        {"a": nested(100_000)},
    ],
    ids=["empty", "seal", "nan", "inf", "huge", "object", "array", "twice", "deep", "very deep"],
)
def test_what_strict_json_cannot_hold_is_not_written(tmp_path, value):
    with pytest.raises(RequestError):
        write_json(tmp_path / "x.json", value)
    assert os.listdir(tmp_path) == []


HOSTILE_JSON = {
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "float overflow": b'{"a": 1e999}',
    "huge integer": b'{"a": ' + b"9" * 100_000 + b"}",
    "65 bits": b'{"a": 18446744073709551616}',
    "deep": b'{"a":' * 65 + b"0" + b"}" * 65,
    "very deep": b"[" * 1_000_000,
    "deep after a string": b'{"]]]]": ' + b"[" * 70 + b"]" * 70 + b"}",
    "key twice": b'{"a": 1, "a": 2}',
    "open string": b'{"a": "' + b'\\"' * 500_000,
    "array": b"[1]",
    "empty": b"",
    "latin-1": b'{"a": "\xe9"}',
    "text after": b'{"a": 1} x',
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in HOSTILE_JSON.items()])
def test_hostile_json_is_refused_at_once_and_named(data):
    start = time.process_time()
    with pytest.raises(CorruptFileError, match=r"x\.json"):
        parse_json(data, "x.json")
    assert time.process_time() - start < 1


def test_brackets_in_strings_are_no_depth():
    assert parse_json(b'{"a": "' + b"[" * 100 + b'\\""}', "x.json") == {"a": "[" * 100 + '"'}


def test_errors_say_step_and_cause():
    for error in (InterruptedRunError(7, "SIGTERM"), NonFiniteError(7, "the learning rate is too large")):
        assert error.step == 7
        assert error.cause in str(error)
        assert "step 7" in str(error)
