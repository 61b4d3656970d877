"""Quick compilation for the tests of this folder."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    """Dozens of shapes are compiled and each is run for moments: XLA's optimisations cost more than they save."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
