"""Factors, affine maps, couplings and their composition against NumPy and the Jacobian."""

import itertools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tests.bayes.posteriors import nearby_normal

from latlas.distributions.families import Affine, AffineCoupling, Composed, Diagonal, Triangular

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


def _coupling(dim, moves_first):
    """One that moves something, in float64."""
    with jax.enable_x64(True):
        start = AffineCoupling.identity(jr.key(0), dim, 6, moves_first=moves_first)
        leaves, structure = jax.tree.flatten(start)
        keys = jr.split(jr.key(1), len(leaves))
        moved = [a + 0.5 * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
        return structure.unflatten(moved)


BIJECTIONS = {
    "dense": DENSE,
    "diagonal": DIAGONAL,
    "dense after diagonal": Composed(DENSE, DIAGONAL),
    "diagonal after dense": Composed(DIAGONAL, DENSE),
    "second half": _coupling(4, moves_first=False),
    "first half": _coupling(4, moves_first=True),
    "both halves": Composed(_coupling(4, moves_first=True), _coupling(4, moves_first=False)),
}


@pytest.mark.parametrize("bijection", BIJECTIONS.values(), ids=BIJECTIONS)
def test_inverse_and_log_determinant(bijection):
    w = jr.normal(jr.key(0), (4,))
    u, log_det = bijection(w), np.linalg.slogdet(jax.jacobian(bijection)(w))[1]
    np.testing.assert_allclose(bijection.inverse(u), w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(bijection.log_det(w), log_det, rtol=1e-9)
    again, log_det_of_inverse = bijection.inverse_and_log_det(u)
    np.testing.assert_allclose(again, w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(log_det_of_inverse, -log_det, rtol=1e-9)


@pytest.mark.parametrize(("dim", "moves_first", "staying"), [(5, False, 2), (5, True, 3), (1, False, 0)])
def test_a_coupling_keeps_one_part_and_moves_the_other(dim, moves_first, staying):
    coupling, w = _coupling(dim, moves_first), jr.normal(jr.key(2), (dim,))
    kept = np.isclose(coupling(w), w)
    assert kept.sum() == staying
    assert kept[-staying:].all() if moves_first else kept[:staying].all()
    identity = AffineCoupling.identity(jr.key(0), dim, 3, moves_first=moves_first)
    np.testing.assert_array_equal(identity(w), w)


def test_a_coupling_stretches_by_at_most_e_squared():
    coupling = jax.tree.map(lambda leaf: 1e3 * leaf, _coupling(4, moves_first=False))
    assert np.abs(coupling.log_det(jnp.ones(4))) <= 2 * 2.0


def test_affine_is_loc_plus_factor_times_w():
    w = np.arange(4.0)
    np.testing.assert_allclose(DENSE(w), LOC + FACTOR @ w)
    np.testing.assert_allclose(DIAGONAL(w), DIAGONAL.loc + np.diag(SCALE) @ w)


@each_factor
def test_every_operation_of_a_factor_is_that_of_its_matrix(factor, matrix):
    rows = np.random.default_rng(1).standard_normal((3, 4))
    np.testing.assert_allclose(factor.dense, matrix)
    np.testing.assert_allclose(factor.diagonal, np.diagonal(matrix))
    np.testing.assert_allclose(factor.covariance, matrix @ matrix.T)
    np.testing.assert_allclose(factor.row_norms, np.linalg.norm(matrix, axis=1))
    np.testing.assert_allclose(np.diagonal(matrix)[:, None] * factor.unit_rows, matrix)
    np.testing.assert_allclose(factor.log_det, np.linalg.slogdet(matrix)[1])
    np.testing.assert_allclose(factor.times(rows), rows @ matrix.T)
    np.testing.assert_allclose(factor.transpose_times(rows), rows @ matrix)
    np.testing.assert_allclose(factor.solve(jnp.asarray(rows[0])), np.linalg.solve(matrix, rows[0]))
    np.testing.assert_allclose(factor.solve_rows(rows), np.linalg.solve(matrix, rows.T).T)
    np.testing.assert_allclose(factor.scaled(SCALE).dense, np.diag(SCALE) @ matrix)


@pytest.mark.parametrize("outer", [DENSE, DIAGONAL], ids=["dense", "diagonal"])
@pytest.mark.parametrize("inner", [DENSE, DIAGONAL], ids=["dense", "diagonal"])
def test_composition_applies_the_inner_map_first(outer, inner):
    w = jnp.arange(4.0)
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
