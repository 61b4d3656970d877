"""A path of betas: each atlas is the one that a single fit gives, and the whole goes to the disk and back."""

import json

import numpy as np
import pytest

import latlas
from latlas.core import CorruptFileError, RequestError, RunExistsError
from latlas.estimators import Atlas, BetaPath

BETAS = (0.2, 1.0, 5.0, 500.0)
OPTIONS = {
    "latent_dim": 3,
    "hidden": (8,),
    "epochs": 12,
    "batch_size": 20,
    "random_state": 3,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(160, 2)) * [3.0, 1.0] @ rng.normal(size=(2, 5))
    return plane + 0.3 * rng.normal(size=(160, 5)) + 5.0


@pytest.fixture(scope="module")
def path(points):
    return BetaPath(Atlas(**OPTIONS), betas=BETAS[::-1]).fit(points)


@pytest.mark.slow
def test_each_atlas_is_that_of_a_single_fit(path, points):
    assert path.betas_.tolist() == list(BETAS)
    # without rows kept apart a single fit ends with its last model too, but then on other rows: compare the histories
    single = Atlas(**OPTIONS, beta=5.0, patience=None).fit(points)
    one = path.atlases_[2]
    assert [line["step"] for line in one.history_] == [line["step"] for line in single.history_]
    for ours, theirs in zip(one.history_, single.history_, strict=True):
        assert ours["train"]["elbo"] == pytest.approx(theirs["train"]["elbo"], rel=1e-3)
    assert one.history_[-1]["valid"]["elbo"] == pytest.approx(single.history_[-1]["valid"]["elbo"], abs=0.5)
    assert one.get_params() == single.get_params()
    assert one.record_.units.to_dict() == single.record_.units.to_dict()


def test_the_curve_is_measured_on_the_rows_kept_apart(path, points):
    held = path.atlases_[0].evaluate(_held_out(points), num_samples=200)
    assert path.curve_.rate[0] == pytest.approx(held.rate, rel=1e-4)
    assert path.curve_.distortion[0] == pytest.approx(held.distortion, abs=0.1)
    assert path.curve_.rate[-1] < 0.05 < path.curve_.rate[0]
    assert path.curve_.active_units()[-1] == 0


def _held_out(points):
    seed = np.random.RandomState(OPTIONS["random_state"]).randint(2**31 - 1)
    return points[np.random.default_rng(seed).permutation(len(points))[:16]]


def test_the_choice(path):
    best = int(np.argmax(path.curve_.elbo))
    assert path.choose() is path.atlases_[best]
    assert path.choose(beta=4.0) is path.atlases_[2]
    assert path.choose(beta=1e9) is path.atlases_[3]
    on_hull = int(path.curve_.hull()[-1])
    assert path.choose(rate=path.curve_.rate[on_hull]) is path.atlases_[on_hull]
    assert path.choose(distortion=path.curve_.distortion[on_hull]) is path.atlases_[on_hull]
    with pytest.raises(RequestError, match="got 2"):
        path.choose(rate=1.0, beta=1.0)
    with pytest.raises(RequestError, match="lies outside the curve"):
        path.choose(rate=1e6)
    with pytest.raises(RequestError, match="positive number"):
        path.choose(beta=0.0)


def test_a_path_goes_to_the_disk_and_back(path, points, tmp_path):
    path.save(tmp_path / "path")
    names = ["beta-0.2", "beta-1", "beta-5", "beta-500", "rate_distortion.json"]
    assert sorted(file.name for file in (tmp_path / "path").iterdir()) == names
    back = BetaPath.load(tmp_path / "path")
    assert back.get_params(deep=False)["betas"] == BETAS
    assert np.array_equal(back.curve_.kl_per_dimension, path.curve_.kl_per_dimension)
    one = latlas.load(tmp_path / "path" / "beta-5")
    for atlas in (back.choose(beta=5.0), one):
        assert atlas.beta == 5.0
        assert np.array_equal(atlas.transform(points), path.choose(beta=5.0).transform(points))


