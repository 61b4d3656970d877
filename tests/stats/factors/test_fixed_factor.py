import jax
import numpy as np
import pytest

from latlas.stats import beta_vae_score, factor_vae_score
from latlas.stats.factors._fixed_factor import AT_ONCE, FixedFactorDraws
from latlas.stats.factors._labelled_codes import labelled_codes

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def draws(few_factors, blurred):
    return FixedFactorDraws(labelled_codes(blurred, few_factors), 2, "a pair")


def test_every_factor_is_held_equally_often(draws):
    handfuls = list(draws.factors(np.random.default_rng(0), 3 * AT_ONCE + 1))
    assert [len(handful) for handful in handfuls] == [AT_ONCE] * 3 + [1]
    counts = np.bincount(np.concatenate(handfuls))
    np.testing.assert_allclose(counts, len(np.concatenate(handfuls)) / 4, atol=4 * np.sqrt(1500 / 4))


def test_a_batch_shares_the_value_of_its_factor_and_nothing_else(draws, few_factors):
    held = np.repeat([0, 1, 2, 3], 100)
    rows = draws.batches(np.random.default_rng(0), held, 32)
    values = few_factors[rows]
    for factor in range(4):
        for other in range(4):
            spread = np.ptp(values[held == factor, :, other], axis=1)
            assert (spread == 0).all() if other == factor else (spread > 0).all()
    assert len(np.unique(rows)) > 1400  # every row comes up


def test_a_pair_shares_the_value_of_its_factor_and_is_of_two_examples(draws, few_factors):
    held = np.repeat([0, 1, 2, 3], 200)
    first, second = draws.pairs(np.random.default_rng(0), held, 16)
    assert (first != second).all()
    for factor in range(4):
        same = (few_factors[first] == few_factors[second])[held == factor].mean(axis=(0, 1))
        assert same[factor] == 1
        np.testing.assert_allclose(
            np.delete(same, factor), np.delete(1 / np.array([2, 3, 4, 5]), factor), atol=0.04
        )
    assert len(np.unique(second)) > 1400


def test_codes_that_are_the_factors_score_near_one(factors):
    options = {"num_train": 1000, "num_test": 500}
    assert 0.9 <= factor_vae_score(KEY, factors, factors, **options) <= 1
    assert 0.9 <= beta_vae_score(KEY, factors, factors, **options) <= 1


def test_codes_of_zeros_score_at_most_chance(factors):
    options = {"num_train": 1000, "num_test": 500}
    assert factor_vae_score(KEY, 0 * factors, factors, **options) == 0
    np.testing.assert_allclose(beta_vae_score(KEY, 0 * factors, factors, **options), 0.1, atol=0.1)


def test_noise_scores_chance(few_factors):
    noise = np.random.default_rng(4).normal(size=(1500, 5))
    error = np.sqrt(0.25 * 0.75 / 5000)
    # the majority of noisy votes is ahead of the others by chance, and the rows are the same for all draws
    np.testing.assert_allclose(factor_vae_score(KEY, noise, few_factors), 0.25, atol=12 * error)


@pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score])
def test_order_sign_and_scale_of_the_dimensions_do_not_matter(few_factors, blurred, score):
    changed = blurred[:, [3, 1, 4, 0, 2]] * [1, -1, -2, 1, -3]
    options = {"batch_size": 8, "num_train": 400, "num_test": 400}
    np.testing.assert_allclose(
        score(KEY, changed, few_factors, **options), score(KEY, blurred, few_factors, **options), atol=0.005
    )


def test_a_dimension_that_holds_two_factors_loses_one_of_them(few_factors):
    codes = np.column_stack([few_factors[:, 0], few_factors[:, 1] + 3 * few_factors[:, 2], few_factors[:, 3]])
    score = factor_vae_score(KEY, codes, few_factors, num_train=1000, num_test=1000)
    np.testing.assert_allclose(score, 0.75, atol=4 * np.sqrt(0.75 * 0.25 / 1000))


def test_collapsed_dimensions_do_not_vote(few_factors):
    # a dimension that moves in a few rows only stands still in most batches, whatever was held
    ghost = 0.2 * (np.arange(1500) % 300 == 0)
    codes = np.column_stack([ghost, few_factors])
    options = {"num_train": 1000, "num_test": 1000}
    assert factor_vae_score(KEY, codes, few_factors, **options) == 1
    assert factor_vae_score(KEY, codes, few_factors, min_scale=0.0, **options) < 0.6
    assert factor_vae_score(KEY, codes, few_factors, min_scale=10.0, **options) == 0


def test_too_few_rows_of_a_value_are_refused_in_a_sentence(few_factors, blurred):
    with pytest.raises(ValueError, match="rows, and a batch of 1000 needs 1000"):
        factor_vae_score(KEY, blurred, few_factors, batch_size=1000)
    rare = np.column_stack([few_factors[:, 0], np.arange(1500) == 0])
    with pytest.raises(ValueError, match="factor 1 occurs in 1 rows, and a pair needs 2"):
        beta_vae_score(KEY, blurred, rare)
    with pytest.raises(ValueError, match="at least 2 factors"):
        beta_vae_score(KEY, blurred, few_factors[:, :1])
    with pytest.raises(ValueError, match="not every one of 4 factors"):
        beta_vae_score(KEY, blurred, few_factors, num_train=3, num_test=2)
    for score in (factor_vae_score, beta_vae_score):
        with pytest.raises(ValueError, match="at least 2 examples; got 1"):
            score(KEY, blurred, few_factors, batch_size=1)
        with pytest.raises(ValueError, match="at least 1; got 5 and 0"):
            score(KEY, blurred, few_factors, num_train=5, num_test=0)
