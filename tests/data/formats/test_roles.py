"""Which column is what: by name, or by number where there are no names, and each in one role."""

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read, write

ROWS = np.array([[1.5, 2, 7], [4, 5.5, 6], [0, 8, 3.5]])


@pytest.fixture(params=["csv", "npy", "npz"])
def nameless(request, tmp_path):
    return write(tmp_path / f"a.{request.param}", x=ROWS)


def test_columns_without_names_are_told_by_number(nameless):
    for columns in (["2", "0"], [2, 0]):
        found = read(nameless, columns=columns)
        np.testing.assert_array_equal(found.x, ROWS[:, [2, 0]])
        assert found.columns is None
    for columns in (["foo"], [0, "b"], [3], [-1]):
        with pytest.raises(DataError, match="its columns are told by their numbers from 0 to 2; give those"):
            read(nameless, columns=columns)
    # a fit that had names says nothing of a table that has none
    np.testing.assert_array_equal(read(nameless, fitted=["a", "b", "c"]).x, ROWS)


def test_the_columns_of_images_cannot_be_chosen(tmp_path):
    path = write(tmp_path / "a.npy", x=np.zeros((2, 3, 3)))
    with pytest.raises(DataError, match=r"shape \(2, 3, 3\).*leave out --columns"):
        read(path, columns=[0])


def test_a_mask_goes_with_the_columns_that_are_chosen(tmp_path):
    observed = ROWS > 1
    path = write(tmp_path / "a.npz", x=ROWS, observed=observed)
    np.testing.assert_array_equal(read(path, columns=[2, 0]).observed, observed[:, [2, 0]])


def test_columns_of_a_fit_are_taken_by_name_where_nothing_else_is_asked_for(tmp_path):
    path = write(tmp_path / "a.csv", columns=["a", "y", "c"], x=ROWS)
    assert read(path, fitted=["y", "a"]).columns == ("y", "a")
    assert read(path, fitted=["y", "a"], columns=["c"]).columns == ("c",)
    assert read(path, columns="a").columns == ("a",)


# options -> what is said
REFUSED = {
    "a column twice": ({"columns": ["a", "a"]}, "the column 'a' is asked for twice"),
    "label and index": ({"label": "b", "index": "b"}, "the column 'b' is asked for as index and as something else"),
    "label and data": ({"label": "b", "columns": ["a", "b"]}, "the column 'b' is asked for as label and as something"),
    "no such number": ({"label": 3}, "has no column '3' to take as label"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_column_has_one_role(tmp_path, kind):
    options, said = REFUSED[kind]
    path = write(tmp_path / "a.csv", columns=["a", "b", "c"], x=ROWS)
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert said in str(caught.value)


def test_what_is_told_by_name_leaves_a_column_that_has_a_role(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,label,a\n1,5,0.5\n2,6,0.25\n")
    found = read(path, label="id")
    assert (found.label.tolist(), found.index, found.columns) == ([1, 2], None, ("label", "a"))
    found = read(path, index="label")
    assert (found.label, found.index.tolist(), found.columns) == (None, [5, 6], ("id", "a"))


def test_a_number_is_a_name_of_a_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("5.1,3.5,x,7.5\n4.9,3.0,y,2.5\n")
    found = read(path, label=2)
    assert (found.label.tolist(), found.shape) == (["x", "y"], (2, 3))
    found = read(path, index=2, columns=[3, 1])
    np.testing.assert_array_equal(found.x, [[7.5, 3.5], [2.5, 3.0]])


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 0.1", "Unnamed: 3"])
@pytest.mark.parametrize("rows", [[0, 1, 2, 0, 1], [4, 9, 2, 7, 7], [*range(1200), 0, 1]])
def test_a_column_that_pandas_named_is_the_index(tmp_path, name, rows):
    path = tmp_path / "a.csv"
    path.write_text(f"{name},a\n" + "".join(f"{row},0.5\n" for row in rows))
    found = read(path)
    assert (found.columns, found.index.tolist(), found.index_name) == (("a",), rows, name)
    assert f"{name!r} taken as the index" in found.describe()
    assert read(path, index="none").columns == (name, "a")


@pytest.mark.parametrize("first", ["Unnamed: 0.1,Unnamed: 0", ",Unnamed: 0"])
def test_a_second_index_of_pandas_is_refused(tmp_path, first):
    path = tmp_path / "a.csv"
    path.write_text(f"{first},a\n0,0,0.5\n1,1,1.5\n")
    with pytest.raises(DataError, match=r"'Unnamed: 0' beside .*looks like another index: take it out"):
        read(path)
    assert read(path, columns=["a"]).columns == ("a",)
