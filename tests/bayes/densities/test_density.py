"""Values and derivatives in any coordinates against closed forms; padding; counting; what is compiled again."""

import contextlib

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from tests.bayes.posteriors import density_of, log_gammas, nearby_normal, normal

from latlas.bayes import fit, from_log_density
from latlas.bayes.densities import Density
from latlas.distributions.families import Affine, Composed, Diagonal, Triangular

LOC, FACTOR = nearby_normal(3)
INNER = Affine(
    np.array([0.3, -1.0, 2.0]), Triangular(np.array([[2.0, 0, 0], [1.0, 0.5, 0], [-1.0, 0.2, 3.0]]))
)


@contextlib.contextmanager
def compiling():
    """Names of the programs compiled meanwhile."""
    seen = []

    def listen(event, seconds, **kwargs):
        if event.endswith("backend_compile_duration"):
            seen.append(kwargs.get("fun_name", event))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="module")
def plain():
    return density_of(normal, 3, (LOC, FACTOR))


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(1).standard_normal((5, 3))


def closed_form(u):
    precision = np.linalg.inv(FACTOR @ FACTOR.T)
    return -0.5 * np.einsum("bi,ij,bj->b", u - LOC, precision, u - LOC), -(u - LOC) @ precision, -precision


@pytest.mark.parametrize("factor", [None, INNER.factor, Diagonal(INNER.factor.diagonal)])
def test_value_gradient_and_hessian_in_whitened_coordinates(plain, rows, factor):
    density, u, matrix, shift = plain, rows, np.eye(3), 0.0
    if factor is not None:
        density = plain.whitened(Affine(INNER.loc, factor))
        matrix = factor.dense
        u, shift = INNER.loc + rows @ matrix.T, np.linalg.slogdet(matrix)[1]
    value, grad, hessian = closed_form(u)
    np.testing.assert_allclose(density.unconstrained(rows), u, rtol=1e-12)
    np.testing.assert_allclose(density.value(rows), value + shift, rtol=1e-12)
    found = density.value_and_grad(rows)
    np.testing.assert_allclose(found[0], value + shift, rtol=1e-12)
    np.testing.assert_allclose(found[1], grad @ matrix, rtol=1e-9)
    np.testing.assert_allclose(density.hessian(rows), [matrix.T @ hessian @ matrix] * 5, rtol=1e-9)
    with jax.enable_x64(True):
        np.testing.assert_allclose(density.log_prob(jnp.asarray(rows[0])), value[0] + shift, rtol=1e-12)


def test_whitening_twice_is_the_composition(plain, rows):
    outer, inner = INNER, Affine(np.ones(3), Diagonal(np.array([2.0, 0.5, 1.0])))
    with jax.enable_x64(True):
        twice = plain.whitened(outer).whitened(inner)
        composed = Composed(outer, inner)
        expected = np.array([composed(jnp.asarray(w)) for w in rows])
        shift = float(composed.log_det(jnp.asarray(rows[0])))
        np.testing.assert_allclose([twice.coordinates(w) for w in rows], expected, rtol=1e-12)
    np.testing.assert_allclose(twice.unconstrained(rows), expected, rtol=1e-12)
    np.testing.assert_allclose(twice.value(rows), closed_form(expected)[0] + shift, rtol=1e-12)


def test_derivatives_in_bijected_and_whitened_coordinates_against_finite_differences():
    """The bijection is an affine map as well, but one that the compiled program applies."""
    target = from_log_density(log_gammas, np.zeros(3), data=np.array([0.5, 2.0, 7.0]))
    white = Affine(np.ones(3), Diagonal(np.array([0.5, 0.1, 0.2])))
    density = Density(target).through(INNER).whitened(white)
    w, step = np.array([0.1, -0.2, 0.3]), 1e-5
    ends = w + step * np.concatenate([np.eye(3), -np.eye(3)])
    value, grad = density.value_and_grad(ends)
    np.testing.assert_allclose(
        density.value_and_grad(w)[1][0], (value[:3] - value[3:]) / (2 * step), rtol=1e-6
    )
    np.testing.assert_allclose(
        density.hessian(w)[0], (grad[:3] - grad[3:]) / (2 * step), rtol=1e-5, atol=1e-6
    )


