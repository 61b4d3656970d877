"""`latlas bayes`: a model file and its data to a run; wrong requests to one sentence each."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from tests.bayes.fake_fit import FakeFit

from latlas import bayes
from latlas.cli import _bayes as verb
from latlas.cli._model_file import blamed, load_model, split_name
from latlas.core import RequestError, RunDirectory
from latlas.report import render_bayes

MODEL = """\
import numpyro
import numpyro.distributions as dist

print("loading")

def schools(J, y, sigma):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    with numpyro.plate("J", J):
        theta = numpyro.sample("theta", dist.Normal(mu, 5))
        numpyro.sample("y", dist.Normal(theta, sigma), obs=y)

def broken(y):
    raise ZeroDivisionError("of course\\nnot")

constant = 3
"""
DATA = {"J": 3, "y": [28, 8, -3.5], "sigma": [15, 10, 16]}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "data.json").write_text(json.dumps(DATA))
    return tmp_path


@pytest.fixture(autouse=True)
def no_page(monkeypatch):
    """Pages are slow to draw, and most tests look at none."""
    monkeypatch.setattr(verb, "render_bayes", lambda data: f"<p>{data.title}</p>")


@pytest.fixture
def asked(monkeypatch):
    """What `bayes.fit` was called with, which here gives a made-up fit."""
    calls = []

    def fit(model, data, *, key, progress, **options):
        calls.append((model, data, options))
        if model.__name__ == "broken":
            model(**data)
        found = FakeFit(reference=options["reference"] is not None)
        for rung in found.ladder:
            progress(rung)
        return found

    monkeypatch.setattr(bayes, "fit", fit, raising=False)
    return calls


def assert_refused(result, *words):
    assert result.code == 2, (result.out, result.err)
    assert result.out == ""
    told = [
        line
        for line in result.err.strip().splitlines()
        if not line.startswith(("latlas: executing", "loading"))
    ]
    assert len(told) == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in told[0]


def test_json_is_what_the_contract_says_and_nothing_else(latlas, place, asked):
    result = latlas(
        "bayes", f"{place}/model.py:schools", place / "data.json", "--out", place / "run", "--json"
    )
    assert result.code == 0, result.err
    found = result.json
    assert list(found) == [
        "engine", "family", "elbo", "log_evidence", "pareto_k", "verdict", "parameters", "seconds",
    ]  # fmt: skip
    assert set(found["elbo"]) == {"value", "standard_error"}
    assert isinstance(found["log_evidence"], float)
    assert found["verdict"].startswith("trust")
    assert list(found["parameters"]) == ["mu", "tau", *(f"theta[{i}]" for i in range(8))]
    assert list(found["parameters"]["mu"]) == ["mean", "sd", "q05", "q50", "q95", "mcse"]
    assert "executing" in result.err
    assert "loading" in result.err, "what the model prints is no result"
    assert "batch-and-match (full-rank), ELBO -31.61" in result.err


def test_the_model_gets_the_data_by_name_with_whole_numbers_as_they_are(latlas, place, asked):
    latlas("bayes", f"{place}/model.py:schools", place / "data.json", "--out", place / "run", "--engine", "laplace",
           "--family", "full-rank", "--reference", "nuts", "--tolerance", "0.05")  # fmt: skip
    ((model, data, options),) = asked
    assert model.__name__ == "schools"
    assert data["J"] == 3
    assert isinstance(data["J"], int)
    np.testing.assert_array_equal(data["y"], DATA["y"])
    assert options == {"engine": "laplace", "family": "full-rank", "reference": "nuts", "tolerance": 0.05}


def test_the_run_holds_draws_config_and_a_page_and_can_be_shown_again(latlas, place, asked, monkeypatch):
    monkeypatch.setattr(verb, "render_bayes", render_bayes)
    run = place / "run"
    told = latlas(
        "bayes", f"{place}/model.py:schools", place / "data.json", "--out", run, "--reference", "nuts"
    )
    assert told.out.startswith("Trust: ")
    assert "theta[7]" in told.out
    stored = bayes.load(run)
    assert stored.draws["theta"].shape == (4000, 8)
    assert stored.reference["mu"].shape == (4, 500)
    config = RunDirectory.open(run).config
    assert config["model"].endswith("model.py:schools")
    assert set(config["sources"]) == {"model.py", "data.json"}
    page = (run / "report.html").read_text()
    assert page.index("Trust") < page.index("log p(data)")
    assert "model.py, data.json" in page
    (run / "report.html").unlink()
    assert latlas("report", run).code == 0
    assert (run / "report.html").read_text() == page
    assert latlas("inspect", run, "--json").json["problems"] == []
    assert_refused(latlas("evaluate", run, place / "data.json"), "not one of an Atlas")


def test_the_same_seed_gives_the_same_run(latlas, place, asked):
    draws = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        latlas(
            "bayes", f"{place}/model.py:schools", place / "data.json", "--out", place / name, "--seed", seed
        )
        draws.append(bayes.load(place / name).draws["mu"])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        ("model.py", "data.json", ("a colon and a name", "model.py")),
        ("model.py:", "data.json", ("a colon and a name",)),
        ("model.txt:schools", "data.json", ("does not end in .py",)),
        ("none.py:schools", "data.json", ("no model file", "none.py")),
        ("model.py:school", "data.json", ("no 'school'", "schools, broken", "Did you mean 'schools'?")),
        ("model.py:schools", "none.json", ("no file", "none.json")),
        ("model.py:schools", "data.yaml", (".csv, .csv.gz, .json, .npz",)),
        ("model.py:schools", "broken.json", ("is not JSON",)),
        ("model.py:schools", "ragged.json", ("'y'", "equally long")),
        ("syntax.py:f", "data.json", ("no valid Python", "in line 2")),
        ("fails.py:f", "data.json", ("fails.py fails in line 3", "ModuleNotFoundError", "no_such_module")),
        ("stops.py:f", "data.json", ("stops.py fails in line 2", "SystemExit")),
        ("leaves.py:f", "data.json", ("leaves.py fails in line 2", "GeneratorExit")),
        ("kinds.py:g", "data.json", ("no 'g'", "its functions are f, inside.")),
        ("loops.py:x", "data.json", ("loops.py was executed and gave no 'x'", "top of the file")),
        ("model.py:broken", "y.json", ("model.py fails in line 13", "ZeroDivisionError: of course not")),
    ],
)
def test_a_wrong_model_or_data_is_refused_in_a_sentence(latlas, place, asked, model, data, words):
    (place / "broken.json").write_text('{"y": [1, 2')
    (place / "ragged.json").write_text('{"y": [[1, 2], [3]]}')
    (place / "y.json").write_text('{"y": 1}')
    (place / "data.yaml").write_text("y: 1")
    (place / "syntax.py").write_text("x = 1\ndef f(:\n")
    (place / "fails.py").write_text("def f():\n    pass\nimport no_such_module\n")
    (place / "loops.py").write_text("def f(): pass\nsquares = [x * x for x in range(3)]\n")
    (place / "stops.py").write_text("def f(): pass\nraise SystemExit(0)\n")
    (place / "leaves.py").write_text("def f(): pass\nraise GeneratorExit\n")
    (place / "kinds.py").write_text("class A:\n    g = 1\ndef f(): g = 2\nif True:\n    def inside(): pass\n")
    assert_refused(latlas("bayes", f"{place}/{model}", place / data, "--out", place / "run"), *words)
    assert not (place / "run").exists()


@pytest.mark.parametrize("folder", [".", "linked"])
def test_a_model_file_that_fails_is_named_however_its_path_is_written(
    latlas, place, asked, monkeypatch, folder
):
    """Python's tracebacks have the whole path, which a user seldom gives."""
    (place / "fails.py").write_text("def f():\n    pass\nimport no_such_module\n")
    (place / "late.py").write_text("def broken(y):\n    raise ZeroDivisionError('of course not')\n")
    (place / "linked").symlink_to(place)
    (place / "y.json").write_text('{"y": 1}')
    monkeypatch.chdir(place)
    told = latlas("bayes", f"{folder}/fails.py:f", "data.json", "--out", "run")
    assert_refused(told, "fails.py fails in line 3", "ModuleNotFoundError", "no_such_module")
    told = latlas("bayes", f"{folder}/late.py:broken", "y.json", "--out", "run")
    assert_refused(told, "late.py fails in line 2", "ZeroDivisionError")


