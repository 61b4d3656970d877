"""A text table as its user meant it: names, labels, an index, holes; and nothing lost without a word."""

import gzip
import tracemalloc

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read, read_named, write

COUNTED = "\n".join(f"{i},{i / 2},{i * i}" for i in range(12))


def table(tmp_path, text, **options):
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, **options)


# text -> (names, data, labels, index)
READ = {
    "coordinates": ("x,y,z\n1,2,3\n4,5,6\n", ("x", "y", "z"), [[1, 2, 3], [4, 5, 6]], None, None),
    "two coordinates": ("x,y\n1,2\n4,5\n", ("x", "y"), [[1, 2], [4, 5]], None, None),
    "a label": ("a,y,b\n1,0,2\n3,1,4\n", ("a", "b"), [[1, 2], [3, 4]], [0, 1], None),
    "words as labels": ("a,Class\n1,no\n3,yes\n", ("a",), [[1], [3]], ["no", "yes"], None),
    "pandas with its index": (",a,b\n0,1.5,2\n1,3,4\n", ("a", "b"), [[1.5, 2], [3, 4]], None, [0, 1]),
    "pandas with row names": (",a\ng1,1\ng2,2\n", ("a",), [[1], [2]], None, ["g1", "g2"]),
    "pandas without names": (",0,1\n0,1.5,2\n1,3,4\n", ("0", "1"), [[1.5, 2], [3, 4]], None, [0, 1]),
    "R with row names": ('"a","b"\n"r1",1,2\n"r2",3,4\n', ("a", "b"), [[1, 2], [3, 4]], None, ["r1", "r2"]),
    "years as names": ("1998,1999,2000\n1.5,2,3\n4,5,6\n", ("1998", "1999", "2000"), [[1.5, 2, 3], [4, 5, 6]], None, None),
    "pixels as names": ("0,1,2,3\n5,6,9,1\n7,7,3,2\n", ("0", "1", "2", "3"), [[5, 6, 9, 1], [7, 7, 3, 2]], None, None),
    "rows that count on": ("1,2,3\n2,3,4\n3,4,5\n", None, [[1, 2, 3], [2, 3, 4], [3, 4, 5]], None, None),
    "two whole numbers": ("0,1\n5,7\n", None, [[0, 1], [5, 7]], None, None),
    "dates as names": ("2020-01-01,2020-01-02\n1,2\n", ("2020-01-01", "2020-01-02"), [[1, 2]], None, None),
    "an id that counts": ("id,a\n1,2.5\n2,3\n", ("a",), [[2.5], [3]], None, [1, 2]),
    "an id that is measured": ("id,a\n7,2.5\n9,3\n", ("id", "a"), [[7, 2.5], [9, 3]], None, None),
    "semicolons": ("a;b\n1.5;2\n", ("a", "b"), [[1.5, 2]], None, None),
    "a comma within quotes": ('"a,1";b\n1;2\n', ("a,1", "b"), [[1, 2]], None, None),
    "two marks of Unicode": ("\ufeff\ufeffa,b\n1,2\n", ("a", "b"), [[1, 2]], None, None),
    "Excel's first line": ("sep=;\na;b\n1;2\n", ("a", "b"), [[1, 2]], None, None),
    "a separator of one's own": ("sep=|\r\na|b\r\n1|2\r\n", ("a", "b"), [[1, 2]], None, None),
    "blank lines around": ("\n\na,b\n1,2\n3,4\n\n\n", ("a", "b"), [[1, 2], [3, 4]], None, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_a_table_is_read_as_it_was_meant(tmp_path, kind):
    text, names, x, labels, index = READ[kind]
    found = table(tmp_path, text)
    assert found.columns == names
    np.testing.assert_array_equal(found.x, x)
    assert (None if found.label is None else found.label.tolist()) == labels
    assert (None if found.index is None else found.index.tolist()) == index


# text -> what is said
REFUSED = {
    "a letter in a number": ("1.0,2.O\n3,4\n", "holds numbers and '2.O' in line 1"),
    "a unit in the first line": ("1,$5,3\n4,5,6\n", "holds numbers and '$5' in line 1"),
    "a share in the first line": ("1,5%,3\n4,5,6\n", "holds numbers and '5%' in line 1"),
    "a unit alone": ("$5\n3\n4\n", "holds numbers and '$5' in line 1"),
    "a blank line": ("a,b\n1,2\n\n3,4\n", "a blank line 3 between its rows"),
    "a row of nothing": ("a,b\n1,2\n,\n3,4\n", "2 NaNs, the first in row 1, column 'a'"),
    "a hole of one column": ("a\n1\n\n3\n", "one NaN, the first in row 1"),
    "a comment": ("# a comment\na,b\n1,2\n", "take out the lines above the table that begin with #"),
    "a hole with a sign": ("a,b\n-nan,NA\n1,2\n", "2 NaNs, the first in row 0"),
    "behind Excel's first line": ("sep=;\na;b\n1;x\n", "'x' in line 3, column 'b'"),
    "decimal commas": ("x\n1,5\n2,7\n", "if its commas are decimal, write points"),
    "decimal commas beside semicolons": ("a;b\n1,5;2,7\n", "a decimal comma: write 1.5"),
    "two columns of one name": ("a,a\n1,2\n", "names a column 'a' for the second time"),
    "a column without a name": ("a,,b\n1,2,3\n", "has no name for column 2"),
    "dates": ("d,b\n2020-01-01,2\n", "a date or a time"),
    "DNA": ("d,b\nACGTAC,2\n", "a sequence"),
    "words": ("d,b\nred,2\n", "name the columns to take (--columns)"),
    "spaces": ("1.0 2.0\n3.0 4.0\n", "put commas, semicolons or tabs between them"),
    "units": ("a,b\n5%,2\n", "write the number alone"),
    "groups of digits": ("a;b\n1,000.5;2\n", "a number in groups of digits"),
    "an open quote": ('a,b\n"1,2\n3,4\n', "no readable table"),
    "commas at the ends": (
        "a,b\n1,2,\n2,4,\n",
        "take out the commas (semicolons, tabs) at the ends of the rows",
    ),
    "semicolons at the ends": (
        "a;b\n1.5;2; \n2.5;4;\n",
        "take out the commas (semicolons, tabs) at the ends of the rows",
    ),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16 text: save it as UTF-8"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_meant_is_refused_with_what_to_do(tmp_path, kind):
    text, said = REFUSED[kind]
    with pytest.raises(DataError) as caught:
        table(tmp_path, text)
    assert said in str(caught.value)


def test_commas_at_the_ends_of_rows_are_no_holes(tmp_path):
    with pytest.raises(DataError, match="an empty cell behind the last column 'b' in every row"):
        table(tmp_path, "a,b\n1,2,\n2,4,\n", missing=True)
    assert table(tmp_path, '"a","b"\n"r1",1,\n"r2",2,4\n', missing=True).index.tolist() == ["r1", "r2"]


def test_the_user_says_what_a_column_is(tmp_path):
    text = "a,species,y\n1,set,2\n3,vir,4\n"
    found = table(tmp_path, text, label="species")
    assert (found.columns, found.label.tolist(), found.label_name) == (("a", "y"), ["set", "vir"], "species")
    found = table(tmp_path, "a,y\n1,2\n3,4\n", label="none")
    assert (found.columns, found.label) == (("a", "y"), None)
    found = table(tmp_path, COUNTED, index="none")
    assert (found.shape, found.index) == ((12, 3), None)
    found = table(tmp_path, "5.1,3.5,setosa\n4.9,3.0,virginica\n", label="2")
    np.testing.assert_array_equal(found.x, [[5.1, 3.5], [4.9, 3.0]])
    assert found.label.tolist() == ["setosa", "virginica"]
    with pytest.raises(DataError, match="no column 'specis' to take as label"):
        table(tmp_path, text, label="specis")
    with pytest.raises(DataError, match="no column left"):
        table(tmp_path, "a\n1\n", label="a")


def test_the_user_says_whether_there_are_names(tmp_path):
    assert table(tmp_path, "1.0,2.O\n3,4\n", names=True).columns == ("1.0", "2.O")
    assert table(tmp_path, "1998,1999,2000\n1,2,3\n", names=False).shape == (2, 3)
    with pytest.raises(DataError, match=r"'2\.O' in line 1"):
        table(tmp_path, "1.0,2.O\n3,4\n", names=False)


def test_columns_are_taken_by_their_names(tmp_path):
    text = "b,kind,a\n2,x,1\n4,y,3\n"
    found = table(tmp_path, text, columns=["a", "b"], beside=("kind", None))
    np.testing.assert_array_equal(found.x, [[1, 2], [3, 4]])
    assert (found.columns, found.label.tolist()) == (("a", "b"), ["x", "y"])
    # a column that was fitted is no label, whatever it is called
    assert table(tmp_path, "y,a\n2,1\n", columns=["a", "y"]).x.tolist() == [[1, 2]]
    with pytest.raises(DataError, match="lacks the columns c \\(it has b besides\\)"):
        table(tmp_path, text, columns=["a", "c"], beside=("kind", None))


@pytest.mark.parametrize(
    ("text", "x"),
    [('a\n1.0\n2.0\n""\n', [1, 2, np.nan]), ('""\n1.0\n2.0\n', [np.nan, 1, 2]), ('a\n""\n1\n""\n\n', [np.nan, 1, np.nan]),
     ("a\n1\n  \n3\n \n", [1, np.nan, 3])],
)  # fmt: skip
def test_an_empty_cell_in_quotes_is_a_hole_of_one_column(tmp_path, text, x):
    np.testing.assert_array_equal(table(tmp_path, text, missing=True).x[:, 0], x)
    with pytest.raises(DataError, match=r"NaNs?, the first in row"):
        table(tmp_path, text)
    with pytest.raises(DataError, match=r"has nothing in line|no line of names"):
        read_named(tmp_path / "a.csv")


def test_an_empty_cell_in_quotes_is_no_row_of_several_columns(tmp_path):
    with pytest.raises(DataError, match="has 1 columns in line 3 and 2 in the first"):
        table(tmp_path, 'a,b\n1,2\n""\n')


def test_a_column_that_stops_counting_is_none_of_the_index(tmp_path):
    numbers = [*range(1500), 7]
    found = table(tmp_path, "\n".join(f"{i},{i / 2}" for i in numbers))
    assert (found.index, found.shape) == (None, (1501, 2))
    np.testing.assert_array_equal(found.x[:, 0], numbers)
    found = table(tmp_path, COUNTED)
    assert (found.index.tolist(), found.shape, found.columns) == ([*range(12)], (12, 2), None)


def test_a_column_that_stops_counting_is_taken_only_where_no_others_are_asked_for(tmp_path):
    numbers = [*range(1200), *range(1201, 1500)]
    text = "id,a,b\n" + "".join(f"{i},{i % 7}.5,{i % 5}.25\n" for i in numbers)
    assert table(tmp_path, text).columns == ("id", "a", "b")
    for options in ({"columns": ["a", "b"]}, {"fitted": ["a", "b"]}):
        found = table(tmp_path, text, **options)
        assert (found.columns, found.shape, found.index) == (("a", "b"), (1499, 2), None)
    found = table(tmp_path, text, fitted=["a", "b"], beside=(None, "id"))
    assert (found.columns, found.index.tolist()) == (("a", "b"), numbers)
    with pytest.raises(DataError, match="'x1300' in line 1301, column 'id'"):
        table(tmp_path, text.replace("\n1300,", "\nx1300,"))


def test_a_table_says_what_was_read(tmp_path):
    found = table(tmp_path, "id,a,species,b\n1,2.5,set,3\n2,,vir,5\n", label="species", missing=True)
    assert found.describe() == (
        "a.csv: 2 rows x 2 columns (a, b); labels from 'species' (2 values), not part of the data; 'id' taken as the index, "
        "not part of the data; 1 hole."
    )


def test_a_name_of_two_lines_is_said_in_one(tmp_path):
    found = table(tmp_path, '"a\nb",c\n1,2\n')
    assert found.columns == ("a\nb", "c")
    assert found.describe() == "a.csv: 1 row x 2 columns (a b, c); no holes."


@pytest.mark.parametrize("text", ["1,5\n2,5\n3,7\n", "12,5\n9,75\n101,2\n"])
def test_commas_that_may_be_decimal_are_said(tmp_path, caplog, text):
    with caplog.at_level("WARNING", "latlas"):
        assert table(tmp_path, text).shape == (3, 2)
    first = text.split()[0]
    assert (
        f"line such as {first} for two whole numbers; if its comma is decimal, write {first.replace(',', '.')}."
        in caplog.text
    )


@pytest.mark.parametrize(
    "text", ["a,b\n1,5\n2,5\n", "1.5,5\n2,5\n", "1;5\n2;5\n", "1,5,2\n2,5,1\n", "1,-5\n2,5\n"]
)
def test_commas_that_are_not_decimal_are_not_spoken_of(tmp_path, caplog, text):
    with caplog.at_level("WARNING", "latlas"):
        table(tmp_path, text)
    assert "decimal" not in caplog.text


def test_names_are_written_and_read_back(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 2))
    path = write(tmp_path / "b.csv", columns=["a, b", "c"], x=x)
    found = read(path)
    assert found.columns == ("a, b", "c")
    np.testing.assert_allclose(found.x, x, rtol=1e-8)


def test_names_are_kept_in_an_npz(tmp_path):
    x = np.arange(6.0).reshape(3, 2)
    path = write(tmp_path / "w.npz", columns=["a, b", "c"], mean=x, scale=x + 1)
    assert read(path, array="mean").columns == ("a, b", "c")
    np.testing.assert_array_equal(read(path, array="scale", columns=["c"]).x, x[:, 1:] + 1)
    images = write(tmp_path / "i.npz", columns=["a", "c"], x=np.ones((3, 4, 4)))
    assert np.load(images).files == ["x"]


def test_an_archive_of_text_that_fills_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("latlas.data.formats._delimited._SMALL_BYTES", 2**20)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0,0\n" * 2**20))
    with pytest.raises(DataError, match="made to fill the memory"):
        read(path)


@pytest.mark.parametrize("reader", [read, read_named])
def test_numbers_that_outgrow_their_text_are_refused_as_they_come(tmp_path, reader):
    path = tmp_path / "packed.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"more than 500,000 bytes of numbers by line 31,252: split it"):
        reader(path, max_bytes=500_000)  # of text there are fewer
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**25
    assert reader(path, max_bytes=1_600_000) is not None


def test_a_table_is_read_in_little_more_than_its_own_size(tmp_path):
    path = tmp_path / "large.csv"
    line = ",".join(f"{i / 7:.15f}" for i in range(20)) + "\n"
    path.write_text(line * 20_000)
    tracemalloc.start()
    found = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (20_000, 20)
    assert peak < 1.5 * path.stat().st_size, f"{peak / path.stat().st_size:.2f} times the file"


@pytest.mark.parametrize("text", ["a,b\n1,inf\n", "a,b\n1,1e999\n"])
def test_named_values_are_finite(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="an infinity in line 2, column 'b'"):
        read_named(path)
