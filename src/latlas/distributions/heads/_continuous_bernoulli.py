"""Continuous Bernoulli: the normalised density on [0, 1] whose exponent is the cross-entropy.

With logits l the density is exp(x l) / Z(l), Z = integral of exp(x l) over [0, 1] = (e^l - 1) / l. Written
in l the removable singularity sits at l = 0 (lambda = 1/2), where series take over.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Scalar

from latlas.distributions.heads._head import AbstractHead, masked_sum
from latlas.distributions.heads._shapes import checked_params

# Below this |l| the series are exact to float32 (first term left out: 4e-10), above it the closed forms.
_SERIES = 0.5


class ContinuousBernoulli(AbstractHead):
    r"""Density on [0, 1] per entry; the parameters are logits l = log lambda/(1 - lambda).

    $p(x) = C(\lambda) \lambda^x (1 - \lambda)^{1 - x} = l e^{x l} / (e^l - 1)$.

    >>> import jax.numpy as jnp
    >>> float(ContinuousBernoulli().log_prob(jnp.zeros(2), jnp.array([0.2, 0.9])))  # uniform at lambda = 1/2
    0.0

    References:
        Loaiza-Ganem, Cunningham 2019, arXiv:1907.06845, eq. 5-8.
    """

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One logit per entry."""
        return tuple(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of x l - log Z(l), in nats; `x` in [0, 1]."""
        logits = checked_params(self, params, x)
        return masked_sum(lambda x: _log_prob(logits, x.astype(logits.dtype)), x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """One draw by the inverse distribution function, in [0, 1]."""
        u = jr.uniform(key, jnp.shape(params))
        size = jnp.maximum(jnp.abs(params), 1e-3)
        # For -|l|: F(y) = (1 - e^{-|l| y}) / (1 - e^{-|l|}); positive l is its mirror image.
        y = jnp.where(jnp.abs(params) < 1e-3, u, -jnp.log1p(u * jnp.expm1(-size)) / size)
        return jnp.clip(jnp.where(params >= 0, 1.0 - y, y), 0.0, 1.0)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """E[x] = 1 / (1 - e^-l) - 1 / l, in (0, 1); not sigmoid(l)."""
        return _mean(params)


def _mean(logits: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    size = jnp.abs(logits)
    near = size < _SERIES
    a = jnp.where(near, 1.0, size)  # keeps the branch not taken finite, its gradient too
    low = 1.0 / a - 1.0 / jnp.expm1(jnp.minimum(a, 40.0))  # mean at -|l|; e^-40 is lost beside 1/40
    t = jnp.where(near, logits, 0.0)
    series = 0.5 + t * (1 / 12 + t**2 * (-1 / 720 + t**2 * (1 / 30240 - t**2 / 1209600)))
    return jnp.where(near, series, jnp.where(logits >= 0, 1.0 - low, low))


def _log_normaliser(logits: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Log Z(l) - max(l, 0) = log((1 - e^{-|l|}) / |l|), between -log(1 + |l|) and 0."""
    size = jnp.abs(logits)
    near = size < _SERIES
    a = jnp.where(near, 1.0, size)
    t = jnp.where(near, size, 0.0)
    series = -t / 2 + t**2 * (1 / 24 + t**2 * (-1 / 2880 + t**2 / 181440))
    return jnp.where(near, series, jnp.log(-jnp.expm1(-a)) - jnp.log(a))


@jax.custom_jvp
def _log_prob(logits: Float[Array, "*shape"], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return (x * logits - jnp.maximum(logits, 0.0)) - _log_normaliser(logits)


@_log_prob.defjvp
def _(primals, tangents):
    (logits, x), (logits_tangent, x_tangent) = primals, tangents
    # d log Z / dl is the mean
    return _log_prob(logits, x), (x - _mean(logits)) * logits_tangent + logits * x_tangent
