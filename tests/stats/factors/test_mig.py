import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from latlas.stats import mutual_information, mutual_information_gap


def test_information_is_that_of_scikit_learn(few_factors, blurred):
    found = mutual_information(blurred, few_factors, num_bins=7)
    for place, column in enumerate(blurred.T):
        bins = np.digitize(column, np.linspace(column.min(), column.max(), 8)[1:-1])
        expected = [mutual_info_score(bins, levels) for levels in few_factors.T]
        np.testing.assert_allclose(found[place], expected, atol=1e-12)


def test_codes_that_are_the_factors_have_a_gap_near_one(factors):
    assert 0.9 <= mutual_information_gap(factors, factors) <= 1


def test_codes_of_zeros_have_no_gap(factors):
    assert mutual_information_gap(0 * factors, factors) == 0


def test_codes_that_hold_everything_twice_have_no_gap(factors):
    assert 0 <= mutual_information_gap(np.hstack([factors, factors]), factors) <= 0.1


def test_the_gap_of_a_channel_with_errors_is_exact():
    # a bit that is wrong in one of four rows, all combinations equally often: 1 - H(1/4) / log 2, and none else
    bit, other, wrong = (grid.ravel() for grid in np.meshgrid([0, 1], [0, 1], [0, 0, 0, 1]))
    rows = np.tile(np.column_stack([bit ^ wrong, other, bit]), (2, 1))
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    np.testing.assert_allclose(mutual_information_gap(rows[:, :2], rows[:, [2]]), 1 - entropy, atol=1e-12)
    np.testing.assert_allclose(mutual_information_gap(rows[:, :1], rows[:, [2]]), 1 - entropy, atol=1e-12)


@pytest.mark.parametrize("quantiles", [False, True])
def test_order_and_sign_of_the_dimensions_do_not_matter(few_factors, blurred, quantiles):
    changed = blurred[:, [3, 1, 4, 0, 2]] * [1, -1, -1, 1, -2]
    np.testing.assert_allclose(
        mutual_information_gap(changed, few_factors, quantiles=quantiles),
        mutual_information_gap(blurred, few_factors, quantiles=quantiles),
        rtol=1e-12,
    )


def test_quantiles_alone_make_the_gap_blind_to_increasing_functions(few_factors, blurred):
    curved = np.exp(3 * blurred)
    of = {
        quantiles: [
            mutual_information_gap(codes, few_factors, quantiles=quantiles) for codes in (blurred, curved)
        ]
        for quantiles in (False, True)
    }
    np.testing.assert_allclose(*of[True], rtol=1e-12)
    assert abs(of[False][0] - of[False][1]) > 0.1


def test_rotating_two_dimensions_lowers_the_gap(few_factors, blurred):
    half = np.sqrt(0.5)
    rotation = np.eye(5)
    rotation[np.ix_([0, 3], [0, 3])] = [[half, -half], [half, half]]
    assert (
        mutual_information_gap(blurred @ rotation, few_factors)
        < mutual_information_gap(blurred, few_factors) - 0.1
    )


def test_a_histogram_needs_two_bins(few_factors, blurred):
    with pytest.raises(ValueError, match="at least 2 bins; got 1"):
        mutual_information_gap(blurred, few_factors, num_bins=1)


def test_the_gap_is_in_units_of_the_factors_own_entropy():
    # a bit that is 1 in one row of four, read without an error: its entropy is 0.56 nats and not log 2
    bit = np.tile([0, 0, 0, 1], 5)
    codes = np.column_stack([bit, np.zeros(20)])
    np.testing.assert_allclose(mutual_information_gap(codes, bit[:, None]), 1.0, atol=1e-12)
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    np.testing.assert_allclose(mutual_information(codes, bit[:, None])[:, 0], [entropy, 0.0], atol=1e-12)
