import jax
import numpy as np
import pytest

from latlas.stats import sap_score

KEY = jax.random.key(0)


def test_codes_that_are_the_factors_score_near_one(factors):
    assert 0.9 <= sap_score(KEY, factors, factors, as_numbers=True) <= 1


@pytest.mark.parametrize("as_numbers", [True, False])
def test_codes_of_zeros_score_nothing(few_factors, as_numbers):
    assert sap_score(KEY, np.zeros((1500, 5)), few_factors, as_numbers=as_numbers) == 0


@pytest.mark.parametrize("as_numbers", [True, False])
def test_codes_that_hold_everything_twice_score_nothing(few_factors, as_numbers):
    codes = np.hstack([few_factors, few_factors])
    np.testing.assert_allclose(sap_score(KEY, codes, few_factors, as_numbers=as_numbers), 0, atol=1e-12)


def test_classes_reach_one_less_chance():
    bit = np.arange(3000)[:, None] % 2
    score = sap_score(KEY, np.hstack([bit, 0 * bit]), bit)
    np.testing.assert_allclose(score, 0.5, atol=3 * 0.5 / np.sqrt(1000))


def test_a_line_does_not_tell_many_classes_apart(factors):
    assert 0.05 < sap_score(KEY, factors, factors) < 0.5


@pytest.mark.parametrize("as_numbers", [True, False])
def test_order_and_sign_of_the_dimensions_do_not_matter(few_factors, blurred, as_numbers):
    changed = blurred[:, [3, 1, 4, 0, 2]] * [1, -1, -1, 1, -1]
    np.testing.assert_allclose(
        sap_score(KEY, changed, few_factors, as_numbers=as_numbers),
        sap_score(KEY, blurred, few_factors, as_numbers=as_numbers),
        atol=0.003,
    )


def test_squared_correlation_is_that_of_numpy(few_factors, blurred):
    squared = np.corrcoef(blurred.T, few_factors.T)[:5, 5:] ** 2
    ordered = np.sort(squared, axis=0)
    np.testing.assert_allclose(
        sap_score(KEY, blurred, few_factors, as_numbers=True), (ordered[-1] - ordered[-2]).mean(), rtol=1e-9
    )
