"""scikit-learn's own checks, none of them expected to fail."""

import jax
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from latlas import Atlas


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    """Dozens of shapes are compiled and each is run for moments: XLA's optimisations cost more than they save."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@parametrize_with_checks([Atlas(latent_dim=2, hidden=(4,), epochs=2, random_state=0)])
def test_the_estimator_keeps_scikit_learns_contract(estimator, check):
    check(estimator)
