"""Arrays and DataFrames: what they hide, how their columns are called, and what is refused in a sentence."""

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from latlas import Atlas
from latlas.core import DataError, Example, num_examples
from latlas.data import Table, fingerprint
from latlas.estimators import load, report_data

TINY = {"latent_dim": 2, "hidden": (8,), "epochs": 1, "random_state": 0}
X = np.random.default_rng(0).normal(size=(60, 4)) * [1, 2, 3, 4] + [0, 10, 100, 1000]
HIDDEN = np.zeros(X.shape, bool)
HIDDEN[3, 1] = True
FILLED = np.where(HIDDEN, -999.0, X)


@pytest.fixture(scope="module")
def fitted():
    return Atlas(**TINY).fit(X)


def frame(columns):
    return pd.DataFrame(X, columns=columns)


# --- masks


@pytest.mark.parametrize(
    "masked",
    [
        np.ma.array(FILLED, mask=HIDDEN),
        list(np.ma.array(FILLED, mask=HIDDEN)),
        Table(np.ma.array(FILLED, mask=HIDDEN)),
        Table(FILLED, observed=~HIDDEN),
        np.where(HIDDEN, pd.NA, X.astype(object)),
        pd.DataFrame(np.where(HIDDEN, pd.NA, X.astype(object))),
    ],
)
def test_what_a_mask_hides_is_no_data(fitted, masked):
    verbs = (Atlas(**TINY).fit, fitted.score, fitted.transform, fitted.reconstruct, fitted.evaluate)
    for verb in (*verbs, fitted.diagnose, lambda x: fitted.diagnose(X, train=x), fitted.bracket, fitted.gap):
        with pytest.raises(DataError, match="marks 1 of its 240 entries as not observed, and no model here"):
            verb(masked)


def test_nullable_columns_with_holes_are_refused():
    for dtype in ("Float64", "Int64", "boolean"):
        holed = pd.DataFrame({"a": pd.array([1, None] * 20, dtype=dtype), "b": range(40)})
        with pytest.raises(DataError, match="Fill the holes, or leave those rows out"):
            Atlas(**TINY).fit(holed)


def test_a_mask_that_hides_nothing_is_plain_data(fitted):
    plain = np.ma.array(X, mask=False)
    assert fitted.score(plain) == fitted.score(X) == fitted.score(Table(plain))
    assert fingerprint(plain) == fingerprint(X)
    assert Table(plain).observed is None
    assert type(Table(plain).x) is np.ndarray


def test_a_masked_table_says_what_was_observed():
    table = Table(np.ma.array(FILLED, mask=HIDDEN), observed=np.arange(4) < np.full((60, 1), 3))
    assert table.holes == 61
    assert type(table.x) is np.ndarray
    with pytest.raises(DataError, match="masks 1 of its 240 entries"):
        fingerprint(np.ma.array(FILLED, mask=HIDDEN))


def test_latents_are_not_masked(fitted):
    with pytest.raises(DataError, match="marks 60 of its 120 entries as not observed"):
        fitted.inverse_transform(np.ma.array(X[:, :2], mask=[[True, False]] * 60))


def test_an_example_is_not_masked():
    with pytest.raises(DataError, match=r"masks 1 of its values.*observed"):
        Example({"x": np.ma.array(FILLED, mask=HIDDEN)})
    assert num_examples(Example(np.ma.array(X), ~HIDDEN)) == 60


# --- names


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ([10, 20, 30, 40], ["10", "20", "30", "40"]),
        ([3, 2, 1, 0], ["3", "2", "1", "0"]),
        (["a", 1, "b", 2.5], ["a", "1", "b", "2.5"]),
        (pd.MultiIndex.from_product([["a", "b"], [1, 2]]), ["a.1", "a.2", "b.1", "b.2"]),
    ],
)
def test_names_of_any_kind_are_kept_and_checked(columns, names, tmp_path):
    named = frame(columns)
    atlas = Atlas(**TINY).fit(named)
    assert atlas.feature_names_in_.tolist() == names
    atlas.save(tmp_path / "run")
    for one in (atlas, load(tmp_path / "run")):
        assert one.score(named) == one.score(frame(names)) == atlas.score(named)
        moved = named[named.columns[::-1]]
        with pytest.raises(
            DataError, match=r"same order as they were in fit\.\nGive it `X\[fitted.columns\]`"
        ):
            one.score(moved)
        assert one.score(moved[named.columns]) == atlas.score(named)
        with pytest.raises(DataError, match="now missing"):
            one.score(frame([*names[:3], "other"]))


def test_pandas_own_numbers_are_no_names(fitted):
    numbered = pd.DataFrame(X)
    atlas = Atlas(**TINY).fit(numbered)
    assert not hasattr(atlas, "feature_names_in_")
    assert atlas.score(numbered) == atlas.score(X) == fitted.score(numbered)
    for moved in (numbered[[3, 2, 1, 0]], frame([4, 5, 6, 7])):
        with pytest.raises(DataError, match=r"numbered \d, .* which count from 0 to 3: .* `X.to_numpy\(\)`"):
            atlas.score(moved)
    assert atlas.score(numbered[[3, 2, 1, 0]][list(range(4))]) == atlas.score(X)


def test_pandas_own_numbers_are_names_to_a_fit_that_has_some_of_them():
    atlas = Atlas(**TINY).fit(pd.DataFrame(X)[[3, 2, 1, 0]])
    with pytest.raises(DataError, match="same order"):
        atlas.score(pd.DataFrame(X))


