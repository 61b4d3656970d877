"""Bernoulli: binary data, or grey levels in [0, 1] under the usual cross-entropy."""

import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Scalar

from latlas.distributions.heads._head import AbstractHead, masked_sum
from latlas.distributions.heads._kernels import bernoulli_log_prob, sigmoid
from latlas.distributions.heads._shapes import checked_params


class Bernoulli(AbstractHead):
    """Independent Bernoulli entries; the parameters are their logits, `log p/(1 - p)`.

    For `x` strictly between 0 and 1 the value is the cross-entropy, which is no density there: use
    `ContinuousBernoulli` when evidences are to be compared.

    >>> import jax.numpy as jnp
    >>> round(float(Bernoulli().log_prob(jnp.zeros(3), jnp.array([0, 1, 1]))), 4)  # 3 log(1/2)
    -2.0794
    """

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One logit per entry."""
        return tuple(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of x l - log(1 + e^l), in nats; `x` in [0, 1] of any storage type."""
        logits = checked_params(self, params, x)
        return masked_sum(lambda x: bernoulli_log_prob(logits, x.astype(logits.dtype)), x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """Zeros and ones, in float32."""
        return jr.bernoulli(key, sigmoid(params)).astype("float32")

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """P(x = 1) = sigmoid(logits)."""
        return sigmoid(params)

    def distribution(self, params: Float[Array, "..."]) -> dist.Distribution:
        """The elementwise NumPyro distribution; use it inside one example only."""
        return dist.BernoulliLogits(params)