def test_what_fails_while_a_model_is_traced_is_told_with_its_line(tmp_path):
    (tmp_path / "late.py").write_text("def broken(y):\n    import no_such_module\n")
    path = tmp_path / "late.py"
    model = load_model(path, "broken")

    @blamed(path)
    def traced():
        try:
            model(1.0)
        except ModuleNotFoundError as error:
            raise RequestError(f"Before its first site the model raised {error}") from error

    with pytest.raises(RequestError, match=r"model raised .*no_such_module.* \(in line 2 of .*late\.py\)"):
        traced()


def test_an_interrupted_model_file_interrupts(tmp_path):
    path = tmp_path / "stopped.py"
    path.write_text("def f(): pass\nraise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_model(path, "f")


@pytest.mark.parametrize("name", ["inside", "Thing", "later", "caught"])
def test_a_model_may_be_of_any_kind_and_stand_in_a_block(tmp_path, name):
    path = tmp_path / "kinds.py"
    path.write_text(
        "if True:\n    def inside(): pass\nclass Thing: pass\nasync def later(): pass\n"
        "try:\n    def caught(): pass\nexcept ImportError:\n    pass\n"
    )
    assert split_name(f"{path}:{name}") == (path, name)


def test_a_model_may_import_its_neighbours(latlas, place, asked):
    (place / "latlas_test_neighbour.py").write_text("def shared(y):\n    pass\n")
    (place / "other.py").write_text("from latlas_test_neighbour import shared\n")
    result = latlas("bayes", f"{place}/other.py:shared", place / "data.json", "--out", place / "run")
    assert result.code == 0, result.err


def test_nothing_is_executed_before_the_request_is_sound(latlas, place, asked):
    (place / "run").mkdir()
    (place / "run" / "notes.txt").write_text("mine")
    for place_, more in (("run", ("--overwrite",)), ("model.py", ())):
        result = latlas(
            "bayes", f"{place}/model.py:schools", place / "data.json", "--out", place / place_, *more
        )
        assert_refused(result)
        assert "loading" not in result.err
    assert_refused(
        latlas(
            "bayes",
            f"{place}/model.py:schools",
            place / "data.json",
            "--out",
            place / "r",
            "--tolerance",
            "0",
        ),
        "--tolerance is 0",
    )
    assert not asked


def test_a_run_that_is_there_is_kept_unless_told(latlas, place, asked):
    arguments = ("bayes", f"{place}/model.py:schools", place / "data.json", "--out", place / "run")
    assert latlas(*arguments).code == 0
    assert_refused(latlas(*arguments), "--overwrite")
    assert latlas(*arguments, "--overwrite").code == 0


def test_errors_of_the_fit_itself_keep_their_words(latlas, place, monkeypatch):
    def fit(model, data, **options):
        raise RequestError("family is 'round'; known are mean-field, full-rank.")

    monkeypatch.setattr(bayes, "fit", fit, raising=False)
    result = latlas("bayes", f"{place}/model.py:schools", place / "data.json", "--out", place / "run")
    assert_refused(result, "known are mean-field")


def test_a_model_without_data_and_numbers_that_are_not_finite(latlas, place, monkeypatch):
    def fit(model, data, **options):
        assert data == {}
        found = FakeFit("do not trust", reference=False)
        found.pareto_k = float("inf")
        return found

    monkeypatch.setattr(bayes, "fit", fit, raising=False)
    result = latlas("bayes", f"{place}/model.py:schools", "--out", place / "run", "--json")
    assert result.json["pareto_k"] is None
    assert latlas("bayes", f"{place}/model.py:schools", "--out", place / "r2").out.startswith(
        "Do not trust: "
    )


def test_help_says_that_the_model_is_executed(latlas):
    told = latlas("bayes", "--help").out
    assert "executed" in told
    assert "bayes" in latlas("--help").out


# --- with the engines themselves

CONJUGATE = """\
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

def mean(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(mu, 1).expand(y.shape), obs=jnp.asarray(y))

def looped(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    if mu > 0:
        mu = mu + 1
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)
"""


@pytest.fixture
def conjugate(tmp_path):
    (tmp_path / "m.py").write_text(CONJUGATE)
    np.savez(tmp_path / "y.npz", y=np.array([0.5, 1.5, 2.5]))
    return tmp_path


def test_a_posterior_in_closed_form_is_found_from_the_command_line(latlas, conjugate):
    result = latlas(
        "bayes", f"{conjugate}/m.py:mean", conjugate / "y.npz", "--out", conjugate / "run", "--json"
    )
    assert result.code == 0, result.err
    found = result.json
    assert found["verdict"].startswith("trust")
    row = found["parameters"]["mu"]
    error = 4 * row["mcse"] + 0.01
    assert row["mean"] == pytest.approx(4.5 / 4, abs=error)
    assert row["sd"] == pytest.approx(0.5, abs=error)
    y = np.array([0.5, 1.5, 2.5])
    exact = multivariate_normal(np.zeros(3), np.eye(3) + 1).logpdf(y)
    assert found["log_evidence"] == pytest.approx(exact, abs=0.02)
    assert found["elbo"]["value"] == pytest.approx(exact, abs=0.02)
    assert bayes.load(conjugate / "run").draws["mu"].mean() == pytest.approx(4.5 / 4, abs=0.05)
    # a replicate's mean is normal about the posterior mean, with the posterior's variance and that of three values
    kept = RunDirectory.open(conjugate / "run").read_evaluation()["predictive"]["y"]["statistics"]["mean"]
    assert kept["observed"] == 1.5
    assert kept["below"] == pytest.approx(norm(4.5 / 4, np.sqrt(1 / 4 + 1 / 3)).cdf(1.5), abs=0.08)


@pytest.mark.parametrize(
    ("name", "data", "options", "words"),
    [
        ("mean", '{"z": [1.0]}', (), ("z", "y")),
        ("looped", '{"y": [1.0]}', (), ("mu",)),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_a_sentence(latlas, conjugate, name, data, options, words):
    (conjugate / "d.json").write_text(data)
    result = latlas(
        "bayes", f"{conjugate}/m.py:{name}", conjugate / "d.json", "--out", conjugate / "run", *options
    )
    assert_refused(result, *words)
    assert not (conjugate / "run").exists()


@pytest.mark.slow
def test_eight_schools_agree_with_the_reference_draws(latlas, tmp_path, latlas_data):
    folder = latlas_data / "posteriordb" / "eight_schools-eight_schools_centered"
    model = Path(__file__).parents[2] / "examples" / "eight_schools.py"
    result = latlas(
        "bayes", f"{model}:eight_schools", folder / "data.json", "--out", tmp_path / "run", "--json"
    )
    found = result.json
    assert found["verdict"].startswith("trust")
    with np.load(folder / "reference_draws.npz", allow_pickle=False) as file:
        rows = list(zip(file["names"], file["full_mean"], file["full_sd"], strict=True))
    for name, mean, sd in rows:
        # Stan counts from 1
        name = re.sub(r"\[(\d+)\]", lambda match: f"[{int(match[1]) - 1}]", str(name))
        row = found["parameters"][name]
        assert row["mean"] == pytest.approx(mean, abs=0.15 * sd), name
        assert row["sd"] == pytest.approx(sd, rel=0.15), name
