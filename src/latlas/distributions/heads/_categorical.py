"""Categorical: one of several unordered categories per entry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from latlas.distributions.heads._head import AbstractHead, masked_sum
from latlas.distributions.heads._shapes import checked_params


class Categorical(AbstractHead):
    """Integer codes 0 to K - 1; the parameters are logits with a last axis over the categories.

    A code outside 0 to K - 1 that is marked as observed scores nan, never a probability.

    >>> import jax.numpy as jnp
    >>> round(float(Categorical(4).log_prob(jnp.zeros((2, 4)), jnp.array([0, 3]))), 4)  # 2 log(1/4)
    -2.7726

    Attributes:
        num_categories: K >= 2.
    """

    num_categories: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if self.num_categories < 2:
            raise ValueError(f"Categorical got num_categories = {self.num_categories}; it needs at least 2.")

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x` and a last axis of K logits."""
        return (*shape, self.num_categories)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of the log-softmax at their code, in nats."""
        log_probs = jax.nn.log_softmax(checked_params(self, params, x), axis=-1)
        categories = jax.lax.broadcasted_iota(jnp.int32, log_probs.shape, log_probs.ndim - 1)

        def log_prob(x: Array) -> Array:
            codes = x.astype(jnp.int32)
            # a select and a sum: on the CPU the scatter behind an indexed gradient is serial
            chosen = jnp.sum(jnp.where(codes[..., None] == categories, log_probs, 0.0), axis=-1)
            return jnp.where((codes >= 0) & (codes < self.num_categories), chosen, jnp.nan)

        return masked_sum(log_prob, x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Int[Array, "..."]:
        """One code per entry, int32."""
        return jr.categorical(key, params, axis=-1).astype(jnp.int32)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "... categories"]:
        """The probabilities, with the last axis over categories (codes have no mean)."""
        return jax.nn.softmax(params, axis=-1)

    def distribution(self, params: Float[Array, "..."]) -> dist.Distribution:
        """The elementwise NumPyro distribution; use it inside one example only."""
        return dist.CategoricalLogits(params)