def test_everything_is_in_float64_whatever_the_global_flag(plain, rows):
    assert not jax.config.read("jax_enable_x64")
    outputs = [plain.value(rows), *plain.value_and_grad(rows), plain.hessian(rows), plain.unconstrained(rows)]
    assert {a.dtype for a in outputs} == {np.dtype(np.float64)}
    assert not jax.config.read("jax_enable_x64")
    assert jnp.ones(1).dtype == jnp.float32
    # in float32 the constant would swallow the difference
    far = density_of(lambda u: -1e9 - 0.5 * jnp.sum(u**2), 1)
    np.testing.assert_allclose(np.diff(far.value(np.array([[0.0], [0.1]]))), -0.005, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 1024, 1025, 2500])
def test_any_number_of_rows(plain, count):
    rows = np.random.default_rng(2).standard_normal((count, 3))
    value, grad = plain.value_and_grad(rows)
    np.testing.assert_allclose(value, closed_form(rows)[0], rtol=1e-11)
    np.testing.assert_allclose(grad, closed_form(rows)[1], rtol=1e-8, atol=1e-10)


def test_a_single_row_may_come_as_a_vector(plain):
    assert plain.value(np.zeros(3)).shape == (1,)
    assert plain.hessian(np.zeros(3)).shape == (1, 3, 3)


def test_evaluations_are_counted_across_coordinates(rows):
    density = density_of(normal, 3, (LOC, FACTOR))
    white = density.whitened(INNER)
    density.value(rows)
    white.value_and_grad(rows)
    white.hessian(rows[:2])
    white.unconstrained(rows)
    assert density.count.num_evaluations == white.count.num_evaluations == 5 + 5 + 2 * 3


def test_nan_comes_back_as_it_is():
    density = density_of(lambda u: jnp.sum(jnp.log(u)), 1)
    assert np.isfinite(density.value(np.array([[1.0], [-1.0], [2.0]]))).tolist() == [True, False, True]


def test_other_data_and_other_coordinates_compile_nothing(plain, rows):
    plain.whitened(INNER).value_and_grad(rows)
    loc, factor = nearby_normal(3, seed=5)
    other = density_of(normal, 3, (loc, factor)).whitened(Affine(LOC, Triangular(FACTOR)))
    with compiling() as programs:
        other.value_and_grad(rows)
    assert programs == []
    with compiling() as programs:
        density_of(lambda u: -jnp.sum(u**4), 3).value_and_grad(rows)
    assert programs  # the counter counts


@jax.custom_vjp
def backwards(x):
    return x**3


backwards.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))


@jax.custom_vjp
def by_python(x):
    return x**3


def slope(x):
    return jax.pure_callback(lambda x: 3 * x**2, x, x, vmap_method="expand_dims")


by_python.defvjp(lambda x: (x**3, x), lambda x, g: (slope(x) * g,))


def in_a_loop(x):
    times = 2 + (x[0] < 1e9)  # known only when it runs
    return jax.lax.while_loop(lambda c: c[0] < times, lambda c: (c[0] + 1, c[1] * x), (0, jnp.ones_like(x)))[
        1
    ]


@pytest.mark.parametrize("cube", [backwards, by_python, in_a_loop])
def test_what_can_be_differentiated_in_one_direction_alone(cube):
    """JAX's solver of differential equations runs backwards and not forwards."""
    matrix = np.array([[2.0, 1.0], [0.0, 1.5]])

    def quartic(u):
        return -0.25 * jnp.sum(cube(u @ matrix) * (u @ matrix))

    density, u = Density(from_log_density(quartic, jnp.zeros(2))), np.array([[0.5, -1.0], [0.0, 2.0]])
    v = u @ matrix
    hessian = np.einsum("ij,bj,kj->bik", matrix, -3 * v**2, matrix)
    value, grad = density.value_and_grad(u)
    np.testing.assert_allclose(value, -0.25 * np.sum(v**4, axis=1), rtol=1e-12)
    np.testing.assert_allclose(grad, -(v**3) @ matrix.T, rtol=1e-12)
    np.testing.assert_allclose(density.hessian(u), hessian, rtol=1e-8, atol=1e-8)
    along = np.array([[1.0, 2.0], [0.0, 0.0]])
    expected = np.einsum("bij,bj->bi", hessian, along)
    np.testing.assert_allclose(density.hessian_product(u, along), expected, rtol=1e-8, atol=1e-8)


def test_data_without_rows_leave_the_prior():
    def model(x, y):
        a = numpyro.sample("a", dist.Normal(2, 3))
        numpyro.sample("y", dist.Normal(a * x, 1), obs=y)

    found = fit(model, {"x": np.zeros(0), "y": np.zeros(0)}, key=jr.key(0), engine="laplace")
    draws = found.sample(jr.key(1), 4000)["a"]
    assert draws.mean() == pytest.approx(2.0, abs=0.2)
    assert draws.std() == pytest.approx(3.0, rel=0.05)