def test_a_place_that_is_taken_is_refused_before_the_fit(path, points, tmp_path):
    (tmp_path / "mine.txt").write_text("not yours")
    with pytest.raises(RunExistsError, match="nothing in it was touched"):
        BetaPath(betas=BETAS).fit(points, run=tmp_path, overwrite=True)
    path.save(tmp_path / "path")
    with pytest.raises(RunExistsError, match="holds a path of betas"):
        BetaPath(betas=BETAS).fit(points, run=tmp_path / "path")


def test_overwriting_leaves_nothing_of_the_path_before(path, tmp_path):
    path.save(tmp_path / "path")
    (tmp_path / "path" / "notes.txt").write_text("mine")
    shorter = BetaPath.load(tmp_path / "path")
    shorter.atlases_ = shorter.atlases_[1:]
    columns = {name: v[1:] for name, v in path.curve_.to_dict().items() if isinstance(v, list)}
    shorter.curve_ = type(path.curve_).from_dict(columns)
    shorter.save(tmp_path / "path", overwrite=True)
    kept = sorted(file.name for file in (tmp_path / "path").iterdir())
    assert kept == ["beta-1", "beta-5", "beta-500", "notes.txt", "rate_distortion.json"]


def test_a_path_that_was_not_written_to_its_end_can_be_overwritten(path, tmp_path):
    place = tmp_path / "path"
    path.save(place)
    (place / "rate_distortion.json").unlink()
    (place / "beta-5").rename(place / "beta-6")
    with pytest.raises(RunExistsError, match=r"not written to its end\. Give --overwrite"):
        path.save(place)
    path.save(place, overwrite=True)
    assert BetaPath.load(place).betas_.tolist() == list(BETAS)
    assert (place / "beta-6").exists()  # nothing says that it was of this path: it may be somebody's own run


def test_a_run_of_another_path_is_told_apart(path, points, tmp_path):
    path.save(tmp_path / "path")
    other = Atlas(**OPTIONS | {"random_state": 4}, beta=1.0).fit(points)
    other.save(tmp_path / "path" / "beta-1", overwrite=True)
    with pytest.raises(CorruptFileError, match=r"beta-1 holds another model than the one that"):
        BetaPath.load(tmp_path / "path")


def test_a_damaged_curve_is_named(path, tmp_path):
    path.save(tmp_path / "path")
    file = tmp_path / "path" / "rate_distortion.json"
    file.write_bytes(file.read_bytes().replace(b"0.2", b"0.3", 1))
    with pytest.raises(CorruptFileError, match=r"rate_distortion\.json is damaged"):
        BetaPath.load(tmp_path / "path")
    with pytest.raises(RequestError, match="holds no path of betas"):
        BetaPath.load(tmp_path)


@pytest.mark.parametrize(
    ("atlas", "betas", "message"),
    [
        pytest.param({}, (1.0, 1.0), "each beta once", id="twice"),
        pytest.param({}, (0.0, 1.0), "positive betas", id="zero"),
        pytest.param({}, (), "at least one beta", id="none"),
        pytest.param({"cure": "auto"}, BETAS, "leave cure out", id="cure"),
        pytest.param({"max_error": 0.1}, BETAS, "leave max_error out", id="constraint"),
        pytest.param({"latent_dim": 0}, BETAS, "latent_dim takes", id="option"),
    ],
)
def test_what_is_no_path_is_refused(points, atlas, betas, message):
    with pytest.raises(RequestError, match=message):
        BetaPath(Atlas(**atlas), betas=betas).fit(points)


def test_the_file_of_the_curve_is_plain_json(path, tmp_path):
    path.save(tmp_path / "path")
    stored = json.loads((tmp_path / "path" / "rate_distortion.json").read_text())
    assert stored["curve"]["betas"] == list(BETAS)
    assert stored["runs"][0] == "beta-0.2"
