"""What a user may hand to an Atlas, what is said of it, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from latlas import Atlas
from latlas.core import DataError, DivergedError, NonFiniteError, RequestError
from latlas.data import Levels, Table
from latlas.estimators import load

TINY = {"latent_dim": 2, "hidden": (8,), "epochs": 3, "random_state": 0}
X = np.random.default_rng(0).normal(size=(60, 5)) * [1, 10, 100, 1, 1] + [0, 5, -1000, 0, 3]


@pytest.fixture(scope="module")
def fitted():
    return Atlas(**TINY).fit(X)


def test_a_table_is_known_by_the_names_of_its_columns():
    names = tuple("abcde")
    atlas = Atlas(**TINY).fit(Table(X, columns=names))
    assert atlas.feature_names_in_.tolist() == list(names)
    moved = Table(X[:, ::-1], columns=names[::-1])
    np.testing.assert_array_equal(atlas.transform(moved), atlas.transform(Table(X, columns=names)))
    with pytest.raises(DataError, match="lacks the columns e \\(it has g besides\\)"):
        atlas.transform(Table(X, columns=(*names[:4], "g")))


def test_few_distinct_values_under_a_density_are_named(caplog):
    x = X.copy()
    x[:, 2] = x[:, 2] > -1000
    Atlas(**TINY, likelihood="gaussian").fit(x)
    (said,) = [message for message in caplog.messages if "few distinct values" in message]
    assert said.startswith("1 of 5 columns holds few distinct values: 2 (2 values). gaussian is a density")
    caplog.clear()
    Atlas(**TINY).fit(X)
    assert not caplog.messages


RNG = np.random.default_rng(0)
MIXED = RNG.normal(size=(500, 4)) @ RNG.normal(size=(4, 4))
BITS = (RNG.random((500, 8)) < 0.3).astype(int)


@pytest.mark.parametrize(
    ("x", "rate"), [(X, 1000.0), (MIXED, 3.0), (MIXED, 10.0), (1e12 * MIXED, 10.0), (BITS, 3.0)]
)
def test_a_fit_that_diverged_fails(x, rate):
    with pytest.raises(
        DivergedError, match=r"per example, and was .* before the first step\. Lower learning_rate"
    ):
        Atlas(latent_dim=2, hidden=(8,), random_state=0, epochs=30, learning_rate=rate).fit(x)


@pytest.mark.parametrize("options", [{}, {"beta": 4.0}, {"warm_up": 0.9}, {"max_error": 0.01}])
def test_a_fit_of_noise_did_not_diverge(options):
    noise = np.random.default_rng(1).normal(size=(200, 4))
    for x in (noise, BITS) if options else (1e-15 * noise, 1e15 * noise):
        Atlas(latent_dim=2, hidden=(8,), random_state=0, epochs=2, **options).fit(x)


def test_a_fit_that_ends_in_no_number_fails():
    x = np.random.default_rng(0).normal(size=(300, 6))
    with pytest.raises(NonFiniteError, match="not finite at the end of the run: lower the learning rate"):
        Atlas(epochs=2, learning_rate=1e30, random_state=0).fit(x)


def test_one_step_an_epoch_is_not_stopped_by_patience():
    x = np.random.default_rng(0).normal(size=(100, 4))
    fitted = Atlas(latent_dim=1, hidden=4, epochs=60, patience=2, learning_rate=1e-6, random_state=0).fit(x)
    assert fitted.history_[-1]["step"] == 60  # an epoch is a step, and 60 are too few to stop


@pytest.mark.parametrize(
    ("X_", "said"),
    [
        (pd.DataFrame({"a": ["u", "v"] * 20, "b": range(40)}), "text"),
        (pd.DataFrame({"a": pd.Categorical([1, 2] * 20), "b": range(40)}), "'a' holds categories"),
        (pd.DataFrame({"a": pd.date_range("2020", periods=40), "b": range(40)}), "'a' holds dates"),
        (np.arange(40).astype("M8[D]").reshape(20, 2), "hold dates"),
        (np.array([[1.0, np.nan]] * 20), "Fill the holes, or leave those rows out"),
    ],
)
def test_what_is_no_number_is_refused_with_what_to_do(X_, said):
    with pytest.raises(DataError, match=said) as caught:
        Atlas(**TINY).fit(X_)
    assert "HistGradientBoosting" not in str(caught.value)


def test_one_width_is_one_layer_and_counts_are_checked(fitted):
    assert Atlas(**TINY | {"hidden": 16, "epochs": 1}).fit(X).record_.spec.hidden == (16,)
    with pytest.raises(RequestError, match="widths from 1"):
        Atlas(**TINY | {"hidden": "16"}).fit(X)
    for count in (0, -1, 2.5, True):
        with pytest.raises(RequestError, match="num_samples takes a whole number from 1; got"):
            fitted.sample(count)
        with pytest.raises(RequestError, match="num_samples takes a whole number from 1; got"):
            fitted.score_samples(X, num_samples=count)
        with pytest.raises(RequestError, match="num_samples takes a whole number from 1; got"):
            fitted.evaluate(X, num_samples=count)


def test_longer_floats_and_negative_zeros_are_plain_numbers(fitted):
    long = X.astype(np.longdouble)
    np.testing.assert_array_equal(fitted.transform(long), fitted.transform(X.astype(np.float64)))
    zeros = np.zeros((2, 5))
    zeros[1] = -0.0
    one, other = Atlas(**TINY, likelihood="continuous_bernoulli").fit(np.abs(np.tanh(X))).score_samples(zeros)
    assert one == other


def test_progress_is_shown_where_somebody_looks_on(capsys, monkeypatch):
    Atlas(**TINY).fit(X)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    Atlas(**TINY).fit(X)
    said = capsys.readouterr().err
    assert said.startswith(f"data: {len(X)} rows x 5 columns without names; no holes. Likelihood: gaussian. ")
    assert "step" in said
    with pytest.raises(RequestError, match='True, False or "auto"'):
        Atlas(**TINY, verbose="loud").fit(X)


def test_stated_levels_give_a_level_that_was_not_fitted_its_probability():
    x = np.random.default_rng(0).integers(0, 3, (60, 2))
    rare = np.array([[4, 1]])
    options = TINY | {"likelihood": "categorical"}
    with pytest.raises(DataError, match="fit with all levels named"):
        Atlas(**options).fit(x).score_samples(rare)
    atlas = Atlas(**options, levels=5).fit(x)
    assert np.isfinite(atlas.score_samples(rare)).all()
    everything = np.stack(np.meshgrid(range(5), range(5)), axis=-1).reshape(-1, 2)
    total = np.exp(atlas.score_samples(everything, num_samples=1000)).sum()
    assert 0.95 < total < 1.02  # each score is a bound from below in expectation


@pytest.mark.parametrize(
    "levels", [1, 2.5, "5", (0, 1), (0, -1, 5), (0, 0.5, np.nan), (0, np.inf, 5), np.nan, True]
)
def test_levels_that_make_no_sense_are_refused(levels):
    with pytest.raises(RequestError, match="The option levels takes a number from 2"):
        Atlas(**TINY, likelihood="discretised_logistic", levels=levels).fit(X)


def test_levels_are_kept_with_the_run(tmp_path):
    x = 0.5 * np.random.default_rng(0).integers(0, 5, (40, 2))
    Atlas(**TINY, likelihood="discretised_logistic", levels=(0, 0.5, 11)).fit(x).save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.levels == (0.0, 0.5, 11.0)
    assert again.record_.units == Levels(0.0, 0.5, 11)
    with pytest.raises(RequestError, match="levels is for categorical and discretised_logistic"):
        Atlas(**TINY, likelihood="gaussian", levels=5).fit(X)


def test_a_finished_fit_is_trained_further(tmp_path):
    options = {"latent_dim": 2, "hidden": (8,), "random_state": 0, "warm_up": 0.0, "patience": None}
    Atlas(**options, epochs=3).fit(X, run=tmp_path / "run")
    further = Atlas(**options, epochs=7).fit(X, run=tmp_path / "run", resume=True)
    whole = Atlas(**options, epochs=7).fit(X)
    assert further.n_iter_ == 7
    assert [line["train"] for line in further.history_] == [line["train"] for line in whole.history_]
    for name, array in whole.record_.arrays.items():
        np.testing.assert_array_equal(further.record_.arrays[name], array, err_msg=name)
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))
    assert again.epochs == 7
    with pytest.raises(RequestError, match="begun with epochs=7, and now 5"):
        Atlas(**options, epochs=5).fit(X, run=tmp_path / "run", resume=True)
    with pytest.raises(RequestError, match="begun with latent_dim=2, and now 3"):
        Atlas(**options | {"latent_dim": 3}, epochs=9).fit(X, run=tmp_path / "run", resume=True)


def test_a_treated_fit_is_not_trained_further(tmp_path):
    options = {"latent_dim": 2, "hidden": (8,), "random_state": 0, "cure": "auto"}
    Atlas(**options, epochs=2).fit(X, run=tmp_path / "run")
    with pytest.raises(RequestError, match="cannot be trained further"):
        Atlas(**options, epochs=4).fit(X, run=tmp_path / "run", resume=True)
