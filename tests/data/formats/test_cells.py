"""A cell that is no number is called by its name, with what to do about it."""

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import read

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
