"""Standard normal noise through a bijection: what Gaussians and flows have in common."""

import abc
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.distributions.families._bijection import AbstractBijection
from latlas.distributions.families._family import AbstractTransport

LOG_2PI = math.log(2.0 * math.pi)


class AbstractPushforward(AbstractTransport):
    """The distribution of bijection(noise) with standard normal noise."""

    @property
    @abc.abstractmethod
    def bijection(self) -> AbstractBijection:
        """Noise -> draw."""

    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """The bijection's image."""
        return self.bijection(noise)

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        return jax.vmap(self.bijection)(jax.random.normal(key, (num_draws, self.dim)))

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats, by change of variables."""
        noise, log_det = self.bijection.inverse_and_log_det(w)
        return -0.5 * jnp.sum(noise**2) - 0.5 * self.dim * LOG_2PI + log_det
