import jax
import numpy as np
import pytest

from latlas.stats import explicitness, modularity
from latlas.stats.factors._modularity import modularity_per_code

DIAGONAL = 5 * np.eye(5)


@pytest.mark.parametrize(
    ("information", "expected"),
    [
        (DIAGONAL, 1),
        ([[1, 0], [0, 1], [0, 0]], 2 / 3),
        (np.zeros((10, 10)), 0),
        (np.vstack([DIAGONAL, DIAGONAL]), 1),
        (DIAGONAL[:2], 1),
        (np.hstack([DIAGONAL, DIAGONAL]), 1 - 1 / 9),
    ],
    ids=["diagonal", "an empty code", "zeros", "every code twice", "missed factors", "two factors a code"],
)
def test_modularity_of_a_matrix_is_exact(information, expected):
    np.testing.assert_allclose(modularity_per_code(np.asarray(information)).mean(), expected, atol=1e-12)


def test_codes_that_are_the_factors_are_modular(factors):
    assert 0.9 <= modularity(factors, factors) <= 1
    assert 0.9 <= modularity(np.hstack([factors, factors]), factors) <= 1


def test_codes_of_zeros_are_not_modular(few_factors):
    assert modularity(np.zeros((1500, 3)), few_factors) == 0


def test_an_empty_code_costs_its_share(few_factors):
    codes = np.column_stack([few_factors, np.zeros((1500, 2))])
    np.testing.assert_allclose(modularity(codes, few_factors), 4 / 6, atol=0.01)


def test_codes_that_mix_the_factors_are_not_modular():
    random = np.random.default_rng(0)
    factors = random.integers(1, 11, size=(20_000, 10))
    assert 0 <= modularity(random.permuted(factors, axis=1), factors) <= 0.2


def test_a_single_factor_has_no_others(few_factors, blurred):
    with pytest.raises(ValueError, match="at least 2 factors"):
        modularity(blurred, few_factors[:, :1])


def test_explicitness_is_the_area_under_the_curve(few_factors, blurred):
    key = jax.random.key(0)
    one_hot = np.concatenate([few_factors[:, [place]] == np.arange(5) for place in range(4)], axis=1)
    np.testing.assert_allclose(explicitness(key, one_hot, few_factors), 1)
    np.testing.assert_allclose(explicitness(key, 0 * blurred, few_factors), 0.5)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    straight, rotated = (explicitness(key, codes, few_factors) for codes in (blurred, blurred @ rotation))
    assert 0.8 < straight < 1
    np.testing.assert_allclose(rotated, straight, atol=0.005)  # linear reading does not see rotations
