"""Poisson: counts."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from latlas.distributions.heads._head import AbstractHead, masked_sum
from latlas.distributions.heads._shapes import checked_params

# Below it log x! is the log of an exact product, above it Stirling's series is exact to float32.
_SMALL = 10
# Parameters beyond it are cut: with the largest `max_log_rate` the rate stays below float32's maximum.
_LARGEST = 1e20
# The sampler counts in int32.
_LARGEST_DRAWN_RATE = 2e9


class Poisson(AbstractHead):
    """Independent counts; the parameters are log rates.

    Beyond `max_log_rate` = m the rate goes on as its tangent, e^m (1 + l - m), instead of e^l: a wild step
    of the decoder then gives a large loss with a finite gradient that leads back, where e^l would overflow
    and a clipped rate would have no gradient at all.

    >>> import jax.numpy as jnp
    >>> round(float(Poisson().log_prob(jnp.zeros(1), jnp.array([3]))), 4)  # -1 - log 3!
    -2.7918

    Attributes:
        max_log_rate: m; the default is a rate of 162,755. At most 40.
    """

    max_log_rate: float = eqx.field(static=True, default=12.0)

    def __check_init__(self) -> None:
        if not -40 <= self.max_log_rate <= 40:
            raise ValueError(f"Poisson got max_log_rate = {self.max_log_rate}; choose it between -40 and 40.")

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One log rate per entry."""
        return tuple(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of x log r - r - log x!, in nats. Counts carry no derivative."""
        log_rate = self._log_rate(checked_params(self, params, x))
        return masked_sum(lambda x: _log_prob(log_rate, x.astype(log_rate.dtype)), x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Int[Array, "..."]:
        """One count per entry, int32; rates above 2e9 are drawn as 2e9."""
        return jr.poisson(key, jnp.minimum(self.mean(params), _LARGEST_DRAWN_RATE), dtype=jnp.int32)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """The rate."""
        return jnp.exp(self._log_rate(params))

    def distribution(self, params: Float[Array, "..."]) -> dist.Distribution:
        """The elementwise NumPyro distribution; use it inside one example only."""
        return dist.Poisson(self.mean(params))

    def _log_rate(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        excess = jnp.clip(params - self.max_log_rate, 0.0, _LARGEST)
        return jnp.clip(params, -_LARGEST, self.max_log_rate) + jnp.log1p(excess)


@jax.custom_jvp
def _log_prob(log_rate: Float[Array, "*shape"], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Elementwise; exact to float32 for small counts and for large ones, where the plain form cancels."""
    rate = jnp.exp(log_rate)
    # x! as a product of selected factors (exact in float32 to 9!)
    product = jnp.ones_like(x)
    for k in range(2, _SMALL):
        product = product * jnp.where(x >= k, float(k), 1.0)
    small = x * log_rate - rate - jnp.log(product)
    # Saddle-point form (Loader 2000): -log(2 pi x)/2 - Stirling's error - deviance, no x log x.
    y = jnp.maximum(x, float(_SMALL))
    epsilon = (rate - y) / y
    near = jnp.abs(epsilon) < 0.5
    e = jnp.where(near, epsilon, 0.0)
    deviance = jnp.where(near, y * (e - jnp.log1p(e)), y * (jnp.log(y) - log_rate) + (rate - y))
    stirling = 1.0 / (12.0 * y) - 1.0 / (360.0 * y * y * y)
    large = -0.5 * jnp.log(y) - 0.5 * math.log(2.0 * math.pi) - stirling - deviance
    return jnp.where(x < _SMALL, small, large)


@_log_prob.defjvp
def _(primals, tangents):
    log_rate, x = primals
    return _log_prob(log_rate, x), (x - jnp.exp(log_rate)) * tangents[0]
