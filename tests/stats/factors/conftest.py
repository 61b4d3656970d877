import numpy as np
import pytest


@pytest.fixture(scope="package")
def factors():
    """3,000 draws of ten factors with ten values each."""
    return np.random.default_rng(0).integers(1, 11, size=(3000, 10))


@pytest.fixture(scope="package")
def few_factors():
    """1,500 draws of four factors with 2, 3, 4 and 5 values."""
    random = np.random.default_rng(1)
    return np.stack([random.integers(0, levels, 1500) for levels in (2, 3, 4, 5)], axis=1)


@pytest.fixture(scope="package")
def blurred(few_factors):
    """Codes of the few factors with noise, one useless dimension, in some order and with some signs."""
    noise = np.random.default_rng(2).normal(size=(1500, 5))
    return np.column_stack([-few_factors[:, 2], few_factors[:, 0], 0 * few_factors[:, 0], few_factors[:, 3],
                            few_factors[:, 1]]) + 0.3 * noise  # fmt: skip
