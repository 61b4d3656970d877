"""What stands in an archive beside the data is taken, named, or refused; never passed over in silence."""

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read

X = np.arange(12.0).reshape(4, 3)
HOLED = np.eye(4, 3, dtype=bool)


def saved(tmp_path, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz"


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
@pytest.mark.parametrize("name", ["observed_mask", "missing", "valid", "w"])
def test_a_mask_of_another_name_is_refused(tmp_path, name, dtype):
    with pytest.raises(DataError, match=f"under {name!r} an array of zeros and ones.*under 'observed'"):
        read(saved(tmp_path, x=X, **{name: HOLED.astype(dtype)}))


@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_a_mask_beside_binary_data_is_told_from_more_of_the_same(tmp_path, dtype):
    x = (X % 2).astype(dtype)
    np.testing.assert_array_equal(read(saved(tmp_path, x=x, test=x[::-1])).x, x)
    with pytest.raises(DataError, match="under 'missing'"):
        read(saved(tmp_path, x=x, missing=HOLED.astype(dtype)))
    with pytest.raises(DataError, match="under 'hidden'"):
        read(saved(tmp_path, x=x.astype(np.uint8), hidden=HOLED))


def test_a_second_mask_is_refused(tmp_path):
    with pytest.raises(DataError, match="under 'mask'"):
        read(saved(tmp_path, x=X, observed=HOLED, mask=~HOLED))


def test_names_are_known_in_capitals_as_well(tmp_path, caplog):
    found = read(saved(tmp_path, x=X, Observed=HOLED, Label=np.arange(4)))
    np.testing.assert_array_equal(found.observed, HOLED)
    assert found.label.tolist() == [0, 1, 2, 3]
    assert not caplog.messages


@pytest.mark.parametrize("name", ["feature_names", "columns", "Feature_Names"])
def test_the_names_of_the_columns_are_taken(tmp_path, name):
    found = read(saved(tmp_path, images=X, **{name: np.array(["a", "b", "c"])}))
    assert found.columns == ("a", "b", "c")
    assert read(tmp_path / "a.npz", columns=["c", "a"]).x.tolist() == X[:, [2, 0]].tolist()
    with pytest.raises(DataError, match="lacks the columns d"):
        read(tmp_path / "a.npz", columns=["d"])
    with pytest.raises(DataError, match="names a column 'a' for the second time"):
        read(saved(tmp_path, x=X, **{name: np.array(["a", "b", "a"])}))


def test_what_was_not_used_is_named(tmp_path, caplog):
    names = np.array(["a", "b", "c"])
    more = {"scale": X + 0.5, "weights": np.ones((4, 3)), "columns": names[:2], "who": names.astype(object)}
    found = read(saved(tmp_path, x=X, y=np.arange(4), label=np.arange(4), **more))
    assert found.columns is None
    assert caplog.messages == [f"{tmp_path / 'a.npz'}: left out the arrays y, scale, weights, columns, who."]
