"""Named values come back as they were written, and everything else is refused in one sentence."""

import gzip
import json

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read_named


def test_json_gives_numbers_and_arrays(tmp_path):
    path = tmp_path / "d.json"
    path.write_text(
        json.dumps(
            {"J": 8, "scale": 2.0, "flag": True, "y": [1, 2.5], "g": [[0, 1], [2, 3]], "b": [True], "e": []}
        )
    )
    found = read_named(path)
    assert (found["J"], found["scale"], found["flag"]) == (8, 2.0, True)
    assert isinstance(found["J"], int)
    np.testing.assert_array_equal(found["y"], [1.0, 2.5])
    np.testing.assert_array_equal(found["g"], [[0, 1], [2, 3]])
    kinds = {name: value.dtype.kind for name, value in found.items() if isinstance(value, np.ndarray)}
    assert kinds == {"y": "f", "g": "i", "b": "b", "e": "f"}


def test_npz_and_csv_give_an_array_per_name(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.eye(2, dtype=np.float32), n=np.array(3), label=np.array([1, 0]))
    found = read_named(tmp_path / "d.npz")
    assert found["x"].dtype == np.float32
    assert found["n"] == 3
    assert isinstance(found["n"], int)
    assert list(found["label"]) == [1, 0]
    text = "y,group\n1.5,0\n-2,1\n"
    (tmp_path / "d.csv").write_text(text)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("d.csv", "d.csv.gz"):
        found = read_named(tmp_path / name)
        np.testing.assert_array_equal(found["y"], [1.5, -2.0])
        assert found["group"].dtype == np.int64


BAD = {
    "list.json": ("[1, 2]", "an object was expected"),
    "broken.json": ('{"y": [1, 2', "is not JSON"),
    "nan.json": ('{"y": [1, NaN]}', "NaN is no JSON number"),
    "twice.json": ('{"y": 1, "y": 2}', "twice"),
    "null.json": ('{"y": [1, null]}', "holds null in the list 'y'"),
    "text.json": ('{"y": "abc"}', "holds the text 'abc' under 'y'"),
    "object.json": ('{"y": {"a": 1}}', "a JSON object under 'y'"),
    "words.json": ('{"y": ["a", "b"]}', "holds the text 'a' in the list 'y'"),
    "ragged.json": ('{"y": [[1, 2], [3]]}', "rows of lengths from 1 to 2"),
    "uneven.json": ('{"y": [[1, 2], 3]}', "'y' with rows of"),
    "deep.json": ('{"y": ' + "[" * 100_000 + "]" * 100_000 + "}", "is not JSON"),
    "large.json": ('{"y": [99999999999999999999]}', "does not fit 64 bits"),
    "huge.json": ('{"y": ' + "9" * 400 + "}", "does not fit 64 bits"),
    "unsigned.json": ('{"y": 9223372036854775808}', "whole number under 'y' that does not fit 64 bits"),
    "overflow.json": ('{"y": 1e400}', "1e400 does not fit a float"),
    "minus.json": ('{"y": [1, -1e400]}', "-1e400 does not fit a float"),
    "infinite.json": ('{"y": [1, Infinity]}', "Infinity is no JSON number"),
    "17 axes.json": ('{"y": ' + "[" * 17 + "1" + "]" * 17 + "}", "more than 16 deep"),
    "70 deep.json": ('{"y": ' + "[" * 70 + "1" + "]" * 70 + "}", "more than 64 levels"),
    "900 deep.json": ('{"y": ' + "[" * 900 + "1" + "]" * 900 + "}", "more than 64 levels"),
    "surrogate.json": ('{"\\ud800": 1}', "no text"),
    "empty.json": ("", "is empty"),
    "bare.csv": ("1,2\n3,4\n", "no line of names"),
    "doubled.csv": ("a,a\n3,4\n", "for the second time"),
    "holed.csv": ("a,b\n3,4\n5,\n", "nothing in line 3, column 'b'"),
    "words.csv": ("a,b\n3,x\n", "'x' in line 2, column 'b'"),
    "torn.npz": ("PK\x03\x04torn", "no whole .npz"),
    "named.npz": ("{}", "not the .npz file"),
    "d.yaml": ("y: 1", ".csv, .csv.gz, .json, .npz"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_named_data_is_refused_in_a_sentence(tmp_path, name):
    text, words = BAD[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_named(tmp_path / name)
    assert words in str(error.value)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not_there_or_a_pickle_is_refused(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_named(tmp_path / "none.json")
    with pytest.raises(DataError, match="is a folder"):
        read_named((tmp_path / "f.json").mkdir() or tmp_path / "f.json")
    np.savez(tmp_path / "p.npz", x=np.array([{}], dtype=object))
    with pytest.raises(DataError):
        read_named(tmp_path / "p.npz")
    (tmp_path / "d.json").write_text('{"y": [1, 2, 3]}')
    with pytest.raises(DataError, match="at most 10"):
        read_named(tmp_path / "d.json", max_bytes=10)
