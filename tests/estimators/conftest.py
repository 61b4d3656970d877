"""Quick compilation for the tests of this folder."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly(compile_quickly):
    """Dozens of shapes are compiled here."""
