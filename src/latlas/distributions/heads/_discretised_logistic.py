"""Discretised logistic: ordered integer levels, such as 8-bit grey values, with their true probabilities."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from latlas.distributions.heads._head import AbstractHead, masked_sum
from latlas.distributions.heads._kernels import sigmoid, softplus
from latlas.distributions.heads._scale import AbstractScale, PredictedScale
from latlas.distributions.heads._shapes import checked_params


class DiscretisedLogistic(AbstractHead):
    r"""A logistic variable on [-1, 1] cut into L bins; the two edge bins take the tails.

    Level k has its centre at $2k/(L-1) - 1$ and the half-width $h = 1/(L-1)$:
    $P(k) = \sigma((c_k + h - loc)/s) - \sigma((c_k - h - loc)/s)$.
    Location and scale are in units of [-1, 1].

    >>> import jax.numpy as jnp
    >>> from latlas.distributions import FixedScale
    >>> head = DiscretisedLogistic(num_levels=2, scale=FixedScale(0.1))
    >>> round(float(head.log_prob(jnp.zeros(1), jnp.array([1]))), 4)  # log(1/2)
    -0.6931

    Attributes:
        num_levels: L >= 2; `x` holds integers 0 to L - 1.
        scale: where the scale s comes from.

    References:
        Salimans, Karpathy, Chen, Kingma 2017 (PixelCNN++), arXiv:1701.05517, eq. 2.
    """

    num_levels: int = eqx.field(static=True)
    scale: AbstractScale

    def __init__(self, num_levels: int = 256, scale: AbstractScale | None = None) -> None:
        """By default 256 levels and a scale that the decoder predicts."""
        if num_levels < 2:
            raise ValueError(f"DiscretisedLogistic got num_levels = {num_levels}; it needs at least 2.")
        self.num_levels = num_levels
        self.scale = PredictedScale() if scale is None else scale

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x`; with a predicted scale a last axis of two besides."""
        return self.scale.param_shape(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of log P(level), in nats."""
        loc, scale = self.scale.loc_and_scale(checked_params(self, params, x))
        half = 1.0 / (self.num_levels - 1)

        def log_prob(x: Array) -> Array:
            level = x.astype(loc.dtype)
            centre = 2.0 * half * level - 1.0
            upper, lower = (centre + half - loc) / scale, (centre - half - loc) / scale
            # sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - e^{a - b}): three logs, no cancellation, and an
            # edge bin is the same product without the factors of the side that is open.
            first, last = level <= 0, level >= self.num_levels - 1
            log_upper = jnp.where(last, 0.0, -softplus(-upper))
            log_lower = jnp.where(first, 0.0, -softplus(lower))
            return log_upper + log_lower + jnp.where(first | last, 0.0, _log1mexp(2.0 * half, scale))

        return masked_sum(log_prob, x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Int[Array, "..."]:
        """One level per entry, int32."""
        loc, scale = self.scale.loc_and_scale(params)
        value = loc + scale * jr.logistic(key, loc.shape, loc.dtype)
        top = self.num_levels - 1
        return jnp.clip(jnp.round(0.5 * (value + 1.0) * top), 0, top).astype(jnp.int32)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """E[level], between 0 and L - 1: the sum over thresholds of P(level >= k), in memory of one `x`."""
        loc, scale = self.scale.loc_and_scale(params)
        half = 1.0 / (self.num_levels - 1)

        def add(total: Array, k: Array) -> tuple[Array, None]:
            return total + sigmoid((loc - (2.0 * half * k - 1.0 - half)) / scale), None

        levels = jnp.arange(1, self.num_levels, dtype=loc.dtype)
        return jax.lax.scan(add, jnp.zeros_like(loc), levels)[0]


def _log1mexp(width: float, scale: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 - exp(-width / scale)) for any positive scale, also where the quotient underflows."""
    ratio = width / scale
    narrow = ratio < 1e-3
    safe = jnp.where(narrow, 1.0, ratio)
    return jnp.where(narrow, jnp.log(width) - jnp.log(scale) - 0.5 * ratio, jnp.log(-jnp.expm1(-safe)))
