"""Non-centring: a bijection with the right log determinant, found where scales are parameters and nowhere else."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tests.bayes.posteriors import centred_schools, density_of, funnel, logistic, nearby_normal, normal

from latlas.bayes.densities import NonCentring, find_non_centring
from latlas.distributions.families import Affine, Diagonal


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def bijection():
    rng = np.random.default_rng(0)
    mixing = np.eye(3) + np.triu(rng.standard_normal((3, 3)), 1)
    return NonCentring(
        np.array([1, 3]), np.array([4, 0, 2]), rng.standard_normal(2), rng.standard_normal(3), mixing,
        rng.standard_normal((3, 2)),
    )  # fmt: skip


def test_a_bijection_with_its_log_determinant(bijection):
    w = jnp.asarray(np.random.default_rng(1).standard_normal(5))
    np.testing.assert_allclose(bijection.inverse(bijection(w)), w, rtol=1e-9)
    np.testing.assert_allclose(bijection(bijection.inverse(w)), w, rtol=1e-9)
    sign, log_det = np.linalg.slogdet(jax.jacobian(bijection)(w))
    np.testing.assert_allclose(bijection.log_det(w), log_det, rtol=1e-9)
    assert sign == 1.0
    np.testing.assert_allclose(bijection(w)[np.array([1, 3])], w[np.array([1, 3])])


def test_neals_funnel_becomes_a_normal():
    """du / dw of the others is exp(u_0 / 2), after which the density is a product of normals."""
    density = density_of(funnel, 6)
    bijection = find_non_centring(jr.key(0), density, Affine(np.zeros(6), Diagonal(np.ones(6))))
    assert bijection.parents.tolist() == [0]
    np.testing.assert_allclose(bijection.slopes, 0.5, atol=1e-6)
    rows = np.random.default_rng(0).standard_normal((3, 6))
    through = density.through(bijection)
    hessian = through.hessian(rows)
    np.testing.assert_allclose(hessian, [np.diag([-1 / 9] + 5 * [-1.0])] * 3, atol=1e-6)
    u = np.asarray(jax.vmap(bijection)(jnp.asarray(rows)))
    log_dets = np.linalg.slogdet(jax.vmap(jax.jacobian(bijection))(jnp.asarray(rows)))[1]
    np.testing.assert_allclose(through.value(rows), density.value(u) + log_dets, rtol=1e-9)


def test_the_scale_of_a_hundred_coordinates_is_found():
    """There are fewer draws than a regression on all coordinates needs."""
    density = density_of(funnel, 101)
    bijection = find_non_centring(jr.key(0), density, Affine(np.zeros(101), Diagonal(np.ones(101))))
    assert bijection.parents.tolist() == [0]
    np.testing.assert_allclose(bijection.slopes, 0.5, atol=1e-6)


def test_a_scale_that_many_children_hold_narrow_is_found():
    """At the best diagonal normal a log scale with 60 children is 0.09 wide, so that each child's width changes little."""
    rng = np.random.default_rng(0)
    guess = Affine(np.zeros(61), Diagonal(np.r_[2.0 / 60**0.5 / 2**0.5, np.ones(60)]))
    bijection = find_non_centring(jr.key(0), density_of(funnel, 61), guess)
    assert bijection.parents.tolist() == [0]
    # a regression has as many coefficients, and a noise scale that sets the width of none of them
    x = rng.standard_normal((200, 3))
    y = x @ np.ones(3) + rng.standard_normal(200)
    guess = Affine(np.r_[0.0, np.ones(3)], Diagonal(np.full(4, 0.07)))
    assert find_non_centring(jr.key(0), density_of(regression, 4, (x, y)), guess) is None


def regression(u, data):
    """log sigma and the coefficients, flat priors."""
    x, y = data
    return -0.5 * jnp.sum((y - x @ u[1:]) ** 2) * jnp.exp(-2 * u[0]) - len(y) * u[0]


def test_centred_schools_name_their_scale():
    guess = Affine(np.r_[4.0, 1.0, np.full(8, 4.0)], Diagonal(np.r_[3.0, 0.8, np.full(8, 3.0)]))
    bijection = find_non_centring(jr.key(0), density_of(centred_schools, 10), guess)
    assert bijection.parents.tolist() == [1]
    assert sorted(bijection.children) == [0, *range(2, 10)]
    # one unit of log tau widens each theta by nearly e where the data say little; mu hardly at all
    slopes = dict(zip(bijection.children, np.asarray(bijection.slopes)[:, 0], strict=True))
    assert all(0.4 < slopes[i] < 1.2 for i in range(2, 10)), slopes


def test_nothing_to_do_for_a_normal_or_a_logistic_regression():
    loc, factor = nearby_normal(4)
    guess = Affine(loc, Diagonal(np.linalg.norm(factor, axis=1)))
    assert find_non_centring(jr.key(0), density_of(normal, 4, (loc, factor)), guess) is None
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 4))
    y = (rng.uniform(size=100) < 0.5).astype(float)
    guess = Affine(np.zeros(4), Diagonal(np.full(4, 0.2)))
    assert find_non_centring(jr.key(0), density_of(logistic, 4, (x, y)), guess) is None


def test_a_density_that_is_nowhere_finite_gives_none():
    density = density_of(lambda u: jnp.log(u[0] - 1e6) - u[1] ** 2, 2)
    assert find_non_centring(jr.key(0), density, Affine(np.zeros(2), Diagonal(np.ones(2)))) is None


def test_correlated_children_become_independent():
    """Two units of one group: y_1 ~ N(0, e^u0), y_2 ~ N(y_1, e^u0), y_3 ~ N(y_1 + y_2, e^u0), apart from y_4 ~ N(0, 1)."""

    def chain(u):
        y = u[1:]
        steps = jnp.stack([y[0], y[1] - y[0], y[2] - y[0] - y[1]])
        return (
            -0.5 * (u[0] / 2) ** 2 - 0.5 * jnp.sum(steps**2) * jnp.exp(-u[0]) - 1.5 * u[0] - 0.5 * y[3] ** 2
        )

    density = density_of(chain, 5)
    bijection = find_non_centring(jr.key(0), density, Affine(np.zeros(5), Diagonal(np.ones(5))))
    assert bijection.parents.tolist() == [0]
    hessian = -density.through(bijection).hessian(np.random.default_rng(0).standard_normal((3, 5)))
    # every child has its own pivot left: the same at all draws, and no correlation
    np.testing.assert_allclose(hessian[:, 1:, 1:], hessian[:1, 1:, 1:] + np.zeros((3, 1, 1)), atol=1e-6)
    off = hessian[0, 1:, 1:] - np.diag(np.diagonal(hessian[0])[1:])
    np.testing.assert_allclose(off, 0.0, atol=1e-6)
