"""Factors, affine maps and their composition against NumPy and the Jacobian."""

import itertools

import jax
import numpy as np
import pytest
from tests.bayes.posteriors import nearby_normal

from latlas.distributions.families import Affine, Composed, Diagonal, Triangular

LOC, FACTOR = nearby_normal(4)
SCALE = np.array([0.1, 1.0, 2.0, 1e3])
DENSE, DIAGONAL = Affine(LOC, Triangular(FACTOR)), Affine(LOC[::-1].copy(), Diagonal(SCALE))

each_factor = pytest.mark.parametrize(
    ("factor", "matrix"),
    [(DENSE.factor, FACTOR), (DIAGONAL.factor, np.diag(SCALE))],
    ids=["dense", "diagonal"],
)


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    "bijection", [DENSE, DIAGONAL, Composed(DENSE, DIAGONAL), Composed(DIAGONAL, DENSE)], ids=str
)
def test_inverse_and_log_determinant(bijection):
    w = np.random.default_rng(0).standard_normal(4)
    np.testing.assert_allclose(bijection.inverse(bijection(w)), w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        bijection.log_det(w), np.linalg.slogdet(jax.jacobian(bijection)(w))[1], rtol=1e-9
    )


def test_affine_is_loc_plus_factor_times_w():
    w = np.arange(4.0)
    np.testing.assert_allclose(DENSE(w), LOC + FACTOR @ w)
    np.testing.assert_allclose(DIAGONAL(w), DIAGONAL.loc + np.diag(SCALE) @ w)


@each_factor
def test_every_operation_of_a_factor_is_that_of_its_matrix(factor, matrix):
    rows = np.random.default_rng(1).standard_normal((3, 4))
    np.testing.assert_allclose(factor.dense, matrix)
    np.testing.assert_allclose(factor.diagonal, np.diagonal(matrix))
    np.testing.assert_allclose(factor.log_det, np.linalg.slogdet(matrix)[1])
    np.testing.assert_allclose(factor.times(rows), rows @ matrix.T)
    np.testing.assert_allclose(factor.transpose_times(rows), rows @ matrix)
    np.testing.assert_allclose(factor.solve(rows[0]), np.linalg.solve(matrix, rows[0]))
    np.testing.assert_allclose(factor.solve_rows(rows), np.linalg.solve(matrix, rows.T).T)
    np.testing.assert_allclose(factor.scaled(SCALE).dense, np.diag(SCALE) @ matrix)


@pytest.mark.parametrize("outer", [DENSE, DIAGONAL], ids=["dense", "diagonal"])
@pytest.mark.parametrize("inner", [DENSE, DIAGONAL], ids=["dense", "diagonal"])
def test_composition_applies_the_inner_map_first(outer, inner):
    w = np.arange(4.0)
    np.testing.assert_allclose(Composed(outer, inner)(w), outer(inner(w)))
    np.testing.assert_allclose(outer.after(inner)(w), outer(inner(w)))
    np.testing.assert_allclose(outer.after(inner).factor.dense, outer.factor.dense @ inner.factor.dense)


def test_independent_coordinates_stay_independent_in_composition():
    assert isinstance(DIAGONAL.after(DIAGONAL).factor, Diagonal)


def test_on_the_host_numpy_in_numpy_out_in_float64():
    with jax.enable_x64(False):
        for outer, inner in itertools.product([DENSE, DIAGONAL], repeat=2):
            both = outer.after(inner).on_host()
            rows = both.inverse_rows(np.ones((3, 4)))
            found = rows, both(rows), both.factor.transpose_times(rows), both.factor.diagonal
            assert {(type(a), str(a.dtype)) for a in found} == {(np.ndarray, "float64")}
            np.testing.assert_allclose(both(rows), 1.0, rtol=1e-12)
