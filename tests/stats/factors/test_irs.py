import numpy as np
import pytest

from latlas.stats import irs


def test_codes_that_are_the_factors_are_robust(factors):
    np.testing.assert_allclose(irs(factors, factors), 1)


def test_codes_that_never_move_score_nothing(factors):
    assert irs(0 * factors, factors) == 0
    np.testing.assert_allclose(irs(np.hstack([factors, 0 * factors]), factors), 1)


def test_the_score_of_a_sum_is_exact():
    # z = a + b of two bits: held at one a, z is 1/2 from its mean; the largest deviation of all is 1
    bits = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (5, 1))
    codes = np.column_stack([bits.sum(axis=1), 3 * bits[:, 0]])
    np.testing.assert_allclose(irs(codes[:, :1], bits), 0.5)
    np.testing.assert_allclose(irs(codes, bits), (1.0 * 0.5 + 1.5 * 1) / 2.5)  # weighted by range


def test_a_quantile_forgives_outliers_within_a_group(few_factors):
    codes = few_factors.astype(float)
    codes[::500] += 30
    assert irs(codes, few_factors, quantile=0.99) > irs(codes, few_factors, quantile=1.0) + 0.5


def test_order_and_sign_of_the_dimensions_do_not_matter(few_factors, blurred):
    changed = blurred[:, [3, 1, 4, 0, 2]] * [1, -1, -1, 1, -1]
    np.testing.assert_allclose(irs(changed, few_factors), irs(blurred, few_factors), rtol=1e-12)


@pytest.mark.parametrize("quantile", [0, 1.5])
def test_a_quantile_is_a_share(few_factors, blurred, quantile):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        irs(blurred, few_factors, quantile=quantile)


def test_each_value_of_a_factor_counts_alike_however_often_it_occurs():
    # eight rows at one value deviate by 1 and two rows at the other by 3: 2 in the mean over the values, 3 in all
    codes = np.array([1.0, -1.0] * 4 + [3.0, -3.0])[:, None]
    factor = np.array([0] * 8 + [1] * 2)[:, None]
    np.testing.assert_allclose(irs(codes, factor, quantile=1.0), 1 - 2 / 3)


def test_deviations_are_from_the_mean_of_their_value():
    # 0, 0, 0, 0, 4 deviate from their mean by up to 3.2, from their median by up to 4; of all rows the mean is 5.8
    skew = np.array([0.0, 0.0, 0.0, 0.0, 4.0])
    codes, factor = np.concatenate([skew, 10 + skew])[:, None], np.repeat([0, 1], 5)[:, None]
    np.testing.assert_allclose(irs(codes, factor, quantile=1.0), 1 - 3.2 / 8.2)
