"""Affine maps and their composition against NumPy and the Jacobian."""

import jax
import numpy as np
import pytest
from tests.bayes.posteriors import nearby_normal

from latlas.distributions.families import Affine, Composed

LOC, FACTOR = nearby_normal(4)
DENSE, DIAGONAL = Affine(LOC, FACTOR), Affine(LOC[::-1].copy(), np.array([0.1, 1.0, 2.0, 1e3]))


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    "warp", [DENSE, DIAGONAL, Composed(DENSE, DIAGONAL), Composed(DIAGONAL, DENSE)], ids=str
)
def test_inverse_and_log_determinant(warp):
    w = np.random.default_rng(0).standard_normal(4)
    np.testing.assert_allclose(warp.inverse(warp(w)), w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(warp.log_det(w), np.linalg.slogdet(jax.jacobian(warp)(w))[1], rtol=1e-9)


def test_affine_is_loc_plus_factor_times_w():
    w = np.arange(4.0)
    np.testing.assert_allclose(DENSE(w), LOC + FACTOR @ w)
    np.testing.assert_allclose(DIAGONAL(w), DIAGONAL.loc + np.diag(DIAGONAL.scale_tril) @ w)
    np.testing.assert_allclose(DIAGONAL.dense, np.diag(DIAGONAL.scale_tril))
    np.testing.assert_allclose(DENSE.dense, FACTOR)
    np.testing.assert_allclose(DENSE.diagonal, np.diagonal(FACTOR))


def test_composition_applies_the_inner_map_first():
    w = np.arange(4.0)
    np.testing.assert_allclose(Composed(DENSE, DIAGONAL)(w), DENSE(DIAGONAL(w)))
