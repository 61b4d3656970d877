"""`fit --betas`: a folder of runs and their curve, from the command line."""

import json

import numpy as np
import pytest

import latlas

SMALL = ("--epochs", 2, "--hidden", 8, "--latent-dim", 2, "--seed", 1)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "points.npy"
    rng = np.random.default_rng(0)
    np.save(file, rng.normal(size=(80, 2)) @ rng.normal(size=(2, 4)) + 0.1 * rng.normal(size=(80, 4)))
    return file


def test_a_path_is_fitted_written_and_told(latlas_, table, tmp_path):
    out = tmp_path / "path"
    found = latlas_("fit", table, "--out", out, "--betas", "10,0.1,1", *SMALL, "--json")
    assert found.code == 0, found.err
    told = json.loads(found.out)
    assert told["betas"] == [0.1, 1.0, 10.0]
    assert told["runs"] == [str(out / name) for name in ("beta-0.1", "beta-1", "beta-10")]
    assert told["chosen"]["beta"] == told["betas"][int(np.argmax(told["curve"]["elbo"]))]
    assert len(told["curve"]["rate"]) == len(told["active_units"]) == 3
    assert json.loads((out / "rate_distortion.json").read_text())["curve"] == told["curve"]
    page = (out / "report.html").read_text()
    assert 'id="rate-distortion"' in page
    assert f"The diamond is the one chosen, β = {told['chosen']['beta']:g}." in page
    assert (out / "rate_distortion.svg").read_text().startswith("<?xml")
    assert latlas.load(out / "beta-10").beta == 10.0
    again = latlas_("fit", table, "--out", out, "--betas", "10,0.1,1", *SMALL)
    assert again.code == 2
    assert "holds a path of betas" in again.err
    shown = latlas_("fit", table, "--out", out, "--betas", "10,0.1,1", *SMALL, "--overwrite")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0].split()[:3] == ["beta", "rate", "distortion"]
    assert [line.split()[0] for line in lines[1:4]] == ["0.1", "1", "10"]
    assert sum("highest ELBO" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--betas", "1,two"), "numbers with commas between", id="no number"),
        pytest.param(("--betas", "0,1"), "positive betas; got 0, 1", id="zero"),
        pytest.param(("--betas", "1,1"), "each beta once", id="twice"),
        pytest.param(("--betas", ""), "at least one beta", id="none"),
        pytest.param(("--betas", "1,2", "--resume"), "cannot be resumed", id="resume"),
        pytest.param(("--betas", "1,2", "--beta", "3"), "Give one of them", id="beta and betas"),
    ],
)
def test_what_is_no_path_is_refused(latlas_, table, tmp_path, options, message):
    found = latlas_("fit", table, "--out", tmp_path / "path", *options)
    assert found.code == 2
    assert message in found.err
    assert not (tmp_path / "path").exists()


@pytest.fixture
def latlas_(request):
    """The command line; `latlas` is the package here."""
    return request.getfixturevalue("latlas")
