"""Whether the first line of a text table holds names: told where it is clear, asked for where it is not."""

import time

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read, read_named

RNG = np.random.default_rng(0)


def beneath(first, rows, tmp_path, **options):
    """The table whose first line stands over these rows."""
    lines = [
        first,
        *(",".join(f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row) for row in rows),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return read(tmp_path / "a.csv", **options)


def normal(columns, rows=12):
    return RNG.normal(3, 1, size=(rows, columns)).tolist()


@pytest.mark.parametrize(
    "first",
    ["400,402,404,406", "400.0,400.5,401.0,401.5", "1900,1910,1920,1930", "2005,2004,2003,2002", "400,400.33,400.67,401",
     "1990,1992,1994", "1e3,2e3,3e3"],
)  # fmt: skip
def test_numbers_of_equal_steps_far_from_what_is_beneath_are_names(tmp_path, first):
    names = tuple(first.split(","))
    found = beneath(first, normal(len(names)), tmp_path)
    assert (found.columns, found.shape) == (names, (12, len(names)))
    numbered = [[i, *row] for i, row in enumerate(normal(len(names)))]
    found = beneath("," + first, numbered, tmp_path)
    assert (found.columns, found.index.tolist()) == (names, [*range(12)])


@pytest.mark.parametrize("first", ["1,3,5", "2.5,3,3.5", "4,3,2,1", "3,3,3", "0.5,3,5.5"])
def test_a_row_of_equal_steps_within_its_columns_is_a_row(tmp_path, first):
    width = len(first.split(","))
    found = beneath(first, normal(width), tmp_path)
    assert (found.columns, found.shape) == (None, (13, width))


def test_rows_that_all_have_equal_steps_are_rows(tmp_path):
    rows = [[100 * i, 100 * i + 10, 100 * i + 20] for i in range(1, 9)]
    assert beneath("4000,4010,4020", rows, tmp_path, index="none").shape == (9, 3)


# first line -> rows beneath
UNCLEAR = {
    "apart in some columns": ("3,300,597", normal(3)),
    "few rows": ("400,402,404", normal(3, rows=2)),
    "years among what could be years": (
        "1900,1910,1920",
        [[1000.5 + 100 * i, 3000.5 - 100 * i, 1500.5 + 70 * i] for i in range(12)],
    ),
    "many columns": (",".join(f"{i / 10}" for i in range(0, 60, 2)), normal(30)),
    "unequal steps": ("412,443,490,555", normal(4)),
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_numbers_that_could_be_either_are_asked_for(tmp_path, kind):
    first, rows = UNCLEAR[kind]
    with pytest.raises(DataError, match=r"in line 1, which could be a row or the names.*--names yes or no"):
        beneath(first, rows, tmp_path)
    assert beneath(first, rows, tmp_path, names=True).columns == tuple(first.split(","))
    assert beneath(first, rows, tmp_path, names=False).shape == (len(rows) + 1, len(rows[0]))


@pytest.mark.parametrize(
    "first", ["country,1990,1995,2000", "country,1990,1995,2010", "country,400,402.5,405"]
)
def test_a_word_before_numbers_over_words_is_a_line_of_names(tmp_path, first):
    rows = [[f"c{i}", *row] for i, row in enumerate(normal(3))]
    found = beneath(first, rows, tmp_path, index="country")
    assert (found.columns, found.shape) == (tuple(first.split(",")[1:]), (12, 3))
    assert found.index.tolist() == [f"c{i}" for i in range(12)]
    columns = first.split(",")[1:3]
    assert beneath(first, rows, tmp_path, columns=columns).columns == tuple(columns)


def test_a_labelled_row_is_no_line_of_names(tmp_path):
    rows = [["b", *row] for row in normal(3)]
    assert beneath("a,2,3,4", [*rows, ["a", 1, 1, 1]], tmp_path, label=0).shape == (14, 3)
    assert beneath("a,3.5,2,2.5", rows, tmp_path, label=0).shape == (13, 3)
    with pytest.raises(DataError, match="or that this line holds the names \\(--names yes\\)"):
        beneath("a,3.5,2,2.5", rows, tmp_path)


def test_an_outlier_beneath_does_not_hide_the_names(tmp_path):
    rows = normal(4, rows=30)
    rows[7] = [-9999.0] * 4
    assert beneath("400,402,404,406", rows, tmp_path).columns == ("400", "402", "404", "406")


@pytest.mark.parametrize(
    "first",
    ["1.0kg,2.0kg", "1.5 kg,2 kg", "1.2.3,4.5.6", "--1.0,2.0.1", "1 000,2 000", "<5,<7", "2020-01-01,x", "−1.5,−2",
     "1.0D+02,2.0D+01", "1.5±0.2,2.5±0.1", "1.2.3,nan", "0x1F,0x20", "O.5,1.5*", "1.2e,+-5", "'5,'6", "(5),(6)",
     "1'000,2'000"],
)  # fmt: skip
def test_damaged_numbers_above_numbers_are_asked_for(tmp_path, first):
    with pytest.raises(DataError, match=r"in line 1, which could be a row or the names.*--names yes or no"):
        beneath(first, normal(2), tmp_path)
    labelled = [[*row, "x"] for row in normal(2)]
    with pytest.raises(DataError, match="in line 1, which could be a row or the names"):
        beneath(first + ",y", labelled, tmp_path, label=2)
    assert beneath(first.replace("nan", "b"), normal(2), tmp_path, names=True).shape == (12, 2)


@pytest.mark.parametrize(
    "first",
    ["1st,2nd", "5HT1A,2-propanol", "24h,48h", "1a,1b", "10-19,20-29", "<10,10-19", "2020-01-01,2020-01-02", "12:00,13:00",
     "3SsnPorch,1.2.3", "x,1.0kg", "1_1,1_2"],
)  # fmt: skip
def test_names_that_begin_like_numbers_are_names(tmp_path, first):
    assert beneath(first, normal(2), tmp_path).columns == tuple(first.split(","))


def test_a_damaged_number_behind_numbers_that_count_on_is_asked_for(tmp_path):
    with pytest.raises(DataError, match=r"'3\.5 kg' in line 1, which could be a row or the names"):
        beneath("1,2,3.5 kg", normal(3), tmp_path)


@pytest.mark.parametrize("cell", ["O", "n.d.", "missing", "<5"])
@pytest.mark.parametrize("numbers", ["1,2", "3,4", "1,2,3"])
def test_a_text_behind_few_numbers_that_count_on_is_asked_for(tmp_path, numbers, cell):
    first = f"{numbers},{cell}"
    with pytest.raises(DataError, match="in line 1, which could be a row or the names"):
        beneath(first, normal(len(first.split(","))), tmp_path)


def test_many_numbers_that_count_on_before_a_text_are_names(tmp_path):
    names = (*map(str, range(16)), "digit")
    found = beneath(",".join(names), normal(17), tmp_path, label="digit")
    assert found.columns == names[:-1]


@pytest.mark.parametrize(
    "cell",
    [
        "12:30",
        "0x1F",
        "O.5",
        "<0.5",
        "1.5*",
        "(5)",
        "1e5x",
        "1/2",
        "1e",
        "5-",
        "±2",
        "1__2",
        "1_000",
        "½",
        "2020-01-01",
    ],
)
def test_a_lone_cell_that_is_nearly_a_number_is_asked_for(tmp_path, cell):
    with pytest.raises(DataError, match="in line 1, which could be a row or the names"):
        beneath(cell, normal(1), tmp_path)


def test_a_first_row_with_a_label_of_its_own_is_asked_for(tmp_path):
    rows = [[3, 9, "virg"], [6, 7, "virg"]]
    for options in ({}, {"label": 2}):
        with pytest.raises(DataError, match=r"'setosa' in line 1, which could be a row.*names=True or False"):
            beneath("3,4,setosa", rows, tmp_path, **options)
    assert beneath("3,4,setosa", rows, tmp_path, label=2, names=False).label.tolist() == [
        "setosa",
        "virg",
        "virg",
    ]
    with pytest.raises(
        DataError, match=r"no column '2' to take as label.*\(--names no; in Python names=False\)"
    ):
        beneath("3,4,setosa", rows, tmp_path, label=2, names=True)


@pytest.mark.parametrize("cell", ["1" * 50_000 + "x", "-" + " " * 50_000 + "x"])
def test_a_long_cell_is_judged_at_once(tmp_path, cell):
    started = time.monotonic()
    assert beneath(f"a,{cell}", normal(2), tmp_path).columns == ("a", cell)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["Na", "NA", "None", "null", "?"])
def test_a_first_column_called_by_a_word_for_a_hole_keeps_its_name(tmp_path, name):
    rows = [[140, 4.1, 101], [138, 3.9, 99]]
    for options in ({}, {"index": "none"}):
        found = beneath(f"{name},K,Cl", rows, tmp_path, **options)
        assert (found.columns, found.index) == ((name, "K", "Cl"), None)
        np.testing.assert_array_equal(found.x, rows)
    assert read_named(tmp_path / "a.csv")[name].tolist() == [140, 138]


@pytest.mark.parametrize("first", ["Na", "NA", "null", "None", "NA,NA", ",Na"])
def test_a_line_of_words_for_holes_is_asked_for(tmp_path, first):
    rows = normal(len(first.split(",")))
    with pytest.raises(DataError, match=r"in line 1, which could be a row or the names.*--names yes or no"):
        beneath(first, rows, tmp_path)
    assert beneath(first, rows, tmp_path, names=False, missing=True).holes == len(first.split(","))
    assert beneath("Na", normal(1), tmp_path, names=True).columns == ("Na",)


def test_a_line_of_nan_is_a_row(tmp_path):
    assert beneath("nan,nan", normal(2), tmp_path, missing=True).holes == 2
