"""What paths alone give away is refused before anything slow is loaded, in the words of the layers below."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from latlas.cli import _places
from latlas.cli._places import PlaceError, check_places
from latlas.data import read, read_named, suffixes


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A working folder with data, a run, a path of betas and something else."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.eye(3))
    for name in ("empty.npy", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "m.py").write_text("def f(): pass")
    (tmp_path / "d.json").write_text("{}")
    for folder, file in {"run": "config.json", "betas": "rate_distortion.json", "else": "mine"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "config.json").write_text('{"config": {"kind": "bayes"}}')
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / ".lock").touch()
    return tmp_path


REFUSED = {
    "fit none.npy --out r": "There is no file none.npy",
    "fit notes.txt --out r": "no suffix that latlas can read",
    "fit run.npz --out r": "There is no file run.npz",
    "fit empty.npy --out r": "is empty (0 bytes)",
    "fit x.npy --out run": "run holds a run. Choose another place, or give --resume to go on with it, or --overwrite",
    "fit x.npy --out x.npy": "is a file, not a folder",
    "fit x.npy --out else": "not empty and holds no run",
    "fit x.npy --out else --overwrite": "nothing in it was touched",
    "fit x.npy --out r --resume": "There is no run r to resume",
    "fit x.npy --out betas --betas 1,2": "holds a path of betas. Choose another place, or give --overwrite",
    "fit x.npy --out run --betas 1,2 --overwrite": "holds no path of betas",
    "demo --out run": "give --overwrite",
    "evaluate none x.npy": "There is no run directory none",
    "evaluate else x.npy": "it has no config.json",
    "evaluate betas x.npy": "Name one of its runs, such as betas/beta-1",
    "evaluate run none.csv": "There is no file none.csv",
    "diagnose run x.npy --train none.csv": "There is no file none.csv",
    "report run none.csv": "There is no file none.csv",
    "sample run --num 2 --out x.npy": "is there already",
    "sample run --num 2 --out s.jpg": "must end in .png, .svg, .npy, .npz or .csv",
    "sample run --num 2 --out no/s.png": "The folder no for s.png does not exist",
    "sample run --num 2 --out run": "is a folder",
    "encode run x.npy --out z.png": "must end in .npy, .npz or .csv",
    "decode run none.npy --out x.csv": "There is no file none.npy",
    "evaluate fit x.npy": "is not one of an Atlas: it holds a Bayesian fit. `latlas report fit`",
    "sample fit --num 2 --out s.png": "`latlas.bayes.load('fit')`",
    "inspect none": "There is no run directory none",
    "bayes none.py:f d.json --out r": "There is no model file none.py",
    "bayes m.py:f none.json --out r": "There is no file none.json",
    "bayes m.py:f x.npy --out r": "ends in .csv, .csv.gz, .json, .npz",
    "bayes m.py:f d.json --out run": "run holds a run. Choose another place, or give --overwrite",
    "fit x.npy --out r\udcff": "'r\\udcff' holds a byte that is not UTF-8",
    "encode r\udcff x.npy --out z.npy": "not UTF-8",
}

ASK = """
import contextlib, io, json, sys
from latlas.cli import main
found = {}
for request in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            main(request.split())
        except SystemExit as end:
            found[request] = [end.code, told.getvalue()]
print(json.dumps([found, sorted({"jax", "numpy", "latlas.core"} & set(sys.modules))]))
"""


def test_what_paths_give_away_is_refused_before_jax_is_loaded(there):
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(list(REFUSED)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    found, loaded = json.loads(done.stdout)
    assert loaded == []
    for request, words in REFUSED.items():
        code, told = found[request]
        assert code == 2, (request, told)
        assert words in told, request
        assert len(told.splitlines()) == 1
    assert sorted(os.listdir(there)) == sorted(
        ["x.npy", "empty.npy", "notes.txt", "m.py", "d.json", "run", "betas", "else", "begun", "fit"]
    )


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("fit", {"data": "x.npy", "out": "new"}),
        ("fit", {"data": "x.npy", "out": "begun"}),
        ("fit", {"data": "x.npy", "out": "run", "resume": True}),
        ("fit", {"data": "x.npy", "out": "run", "overwrite": True}),
        ("fit", {"data": "x.npy", "out": "betas", "betas": "1", "overwrite": True}),
        ("demo", {}),
        ("report", {"run": "run"}),
        ("report", {"run": "fit"}),
        ("evaluate", {"run": "run", "data": "x.npy"}),
        ("diagnose", {"run": "run", "data": "x.npy", "train": "x.npy"}),
        ("encode", {"run": "run", "data": "x.npy", "out": "x.npy", "overwrite": True}),
        ("bayes", {"model": "m.py:f", "out": "new"}),
        ("later", {}),
    ],
)
def test_what_may_be_done_passes(there, verb, given):
    texts = ("betas", "model")
    paths = {n: there / v if isinstance(v, str) and n not in texts else v for n, v in given.items()}
    check_places(verb, paths)


def test_an_option_of_the_environment_is_checked_as_well(there, latlas, monkeypatch):
    monkeypatch.setenv("LATLAS_FIT_OUT", "a\udcff")
    result = latlas("fit", "x.npy")
    assert result.code == 2
    assert "not UTF-8" in result.err


def test_the_suffixes_are_those_of_the_readers(tmp_path):
    assert suffixes() == _places.TABLES
    with pytest.raises(ValueError, match=f"ends in {', '.join(_places.NAMED_VALUES)}"):
        read_named(tmp_path / "d.yaml")
    with pytest.raises(ValueError, match=f"ends in {', '.join(_places.TABLES)}"):
        read(tmp_path / "d.yaml")


def test_every_path_of_every_verb_is_looked_at(there):
    with pytest.raises(PlaceError, match="not UTF-8"):
        check_places("another", {"anything": there / "\udcff"})
