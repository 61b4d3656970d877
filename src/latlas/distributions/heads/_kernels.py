"""One-pass kernels that the hot heads share: softplus, sigmoid and the Bernoulli log-likelihood.

Each has its own derivative, so that value and gradient share one exponential and neither overflows. They
rest on log(1 + e) for e in [0, 1] as a polynomial: with XLA's `log1p` the summed log-likelihood takes 3.4
times as long on a CPU core, value and gradient together 1.7 times (100 x 784 entries).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Minimax fit of 2 artanh(s) / s in t = s^2 on [0, 1/9]: largest relative error 4e-9 (float32: 6e-8).
_ARTANH = (2.000000007877748, 0.6666631593508289, 0.4002485372337387, 0.27961418836333674, 0.2817465725547796)


def log1p_unit(e: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 + e) for e in [0, 1], to float32's relative precision (also for tiny e)."""
    s = e / (2.0 + e)  # log(1 + e) = 2 artanh(e / (2 + e))
    t = s * s
    series = _ARTANH[-1] * jnp.ones_like(t)
    for coefficient in _ARTANH[-2::-1]:
        series = series * t + coefficient
    return s * series


@jax.custom_jvp
def sigmoid(logits: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 / (1 + exp(-logits)), with full relative precision in both tails."""
    e = jnp.exp(-jnp.abs(logits))
    return jnp.where(logits >= 0, 1.0, e) / (1.0 + e)


@sigmoid.defjvp
def _(primals, tangents):
    (logits,), (tangent,) = primals, tangents
    return sigmoid(logits), sigmoid(logits) * sigmoid(-logits) * tangent


@jax.custom_jvp
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 + exp(x)), which never overflows; its derivative is the sigmoid."""
    return jnp.maximum(x, 0.0) + log1p_unit(jnp.exp(-jnp.abs(x)))


@softplus.defjvp
def _(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return softplus(x), sigmoid(x) * tangent


def inverse_softplus(y: float | Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The x with softplus(x) = y, for y > 0."""
    return y + jnp.log(-jnp.expm1(-jnp.asarray(y, jnp.float32)))


@jax.custom_jvp
def bernoulli_log_prob(logits: Float[Array, "*shape"], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Elementwise log p(x) = x l - max(l, 0) - log(1 + exp(-|l|)), in nats."""
    # x l - max(l, 0) comes first: at x = 1 and large l it is exactly zero, and the small rest survives.
    return (x * logits - jnp.maximum(logits, 0.0)) - log1p_unit(jnp.exp(-jnp.abs(logits)))


@bernoulli_log_prob.defjvp
def _(primals, tangents):
    (logits, x), (logits_tangent, x_tangent) = primals, tangents
    return bernoulli_log_prob(logits, x), (x - sigmoid(logits)) * logits_tangent + logits * x_tangent
