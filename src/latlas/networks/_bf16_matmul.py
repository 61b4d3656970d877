"""A matrix product with bfloat16 operands and float32 sums, the same in both directions of differentiation.

Rounding the operands of `x @ W` to bfloat16 doubles the speed of a product on hardware that has it, but plain
autodiff then multiplies a float32 cotangent by a bfloat16 operand, at float32 speed. A `custom_vjp` can round
the cotangent, but under `vmap` it forms one outer product per example and sums them (fifty times slower than
the one product they add up to). So the product is a bilinear primitive of its own: JAX derives `jvp`, `vjp`
and `vmap` from the four short rules below, in any order and to any depth, and a batch becomes one large
product.
"""

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, ArrayLike, Float


def bf16_matmul(
    lhs: Float[Array, "*stack rows inner"], rhs: Float[Array, "*stack inner columns"]
) -> Float[Array, "*stack rows columns"]:
    r"""Matrix product whose operands are rounded to bfloat16 and whose sums are float32.

    $y_{ij} = \sum_k \mathrm{bf16}(a_{ik}) \, \mathrm{bf16}(b_{kj})$. Both products of its derivative round
    their operands, the cotangent included, in the same way. The relative error of an operand is at most
    $2^{-8}$.

    Args:
        lhs: float32, the left factor.
        rhs: float32, the right factor, with the same leading (stack) axes.

    Returns:
        The product in float32.

    Raises:
        ValueError: if the shapes do not multiply.
    """
    fits = lhs.ndim == rhs.ndim >= 2 and lhs.shape[:-2] == rhs.shape[:-2] and lhs.shape[-1] == rhs.shape[-2]
    if not fits:
        raise ValueError(
            f"Shapes {lhs.shape} and {rhs.shape} do not multiply: give (..., rows, inner) and "
            "(..., inner, columns) with equal leading axes."
        )
    return _product(lhs.astype(jnp.float32), rhs.astype(jnp.float32))


def _product(
    lhs: ArrayLike, rhs: ArrayLike, transpose_lhs: bool = False, transpose_rhs: bool = False
) -> Array:
    """Product of the factors, each transposed if asked for; the transposes are part of the primitive."""
    return _matmul_p.bind(lhs, rhs, transpose_lhs=transpose_lhs, transpose_rhs=transpose_rhs)


def _swap(a: Array) -> Array:
    return jnp.swapaxes(a, -1, -2)


_matmul_p = Primitive("bf16_matmul")
_matmul_p.def_impl(jax.jit(_product, static_argnames=("transpose_lhs", "transpose_rhs")))


@_matmul_p.def_abstract_eval
def _abstract(lhs, rhs, *, transpose_lhs, transpose_rhs):
    rows = lhs.shape[-1] if transpose_lhs else lhs.shape[-2]
    columns = rhs.shape[-2] if transpose_rhs else rhs.shape[-1]
    return ShapedArray((*lhs.shape[:-2], rows, columns), jnp.float32)


def _rounded_dot(lhs: Array, rhs: Array, transpose_rhs: bool) -> Array:
    stack = tuple(range(lhs.ndim - 2))
    inner = rhs.ndim - 1 if transpose_rhs else rhs.ndim - 2
    dimensions = (((lhs.ndim - 1,), (inner,)), (stack, stack))
    return jax.lax.dot_general(lhs, rhs, dimensions, preferred_element_type=jnp.float32)


def _lower_cpu(lhs, rhs, *, transpose_lhs, transpose_rhs):
    lhs, rhs = lhs.astype(jnp.bfloat16), rhs.astype(jnp.bfloat16)
    lhs = _copied_transpose(lhs) if transpose_lhs else lhs
    # Without the barrier XLA folds a later transpose of the result into the product, and its CPU backend then
    # refuses to run it ("Unsupported element type for DotThunk").
    return jax.lax.optimization_barrier(_rounded_dot(lhs, rhs, transpose_rhs))


def _copied_transpose(a: Array) -> Array:
    """Transpose that XLA carries out: folded into the product it would send it to the float32 kernel.

    XLA sees through barriers and element-wise no-ops, but not through a concatenation of two transposed
    halves.
    """
    half = a.shape[-2] // 2
    if half == 0:
        return _swap(a)
    return jnp.concatenate([_swap(a[..., :half, :]), _swap(a[..., half:, :])], axis=-1)


def _lower_default(lhs, rhs, *, transpose_lhs, transpose_rhs):
    lhs, rhs = lhs.astype(jnp.bfloat16), rhs.astype(jnp.bfloat16)
    return _rounded_dot(_swap(lhs) if transpose_lhs else lhs, rhs, transpose_rhs)


mlir.register_lowering(_matmul_p, mlir.lower_fun(_lower_default, multiple_results=False))
mlir.register_lowering(_matmul_p, mlir.lower_fun(_lower_cpu, multiple_results=False), platform="cpu")


def _pull_to_lhs(cotangent, lhs, rhs, *, transpose_lhs, transpose_rhs):
    # y = A B: dA = dy B^T, and where the factor is a = A^T: da = B dy^T.
    if transpose_lhs:
        return _product(rhs, cotangent, transpose_rhs, True)
    return _product(cotangent, rhs, False, not transpose_rhs)


def _pull_to_rhs(cotangent, lhs, rhs, *, transpose_lhs, transpose_rhs):
    # y = A B: dB = A^T dy, and where the factor is b = B^T: db = dy^T A.
    if transpose_rhs:
        return _product(cotangent, lhs, True, transpose_lhs)
    return _product(lhs, cotangent, not transpose_lhs, False)


ad.defbilinear(_matmul_p, _pull_to_lhs, _pull_to_rhs)


def _batch(operands, axes, *, transpose_lhs, transpose_rhs):
    """One product where one factor is mapped, its axis joined to its rows or columns; else a stack."""
    (lhs, rhs), (lhs_axis, rhs_axis) = operands, axes
    if lhs_axis is None:
        columns = rhs.ndim - 3 if transpose_rhs else rhs.ndim - 2
        rhs, size = _join(rhs, rhs_axis, columns)
        return _split(_product(lhs, rhs, transpose_lhs, transpose_rhs), rhs.ndim - 1, size)
    if rhs_axis is None:
        rows = lhs.ndim - 2 if transpose_lhs else lhs.ndim - 3
        lhs, size = _join(lhs, lhs_axis, rows)
        return _split(_product(lhs, rhs, transpose_lhs, transpose_rhs), lhs.ndim - 2, size)
    lhs, rhs = jnp.moveaxis(lhs, lhs_axis, 0), jnp.moveaxis(rhs, rhs_axis, 0)
    return _product(lhs, rhs, transpose_lhs, transpose_rhs), 0


def _join(a: Array, mapped: int, axis: int) -> tuple[Array, int]:
    """The mapped axis merged with the axis that is at `axis` without it, and its size."""
    a = jnp.moveaxis(a, mapped, axis)
    return a.reshape(*a.shape[:axis], -1, *a.shape[axis + 2 :]), a.shape[axis]


def _split(a: Array, axis: int, size: int) -> tuple[Array, int]:
    """The reverse of `_join`, and where the mapped axis now is."""
    return a.reshape(*a.shape[:axis], size, -1, *a.shape[axis + 1 :]), axis


batching.primitive_batchers[_matmul_p] = _batch