def test_text_in_another_order_is_refused_with_the_way_to_order_it():
    named = frame(list("abcd"))
    atlas = Atlas(**TINY).fit(named)
    for other in (named[list("dcba")], named.assign(e=1.0)):
        with pytest.raises(DataError, match=r"\nGive it `X\[list\(atlas.feature_names_in_\)\]`\."):
            atlas.score(other)
        assert atlas.score(other[list(atlas.feature_names_in_)]) == atlas.score(named)


def test_names_that_are_the_same_as_text_are_refused():
    with pytest.raises(DataError, match="unique column names"):
        Atlas(**TINY).fit(frame(["1", 1, "b", "c"]))


# --- what is no array of numbers

STAMPS = [pd.Timestamp("2020"), 1.0], [pd.Timestamp("2021"), 2.0]
REFUSED = [
    (pd.Series(X[:, 0]), r"Got a Series of one axis, with 60 entries.*reshape\(x, \(-1, 1\)\)"),
    (list(range(5000)), "Got a list of one axis, with 5,000 entries"),
    (pd.DataFrame({"a": [datetime.date(2020, 1, 1)] * 40, "b": range(40)}), "'a' holds dates.*days since"),
    (pd.DataFrame({"a": [1.0, [2]] * 20, "b": range(40)}), "'a' holds a list where a number"),
    (STAMPS, "The data hold dates"),
    ([[datetime.timedelta(1), 1.0], [datetime.timedelta(2), 2.0]], "The data hold durations.*in a unit"),
    (X[:, :1].astype("m8[s]"), "The data hold durations.*in a unit"),
    ([[{}, 1.0]] * 9, r"The data hold a dict where a number was expected"),
    ([[1.0, "a"]] * 9, "text where numbers were expected"),
    (np.array([[1.0, "a"]] * 9, object), "text where numbers were expected \\('a'\\)"),
    (scipy.sparse.csr_matrix(X), r"Sparse data are not taken: give `X.toarray\(\)`"),
    (scipy.sparse.coo_array(X), r"Sparse data are not taken: give `X.toarray\(\)`"),
    (pd.DataFrame(X).astype(pd.SparseDtype(float, 0.0)), r"`X.sparse.to_dense\(\)`"),
    (pd.DataFrame(X).astype(pd.SparseDtype(float, np.nan)), r"`X.sparse.to_dense\(\)`"),
    ("x.csv", r"Got str 'x.csv' where rows.*`latlas.data.read`"),
    (Path("x.csv"), "Path 'x.csv' where rows.*`latlas.data.read`"),
    (None, "Got None where rows of numbers.*`latlas.data.read`"),
    (dict(zip("abcd", X.T, strict=True)), "Got a dict where rows of numbers"),
    ((row for row in X), "Got a generator where rows of numbers"),
    (X + 1j, "Complex data not supported: give real and imaginary parts"),
    ((X + 1j).tolist(), "Complex data not supported"),
    (Table(X + 1j), "Complex data not supported"),
    (Table(X[:, 0]), "of one axis"),
    ([[1.0, 2.0], [3.0]], "Got a list that is no array of numbers.*equally long"),
    (np.zeros(3, [("u", float), ("v", float)]), "records with the fields u, v"),
]


@pytest.mark.parametrize(("data", "said"), REFUSED)
def test_what_is_no_array_of_numbers_is_refused_in_a_short_sentence(fitted, data, said):
    for verb in (Atlas(**TINY).fit, fitted.score):
        with pytest.raises(DataError, match=said) as caught:
            verb(data)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("latents", ["z.npy", None, list(range(5000)), X[:, :2] + 1j, {"z": X[:, :2]}])
def test_latents_that_are_none_are_refused_in_a_short_sentence(fitted, latents):
    with pytest.raises(DataError) as caught:
        fitted.inverse_transform(latents)
    assert len(str(caught.value)) < 300


def test_latents_of_a_frame_are_known_by_their_names(fitted):
    z = pd.DataFrame(fitted.transform(X), columns=fitted.get_feature_names_out())
    expected = fitted.inverse_transform(z.to_numpy())
    for frame in (z, z[z.columns[::-1]], pd.DataFrame(z.to_numpy())):
        np.testing.assert_array_equal(fitted.inverse_transform(frame), expected)
    for frame in (z.rename(columns={"atlas0": "size"}), pd.DataFrame(z.to_numpy())[[1, 0]]):
        with pytest.raises(
            DataError, match=r"those of the model atlas0, atlas1: rename them .* `Z.to_numpy\(\)`"
        ):
            fitted.inverse_transform(frame)


def test_a_report_knows_the_columns_of_a_table_by_their_names():
    names = ("a", "b", "c", "d")
    atlas = Atlas(**TINY).fit(pd.DataFrame(X, columns=names))
    data = report_data(atlas, Table(X[:, ::-1], columns=names[::-1]), title="x")
    np.testing.assert_array_equal(data.items.originals, X[: len(data.items.originals)])
    np.testing.assert_array_equal(data.latent.codes, atlas.transform(pd.DataFrame(X, columns=names)))


def test_lists_and_objects_are_the_numbers_that_they_hold(fitted):
    assert fitted.score(X.tolist()) == fitted.score(X.astype(object)) == fitted.score(X)
    image = Atlas(**TINY).fit(X.reshape(60, 2, 2))
    assert image.score(list(X.reshape(60, 2, 2))) == image.score(X)
