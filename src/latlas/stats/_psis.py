"""Pareto-smoothed importance sampling: is the tail of the weights light enough to believe their mean?

The largest weights beyond a threshold follow a generalised Pareto law for nearly any proposal. Its shape k
says how many moments the weights have (about 1/k): below 0.7 the importance-sampling error is under control,
above it is not.

Shapes are static: the tail is a slice of fixed length in which entries that tie with the threshold are
masked.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float

MIN_TAIL = 5  # below this many weights beyond the threshold no shape is fitted
FLAT_TAIL = 1e-3  # a tail within 0.1 % of its threshold is flat: float32 log weights resolve no finer

_MIN_GRID = 30
_GRID_PRIOR = 3.0
_SHAPE_PRIOR, _SHAPE_PRIOR_WEIGHT = 0.5, 10.0

Scalar = Float[Array, ""]
Tail = Float[Array, " tail"]


def pareto_k(log_weights: Float[Array | np.ndarray, " samples"]) -> Float[Array, ""]:
    r"""Shape k of the generalised Pareto law of the largest importance weights.

    The tail is the $\lceil \min(0.2 S, 3 \sqrt S) \rceil$ largest weights; k is the posterior mean of Zhang
    and Stephens, drawn towards 0.5 with the weight of ten observations. Never nan:

    - 0 where the tail is flat (within 0.1 % of its threshold), as for constant weights: bounded, nothing to
      fear;
    - inf where k cannot be told: fewer than 5 weights lie beyond the threshold (always so for S < 21), every
      weight is zero, or one is nan or infinite. So "k < 0.7" is false whenever there is no evidence for it.

    Args:
        log_weights: log weights in nats, normalised or not; -inf is a weight of zero.

    Returns:
        A scalar without a unit. Below $\min(1 - 1/\log_{10} S, 0.7)$ the estimate can be trusted.

    References:
        Vehtari, Simpson, Gelman, Yao, Gabry 2024, arXiv:1507.02646, section 3 and appendix C;
        Zhang and Stephens 2009, Technometrics 51(3), section 2.
    """
    length = _tail_length(log_weights.shape[0])
    if length < MIN_TAIL:
        return jnp.full((), jnp.inf, log_weights.dtype)
    largest = jax.lax.top_k(_shifted(log_weights), length + 1)[0][::-1]
    k, _, _ = _fit_tail(largest)
    return jnp.where(_usable(log_weights), k, jnp.inf)


def psis_log_weights(log_weights: Float[Array | np.ndarray, " samples"]) -> Float[Array, " samples"]:
    r"""Normalised log weights whose largest values are replaced by the quantiles of their fitted Pareto law.

    The r-th of the n weights beyond the threshold u becomes $u + F^{-1}((r - 1/2) / n)$, at most the largest
    raw weight: a little bias for much less variance. Left as they are where no shape can be fitted, or the
    tail is flat.

    Args:
        log_weights: log weights in nats; -inf is a weight of zero.

    Returns:
        Log weights in the given order whose exponentials sum to one; all -inf if the weights are all zero,
        or one is nan or infinite.

    References:
        Vehtari, Simpson, Gelman, Yao, Gabry 2024, arXiv:1507.02646, section 3.
    """
    shifted = _shifted(log_weights)
    length = _tail_length(log_weights.shape[0])
    if length >= MIN_TAIL:
        largest, index = jax.lax.top_k(shifted, length + 1)
        largest, index = largest[::-1], index[::-1]
        k, scale, beyond = _fit_tail(largest)
        smoothed = _quantiles(largest, k, scale, beyond)
        fitted = beyond & jnp.isfinite(k) & (scale > 0)
        shifted = shifted.at[index[1:]].set(jnp.where(fitted, smoothed, largest[1:]))
    return jnp.where(_usable(log_weights), shifted - logsumexp(shifted), -jnp.inf)


def _tail_length(num_samples: int) -> int:
    return math.ceil(min(0.2 * num_samples, 3.0 * math.sqrt(num_samples)))


def _usable(log_weights: Float[Array | np.ndarray, " samples"]) -> Bool[Array, ""]:
    top = jnp.max(log_weights)  # nan if any is nan
    return jnp.isfinite(top)


def _shifted(log_weights: Float[Array | np.ndarray, " samples"]) -> Float[Array, " samples"]:
    """Log weights whose largest is 0; all 0 where they cannot be used, so that no nan arises on the way."""
    return jnp.where(_usable(log_weights), log_weights - jnp.max(log_weights), 0.0)


def _fit_tail(largest: Float[Array, " tail_and_threshold"]) -> tuple[Scalar, Scalar, Bool[Array, " tail"]]:
    """Shape, scale, and which weights lie beyond the threshold (the first of the ascending log weights)."""
    weights = jnp.exp(largest)
    threshold = weights[0]
    excess = weights[1:] - threshold
    beyond = excess > 0
    flat = excess[-1] <= FLAT_TAIL * threshold
    fittable = (jnp.sum(beyond) >= MIN_TAIL) & ~flat
    # any increasing numbers stand in where nothing is fitted
    stand_in = jnp.linspace(0.1, 1.0, excess.shape[0], dtype=excess.dtype)
    k, scale = _fit_generalised_pareto(jnp.where(fittable, excess, stand_in), beyond | ~fittable)
    k = jnp.where(jnp.isfinite(k) & jnp.isfinite(scale), k, jnp.inf)
    return (
        jnp.where(fittable, k, jnp.where(flat, 0.0, jnp.inf)),
        jnp.where(fittable, scale, 0.0),
        beyond,
    )


def _fit_generalised_pareto(x: Tail, mask: Bool[Array, " tail"]) -> tuple[Scalar, Scalar]:
    """Shape and scale of ascending excesses; those outside the mask come first and do not count.

    A posterior mean of theta = -k / scale over a grid (Zhang and Stephens 2009, section 2).
    """
    n = jnp.sum(mask)
    largest = x[-1]
    x = jnp.where(mask, x / largest, 0.0)  # free of units: the grid is then safe in float32
    grid_size = _MIN_GRID + jnp.floor(jnp.sqrt(n))
    j = jnp.arange(1, _MIN_GRID + math.isqrt(x.shape[0]) + 1)
    first_quartile = x[x.shape[0] - n + jnp.floor(n / 4 + 0.5).astype(int) - 1]
    theta = 1.0 + (1.0 - jnp.sqrt(grid_size / (j - 0.5))) / (_GRID_PRIOR * first_quartile)
    theta = jnp.where(jnp.abs(theta) < 1e-6, 1e-6, theta)  # theta = 0 is the exponential law, a limit

    def shape(theta):  # k(theta) = mean log(1 - theta x)
        return jnp.sum(jnp.log1p(-theta * x)) / n

    k = jax.vmap(shape)(theta)
    # profile log likelihood: n (log(-theta / k) - k - 1)
    log_likelihood = n * (jnp.log(-theta / k) - k - 1.0)
    weight = jax.nn.softmax(jnp.where(j <= grid_size, log_likelihood, -jnp.inf))
    theta_hat = jnp.sum(jnp.where(weight > 0, weight * theta, 0.0))
    theta_hat = jnp.where(jnp.abs(theta_hat) < 1e-6, 1e-6, theta_hat)
    k_hat = shape(theta_hat)
    scale = -k_hat / theta_hat * largest
    shrunk = (n * k_hat + _SHAPE_PRIOR_WEIGHT * _SHAPE_PRIOR) / (n + _SHAPE_PRIOR_WEIGHT)
    return shrunk, scale


def _quantiles(largest: Float[Array, " tail_and_threshold"], k: Scalar, scale: Scalar, beyond: Array) -> Tail:
    """Log of the threshold plus the Pareto quantiles at (r - 1/2) / n, r counting the weights beyond it."""
    n = jnp.sum(beyond)
    rank = jnp.where(beyond, jnp.cumsum(beyond), 1)
    log_survival = jnp.log1p(-(rank - 0.5) / jnp.maximum(n, 1))
    k = jnp.where(jnp.isfinite(k), k, 0.0)
    k = jnp.where(jnp.abs(k) < 1e-6, 1e-6, k)
    excess = scale * jnp.expm1(-k * log_survival) / k
    return jnp.minimum(jnp.log(jnp.exp(largest[0]) + excess), 0.0)
