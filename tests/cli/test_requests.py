"""Wrong requests: exit code 2, one sentence with its cure, no traceback, nothing overwritten; where options come from."""

from typing import get_args

import numpy as np
import pytest

from latlas.bayes.engines._names import ENGINES, FAMILIES
from latlas.cli import _choices
from latlas.cli._app import app
from latlas.cli._config import ConfigError, configure
from latlas.estimators._resolve import LIKELIHOODS


def write(path, content):
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    return path


BAD_DATA = {
    "nan": np.array([[1.0, np.nan], [0.0, 1.0], [2.0, 3.0]]),
    "infinite": np.array([[1.0, np.inf], [0.0, 1.0], [2.0, 3.0]]),
    "no_axis": np.array(3.0),
    "one_axis": np.arange(5.0),
    "no_rows": np.zeros((0, 4)),
    "no_columns": np.zeros((4, 0)),
    "strings": np.array([["a", "b"], ["c", "d"]]),
    "constant": np.ones((30, 3)),
    "empty_file": b"",
    "torn": b"PK\x03\x04torn",
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_are_refused_in_a_sentence(latlas, tmp_path, name):
    suffix = ".npz" if name == "torn" else ".npy"
    path = write(tmp_path / f"{name}{suffix}", BAD_DATA[name])
    assert_refused(latlas("fit", path, "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def assert_refused(result, *words):
    assert result.code == 2, (result.out, result.err)
    assert result.out == ""
    assert result.err.startswith("latlas: ")
    assert len(result.err.strip().splitlines()) == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


def test_a_pickle_inside_an_array_is_never_opened(latlas, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    assert_refused(latlas("fit", path, "--out", tmp_path / "run"))


def test_paths_that_are_not_there_are_named(latlas, files, tmp_path):
    assert_refused(latlas("fit", tmp_path / "none.npz", "--out", tmp_path / "run"), "none.npz")
    assert_refused(latlas("evaluate", tmp_path / "none", files / "test.npy"), "none")
    assert_refused(
        latlas("sample", files / "run", "--num", 2, "--out", tmp_path / "no" / "s.npy"), "does not exist"
    )


def test_a_run_that_is_there_is_not_overwritten(latlas, files):
    before = (files / "run" / "model.safetensors").read_bytes()
    assert_refused(latlas("fit", files / "train.npz", "--out", files / "run"), "--overwrite")
    assert (files / "run" / "model.safetensors").read_bytes() == before


def test_a_folder_of_something_else_is_never_removed(latlas, files, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert_refused(latlas("fit", files / "train.npz", "--out", tmp_path, "--overwrite"))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_output_file_that_is_there_is_not_overwritten(latlas, files, tmp_path):
    (tmp_path / "z.npy").write_text("mine")
    assert_refused(
        latlas("encode", files / "run", files / "test.npy", "--out", tmp_path / "z.npy"), "--overwrite"
    )
    assert (tmp_path / "z.npy").read_text() == "mine"
    assert (
        latlas("encode", files / "run", files / "test.npy", "--out", tmp_path / "z.npy", "--overwrite").code
        == 0
    )


def test_data_of_another_shape_are_refused_with_both_numbers(latlas, files, tmp_path):
    path = write(tmp_path / "x.npy", np.zeros((3, 4), np.float32) + np.arange(4))
    assert_refused(latlas("evaluate", files / "run", path), "4", "5")
    z = write(tmp_path / "z.npy", np.zeros((3, 9), np.float32))
    assert_refused(latlas("decode", files / "run", z, "--out", tmp_path / "out.npy"), "9", "2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ft",), ("ft", "fit")),
        (("fit", "x.npz"), ("--out",)),
        (("fit", "x.npz", "--out", "r", "--latnt-dim", "3"), ("--latent-dim",)),
        (("fit", "x.npz", "--out", "r", "--latent-dim", "many"), ("many",)),
        (("evaluate", "r"), ("data",)),
        (("fit", "x.npz", "--out", "r", "--likelihood", "gausian"), ("--likelihood", "gausian", "student_t")),
        (("bayes", "m.py:f", "--out", "r", "--engine", "magic"), ("--engine", "magic", "batch-and-match")),
        (("bayes", "m.py:f", "--out", "r", "--family", "round"), ("--family", "round", "full-rank")),
    ],
)
def test_a_wrong_option_names_the_right_one(latlas, arguments, words):
    result = latlas(*arguments)
    assert result.code == 2
    assert len(result.err.strip().splitlines()) == 1
    for word in words:
        assert word.lower() in result.err.lower()


@pytest.mark.parametrize(
    "options",
    [
        ("--latent-dim", 0),
        ("--epochs", 0),
        ("--beta", -1),
        ("--batch-size", 0),
        ("--learning-rate", 0),
        ("--validation-fraction", 1.5),
        ("--hidden", 0),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_any_work(latlas, files, tmp_path, options):
    assert_refused(latlas("fit", files / "train.npz", "--out", tmp_path / "run", *options))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("choices", "table"),
    [
        (_choices.Likelihood, {"auto", *LIKELIHOODS}),
        (_choices.Engine, {"auto", *ENGINES}),
        (_choices.Family, set(FAMILIES)),
    ],
)
def test_the_names_to_choose_from_are_those_that_there_are(choices, table):
    assert set(get_args(choices)) == table


@pytest.mark.parametrize(("verb", "words"), [("fit", LIKELIHOODS), ("bayes", [*ENGINES, *FAMILIES])])
def test_help_lists_what_there_is_to_choose_from(latlas, verb, words):
    told = latlas(verb, "--help").out
    for word in words:
        assert word in told


def test_help_lists_every_verb(latlas):
    told = latlas("--help")
    assert told.code == 0
    for verb in ("demo", "fit", "evaluate", "report", "sample", "encode", "decode", "inspect"):
        assert verb in told.out


# --- flags > environment > file > default


@pytest.fixture
def latent_dim(tmp_path, monkeypatch):
    """The latent dimension that `fit` would use, with the given sources of it."""

    def asked(*, flag=None, environment=None, file=None):
        tokens = ["fit", "x.npz", "--out", "run"]
        if flag is not None:
            tokens += ["--latent-dim", str(flag)]
        if environment is not None:
            monkeypatch.setenv("LATLAS_FIT_LATENT_DIM", str(environment))
        if file is not None:
            (tmp_path / "o.toml").write_text(file)
            tokens += ["--config", str(tmp_path / "o.toml")]
        _, bound, _ = app.parse_args(configure(app, tokens), exit_on_error=False, print_error=False)
        return bound.arguments.get("latent_dim", "default")

    return asked


def test_flags_win_over_the_environment_over_the_file_over_defaults(latent_dim):
    assert latent_dim() == "default"
    assert latent_dim(file="latent_dim = 3") == 3
    assert latent_dim(file="latent_dim = 3", environment=4) == 4
    assert latent_dim(file="latent_dim = 3", environment=4, flag=5) == 5


@pytest.mark.parametrize(
    "file", ["latent-dim = 3", "[fit]\nlatent_dim = 3", "[fit]\nlatent-dim = 3\n[evaluate]\nseed = 1"]
)
def test_a_file_may_name_options_at_its_top_or_under_the_verb(latent_dim, file):
    assert latent_dim(file=file) == 3


def test_an_unknown_key_of_a_file_is_refused_with_the_nearest_one(latent_dim):
    with pytest.raises(ConfigError, match=r"no option 'epoch'; the nearest is 'epochs'"):
        latent_dim(file="epoch = 3")


def test_a_file_that_is_no_toml_or_not_there_is_refused(latlas, latent_dim, tmp_path):
    with pytest.raises(ConfigError, match="not valid TOML"):
        latent_dim(file="latent_dim = = 3")
    assert_refused(latlas("fit", "x.npz", "--out", "r", "--config", tmp_path / "none.toml"), "none.toml")
