"""A cell that is no number is called by its name, with what to do about it."""

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read, read_named

SAID = {
    "a decimal comma: write": ["1,5", "-12,25"],
    "a decimal comma with groups": ["1.234,5", "-1.234.567,89"],
    "a number in groups": ["1,000.5", "1 000", "1'000", "1.234.567"],
    "a number with its unit": ["1.5 kg", "1.5kg", "5%", "$5", "3 mm", "5kg", "20°C", "1.5e3 m/s", "2.5 µg/ml",
                               "0.3 s^-1", "7 ms"],
    "a date or a time": ["12-Jan-2020", "2020-01-12", "2020/01/12", "12.01.2020", "Jan 12, 2020", "12 January 2020",
                       "10:30"],
    "a value with its error": ["1.5±0.2", "1.5 +/- 0.2", "1.5(2)"],
    "a number with Fortran's exponent": ["1.0D+02", "-1d3"],
    "a number with a minus sign that is a dash": ["−1.5", "–2", "1e−3"],
    "a bound and not a value": ["<5", ">= 7.5", "≤3"],
    "several numbers": ["1.5 2.5"],
    "a truth value": ["True", "no"],
    "such as 0 to 3 for A, C, G and T": ["ACGTAC"],
    "for the amino acids": ["MKTAYIAKQR"],
    "cells that | separates": ["a|b", "1|2|3"],
    "write its categories as numbers": ["red", "5HT1A", "1st", "Malignant", "2-propanol", "T2N1", "3c", "model 3", "may",
                                        "4XYZ"],
}  # fmt: skip


def table(tmp_path, cell, **options):
    (tmp_path / "a.csv").write_text(f'a;b\n1;2\n"{cell}";3\n')
    return read(tmp_path / "a.csv", **options)


@pytest.mark.parametrize(("said", "cell"), [(said, cell) for said, cells in SAID.items() for cell in cells])
def test_what_is_no_number_is_called_by_its_name(tmp_path, said, cell):
    with pytest.raises(DataError) as caught:
        table(tmp_path, cell)
    assert said in str(caught.value)


@pytest.mark.parametrize("cell", ["", "NA", "#N/A", "<NA>", "NaT", ".", "-", "--", "?"])
def test_a_hole_is_called_a_hole(tmp_path, cell):
    with pytest.raises(DataError, match=r"one NaN, the first in row 1, column 'a'.*fill the holes"):
        table(tmp_path, cell)
    np.testing.assert_array_equal(table(tmp_path, cell, missing=True).observed, [[True, True], [False, True]])


BEYOND = ["9007199254740993", "9007199254740992"]
# cells of a label or an index -> what they become
NAMES = {
    "whole numbers beyond 2**53": (BEYOND, [int(cell) for cell in BEYOND]),
    "beyond 64 bits": (["9" * 20, "9" * 19 + "8"], ["9" * 20, "9" * 19 + "8"]),
    "zeros in front": (["007", "7"], ["007", "7"]),
    "infinities": (["inf", "1e400"], ["inf", "1e400"]),
    "of thousands of digits": (["1" * 5000, "1" * 4999], ["1" * 5000, "1" * 4999]),
    "points": (["1.0", "2.0", "1.0"], [1, 2, 1]),
    "versions": (["1.1", "1.10"], ["1.1", "1.10"]),
    "floats": (["0.5", "2.5"], [0.5, 2.5]),
}


@pytest.mark.parametrize("kind", NAMES)
def test_labels_and_an_index_stay_apart_as_they_are_written(tmp_path, kind):
    cells, values = NAMES[kind]
    (tmp_path / "a.csv").write_text("a,c,id\n" + "".join(f"{i}.5,3,{cell}\n" for i, cell in enumerate(cells)))
    assert read(tmp_path / "a.csv", label="id").label.tolist() == values
    assert read(tmp_path / "a.csv", index="id").index.tolist() == values


def test_whole_numbers_that_floats_round_are_no_data(tmp_path):
    with pytest.raises(
        DataError, match=r"'9007199254740993' in line 3, column 'a', a whole number beyond 2\*\*53"
    ):
        table(tmp_path, BEYOND[0])
    assert table(tmp_path, BEYOND[1]).x[1, 0] == 2**53
    assert table(tmp_path, "1e300").x[1, 0] == 1e300
    named = read_named_column(tmp_path, BEYOND)
    assert (named.dtype, named.tolist()) == (np.int64, [int(cell) for cell in BEYOND])
    with pytest.raises(DataError, match="which 64-bit floats round"):
        read_named_column(tmp_path, ["9" * 20, "1"])


def read_named_column(tmp_path, cells):
    (tmp_path / "a.csv").write_text("\n".join(["a", *cells]) + "\n")
    return read_named(tmp_path / "a.csv")["a"]


@pytest.mark.parametrize("text", ["id,a\n{},1\n2,3\n", "1,2,3\n{},4,5\n", "{},2,3\n1,2,3\n4,5,9\n"])
def test_a_number_of_thousands_of_digits_is_an_infinity(tmp_path, text):
    (tmp_path / "a.csv").write_text(text.format("1" * 5000))
    with pytest.raises(DataError, match="one infinity, the first in row 0"):
        read(tmp_path / "a.csv")
