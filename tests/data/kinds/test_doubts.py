"""What speaks against a likelihood is said, and nothing where nothing does."""

import numpy as np
import pytest

from latlas.data import doubts

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(200, 3))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("draw", ["normal", "exponential", "laplace", "uniform"])
def test_nothing_is_said_of_measurements(seed, draw):
    x = getattr(np.random.default_rng(seed), draw)(size=(5000, 4))
    assert doubts(x, "gaussian") == []


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace", "student_t", "continuous_bernoulli"])
def test_a_yes_or_no_under_a_density_is_named(likelihood):
    x = NORMAL.copy()
    x[:, 1] = x[:, 1] > 0
    (said,) = doubts(x, likelihood, ["a", "sex", "c"])
    assert said.startswith("1 of 3 columns holds few distinct values: 'sex' (2 values).")
    assert "do not compare its scores with probabilities, and fit these columns by themselves" in said


def test_a_table_of_levels_is_sent_to_a_likelihood_of_levels():
    (said,) = doubts(RNG.integers(0, 2, (100, 4)), "laplace")
    assert "4 of 4 columns hold few distinct values" in said
    assert "ask for bernoulli, categorical or discretised_logistic" in said
    assert doubts(RNG.integers(0, 2, (100, 4)), "bernoulli") == []


def test_heavy_tails_are_named_with_a_way_out():
    x = NORMAL.copy()
    x[:, 2] = np.exp(4 * x[:, 2])
    (said,) = doubts(x, "gaussian")
    assert "1 of 3 columns holds tails too heavy for gaussian: 2" in said
    assert "take their logarithms, or ask for student_t" in said
    x = RNG.standard_cauchy((2000, 1))
    (said,) = doubts(x, "gaussian")
    assert said.endswith("Its samples will be too wide: ask for student_t.")
    assert doubts(x, "student_t") == []


def test_one_wild_cell_is_named_with_its_row():
    x = NORMAL + 1
    x[17, 1] = 1e6
    (said,) = doubts(x, "gaussian")
    assert said.startswith(
        "1e+06 in row 17, column 1 (rows counted from 0) lies more than 25 interquartile ranges"
    )


def test_a_column_that_mostly_holds_one_value_is_named_with_its_tail():
    rng = np.random.default_rng(0)
    zeros = rng.random((3000, 2)) < 0.8
    mostly, tails = doubts(np.where(zeros, 0, rng.standard_cauchy((3000, 2))), "gaussian", ["rain", "b"])
    assert mostly.startswith("2 of 2 columns hold one value in most rows: 'rain' (")
    assert "% are 0)" in mostly
    assert "2 of 2 columns hold tails too heavy for gaussian: 'rain', 'b'" in tails
    (only,) = doubts(np.where(zeros, 0, rng.normal(size=(3000, 2))), "gaussian")
    assert "one value in most rows" in only
