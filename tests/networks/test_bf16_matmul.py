"""The bfloat16 product against products of operands rounded by hand, in every order of grad and vmap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.networks import bf16_matmul


def rounded(a):
    return np.asarray(jnp.asarray(a, jnp.bfloat16).astype(jnp.float32), np.float64)


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def close(actual, expected):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 4), (5, 1, 3), (6, 7, 5)], ids=str)
def test_product_and_both_gradients_round_their_operands_and_nothing_else(shape):
    rows, inner, columns = shape
    a, b, g = draw(0, rows, inner), draw(1, inner, columns), draw(2, rows, columns)
    y, pull = jax.vjp(jax.jit(bf16_matmul), a, b)
    da, db = pull(g)
    close(y, rounded(a) @ rounded(b))
    close(da, rounded(g) @ rounded(b).T)
    close(db, rounded(a).T @ rounded(g))
    assert y.dtype == da.dtype == db.dtype == jnp.float32


def test_gradient_matches_finite_differences_of_the_float32_product():
    a, b, g = draw(0, 4, 6), draw(1, 6, 3), draw(2, 4, 3)
    step = np.zeros((6, 3), np.float32)
    step[2, 1] = 0.5
    a, b, g = map(np.asarray, (a, b, g))
    # The product is linear in b: its central difference is exact whatever the step.
    difference = np.sum(((a @ (b + step)) - (a @ (b - step))) * g)
    gradient = jax.grad(lambda b: jnp.sum(bf16_matmul(jnp.asarray(a), b) * g))(b)[2, 1]
    bound = 2 * 2.0**-8 * np.sum(np.abs(a[:, 2] * g[:, 1]))  # two operands, each off by 2^-8 at most
    assert abs(difference - gradient) <= bound


def product_shapes(jaxpr):
    """Shapes of the operands of every product in a jaxpr and the jaxprs inside it."""
    found = []
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "bf16_matmul":
            found.append(tuple(v.aval.shape for v in eqn.invars))
        for inner in jax.core.jaxprs_in_params(eqn.params):
            found.extend(product_shapes(inner))
    return found


def test_gradient_of_a_twice_mapped_product_is_one_product_over_the_whole_batch():
    a, b = draw(0, 3, 4, 6), draw(1, 6, 5)

    def loss(b):
        return jnp.sum(jax.vmap(jax.vmap(lambda row: bf16_matmul(row[None], b)[0]))(a) ** 2)

    shapes = product_shapes(jax.make_jaxpr(jax.grad(loss))(b).jaxpr)
    assert shapes == [((12, 6), (6, 5)), ((12, 6), (12, 5))]
    flat = a.reshape(12, 6)
    y = rounded(flat) @ rounded(b)
    np.testing.assert_allclose(jax.grad(loss)(b), rounded(flat).T @ rounded(2 * y), rtol=1e-4, atol=1e-3)


def mapped_reference(axes, a, b):
    size = next(x.shape[i] for x, i in zip((a, b), axes, strict=True) if i is not None)

    def pick(x, i, n):
        return x if i is None else jnp.take(x, n, axis=i)

    return np.stack([rounded(pick(a, axes[0], n)) @ rounded(pick(b, axes[1], n)) for n in range(size)])


@pytest.mark.parametrize(
    "axes", [(0, None), (1, None), (2, None), (None, 0), (None, 2), (0, 0), (2, 1)], ids=str
)
def test_mapping_over_any_axis_of_either_factor_equals_a_loop(axes):
    def insert(shape, axis):
        return shape if axis is None else (*shape[:axis], 3, *shape[axis:])

    a, b = draw(0, *insert((2, 4), axes[0])), draw(1, *insert((4, 5), axes[1]))
    expected = mapped_reference(axes, a, b)
    mapped = jax.jit(jax.vmap(bf16_matmul, axes))
    close(mapped(a, b), expected)

    # Both gradients too, which maps the transposed products.
    g = draw(2, *expected.shape)
    _, pull = jax.vjp(mapped, a, b)

    def one(a, b, g):
        return jax.vjp(bf16_matmul, a, b)[1](g)

    whole = jax.jit(jax.vmap(one, (*axes, 0), tuple(0 if i is None else i for i in axes)))(a, b, g)
    for got, each, axis in zip(pull(g), whole, axes, strict=True):
        close(got, each if axis is not None else each.sum(0))


def test_ensemble_of_weights_each_on_a_batch_equals_a_loop():
    a, b = draw(0, 3, 4, 6), draw(1, 3, 6, 5)

    def layer(row, b):
        return bf16_matmul(row[None], b)[0]

    out = jax.vmap(jax.vmap(layer, (0, None)))(a, b)
    close(out, np.stack([rounded(x) @ rounded(w) for x, w in zip(a, b, strict=True)]))


def test_forward_mode_and_mixed_second_derivative_hold():
    a, b, da, g = draw(0, 2, 3), draw(1, 3, 4), draw(2, 2, 3), draw(3, 2, 4)
    _, tangent = jax.jvp(lambda a: bf16_matmul(a, b), (a,), (da,))
    close(tangent, rounded(da) @ rounded(b))

    def gradient(a):
        return jax.grad(lambda b: jnp.sum(bf16_matmul(a, b) * g))(b)

    close(jax.jvp(gradient, (a,), (da,))[1], rounded(da).T @ rounded(g))
    close(jax.vjp(gradient, a)[1](b)[0], rounded(g) @ rounded(b).T)


def test_transposed_result_runs():
    # Without its barrier this fails in XLA's CPU backend: "Unsupported element type for DotThunk".
    a, b = draw(0, 20, 30), draw(1, 30, 10)
    close(jax.jit(lambda a, b: bf16_matmul(a, b).T)(a, b), (rounded(a) @ rounded(b)).T)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5)), ((3,), (3, 4)), ((2, 2, 3), (3, 4))], ids=str)
def test_shapes_that_do_not_multiply_raise(shapes):
    with pytest.raises(ValueError, match="do not multiply"):
        bf16_matmul(*map(jnp.zeros, shapes))
