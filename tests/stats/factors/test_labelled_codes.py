import jax
import numpy as np
import pytest

from latlas.stats import modularity, mutual_information, mutual_information_gap, sap_score
from latlas.stats.factors._labelled_codes import generator, labelled_codes, split

RANDOM = np.random.default_rng(0)
CODES = RANDOM.normal(size=(60, 3))
FACTORS = RANDOM.integers(0, 3, size=(60, 2))


def with_value(array, place, value):
    changed = np.array(array, dtype=float)
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (CODES[:, 0], FACTORS, r"codes have shape \(60,\)"),
        (CODES, FACTORS[:, 0], r"factors have shape \(60,\)"),
        (CODES[:, :0], FACTORS, r"codes have shape \(60, 0\)"),
        (CODES, FACTORS.astype(str), "must be numbers"),
        (CODES[:50], FACTORS, "50 and 60 rows"),
        (CODES[:5], FACTORS[:5], "5 rows are too few"),
        (with_value(CODES, (7, 1), np.nan), FACTORS, "1 of 60 rows hold nan or infinity, the first is row 7"),
        (with_value(CODES, (7, 1), np.inf), FACTORS, "row 7"),
        (CODES, with_value(FACTORS, (3, 1), np.nan), "Factor 1 holds nan"),
        (CODES, with_value(FACTORS, (3, 1), 0.5), r"factor 1 holds 0\.5"),
        (CODES, FACTORS * [1, 0], "Factor 1 has the same value 0 in every row"),
        (CODES, np.arange(120).reshape(60, 2), "60 different values in 60 rows"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(codes, factors, message):
    for score in (mutual_information, mutual_information_gap, modularity, with_key(sap_score)):
        with pytest.raises(ValueError, match=message):
            score(codes, factors)


def with_key(score):
    return lambda codes, factors: score(jax.random.key(0), codes, factors)


def test_values_are_numbered_in_their_order():
    data = labelled_codes(CODES, 7.0 - 2 * FACTORS)
    np.testing.assert_array_equal(data.levels, 2 - FACTORS)
    assert data.num_levels == (3, 3)


def test_a_key_decides_the_draws():
    first, again, other = (generator(jax.random.key(seed)).random(3) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_split_keeps_every_row_once():
    train, test = split(jax.random.key(0), labelled_codes(CODES, FACTORS), 0.25)
    assert len(test.codes) == 15
    both = np.concatenate([train.codes, test.codes])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(CODES, axis=0))


def test_a_split_that_loses_a_value_is_refused():
    factors = np.column_stack([FACTORS[:, 0], np.arange(60) == 0])
    data = labelled_codes(CODES, factors)
    with pytest.raises(ValueError, match="1 of the 2 values of factor 1"):
        split(jax.random.key(0), data.rows(np.arange(1, 60)), 0.25)
    with pytest.raises(ValueError, match="between 0 and 1"):
        split(jax.random.key(0), data, 1.0)
