"""The maximum mean discrepancy: how far two samples are from being of one distribution."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar


def mmd_squared(
    x: Float[Array, "m features"], y: Float[Array, "n features"], *, scale: float | Scalar
) -> Scalar:
    r"""Unbiased estimate of the squared maximum mean discrepancy of two samples under a Gaussian kernel.

    $\overline{k(x, x')} + \overline{k(y, y')} - 2 \overline{k(x, y)}$ with $k(a, b) = \exp(-|a - b|^2 / 2 scale^2)$ and the
    means over different rows. Its mean is zero where both samples are of one distribution, so single values may be below.

    >>> import jax.numpy as jnp
    >>> rows = jnp.array([[0.0], [2.0]])
    >>> round(float(mmd_squared(rows, rows + 100.0, scale=1.0)), 4)  # 2 exp(-2)
    0.2707

    Args:
        x: at least two rows.
        y: at least two rows.
        scale: of the kernel; differences much smaller or larger are not seen.

    Raises:
        ValueError: if a sample has fewer than two rows, or the features differ.

    References:
        Gretton et al. 2012, Journal of Machine Learning Research 13, eq. 3.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(
            f"Two samples of at least two rows and the same features are compared; got shapes {x.shape} and {y.shape}."
        )
    within = _mean_off_diagonal(_kernel(x, x, scale)) + _mean_off_diagonal(_kernel(y, y, scale))
    return within - 2.0 * jnp.mean(_kernel(x, y, scale))


def _kernel(x, y, scale):
    # |a|^2 + |b|^2 - 2 a b would lose the small distances to rounding in float32, but is one product; centred first, the
    # loss is that of the samples' own size
    centre = jnp.mean(x, axis=0)
    x, y = x - centre, y - centre
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None, :] - 2.0 * x @ y.T
    return jnp.exp(-0.5 * jnp.maximum(squares, 0.0) / scale**2)


def _mean_off_diagonal(kernel):
    n = len(kernel)
    return (jnp.sum(kernel) - jnp.trace(kernel)) / (n * (n - 1))
