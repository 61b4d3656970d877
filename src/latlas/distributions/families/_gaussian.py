"""Gaussian families: independent coordinates, and any covariance."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate
from latlas.distributions.families._bijection import Affine
from latlas.distributions.families._factor import Diagonal, Triangular
from latlas.distributions.families._family import AbstractFamily, AbstractTransport

LOG_2PI = math.log(2.0 * math.pi)


class DiagonalGaussian(AbstractTransport):
    """w = loc + exp(log_scale) noise.

    Attributes:
        loc: means, `(n,)`.
        log_scale: log standard deviations, `(n,)`.
    """

    loc: Float[Array, " n"]
    log_scale: Float[Array, " n"]

    @property
    def dim(self) -> int:
        """n."""
        return self.loc.shape[0]

    @property
    def affine(self) -> Affine:
        """From noise to w."""
        return Affine(self.loc, Diagonal(jnp.exp(self.log_scale)))

    @property
    def mean(self) -> Float[Array, " n"]:
        """loc."""
        return self.loc

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """exp(2 log_scale) on the diagonal."""
        return jnp.diag(jnp.exp(2.0 * self.log_scale))

    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """loc + exp(log_scale) noise."""
        return self.loc + jnp.exp(self.log_scale) * noise

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        return jax.vmap(self.transport)(jax.random.normal(key, (num_draws, self.dim)))

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats."""
        z = (w - self.loc) * jnp.exp(-self.log_scale)
        return -0.5 * jnp.sum(z**2) - jnp.sum(self.log_scale) - 0.5 * self.dim * LOG_2PI

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """Exact: sum of log_scale + n/2 (1 + log 2 pi)."""
        return Estimate(float(jnp.sum(self.log_scale) + 0.5 * self.dim * (1.0 + LOG_2PI)), 0.0)


class FullGaussian(AbstractTransport):
    """w = loc + scale_tril noise.

    Attributes:
        loc: means, `(n,)`.
        log_diagonal: logs of the Cholesky factor's diagonal, `(n,)`.
        lower: what lies below it, `(n, n)`; the rest of this matrix does not count.
    """

    loc: Float[Array | np.ndarray, " n"]
    log_diagonal: Float[Array | np.ndarray, " n"]
    lower: Float[Array | np.ndarray, "n n"]

    @classmethod
    def of(
        cls, loc: Float[Array | np.ndarray, " n"], scale_tril: Float[Array | np.ndarray, "n n"]
    ) -> "FullGaussian":
        """From a mean and the Cholesky factor of a covariance."""
        factor = np.asarray(scale_tril)
        return cls(np.asarray(loc), np.log(np.diagonal(factor)), np.tril(factor, -1))

    @property
    def dim(self) -> int:
        """n."""
        return self.loc.shape[0]

    @property
    def scale_tril(self) -> Float[Array, "n n"]:
        """Cholesky factor of the covariance."""
        return jnp.tril(self.lower, -1) + jnp.diag(jnp.exp(self.log_diagonal))

    @property
    def affine(self) -> Affine:
        """From noise to w."""
        return Affine(self.loc, Triangular(self.scale_tril))

    @property
    def mean(self) -> Float[Array | np.ndarray, " n"]:
        """loc."""
        return self.loc

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """scale_tril scale_tril^T."""
        return self.scale_tril @ self.scale_tril.T

    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """loc + scale_tril noise."""
        return self.scale_tril @ noise + self.loc

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        return jax.random.normal(key, (num_draws, self.dim)) @ self.scale_tril.T + self.loc

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats."""
        z = solve_triangular(self.scale_tril, w - self.loc, lower=True)
        return -0.5 * jnp.sum(z**2) - jnp.sum(self.log_diagonal) - 0.5 * self.dim * LOG_2PI

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """Exact: the sum of the log diagonal + n/2 (1 + log 2 pi)."""
        return Estimate(float(jnp.sum(self.log_diagonal) + 0.5 * self.dim * (1.0 + LOG_2PI)), 0.0)


class MeanField(AbstractFamily):
    """Independent normal coordinates: cheap at any size; blind to correlation, so its variances are too small."""

    name: ClassVar[str] = "mean-field"
    is_axis_aligned: ClassVar[bool] = True

    def init(self, key: PRNGKeyArray, dim: int) -> DiagonalGaussian:
        """The standard normal."""
        return DiagonalGaussian(jnp.zeros(dim), jnp.zeros(dim))


class FullRank(AbstractFamily):
    """A normal with any covariance: n (n + 3) / 2 numbers."""

    name: ClassVar[str] = "full-rank"
    is_axis_aligned: ClassVar[bool] = False

    def init(self, key: PRNGKeyArray, dim: int) -> FullGaussian:
        """The standard normal."""
        return FullGaussian(jnp.zeros(dim), jnp.zeros(dim), jnp.zeros((dim, dim)))


def gaussian_of(draws: Float[np.ndarray, "draws n"]) -> FullGaussian:
    """The normal with the draws' mean and covariance; with no more draws than coordinates only their variances."""
    mean, centred = draws.mean(0), draws - draws.mean(0)
    if len(draws) > draws.shape[1] + 1:
        covariance = np.cov(centred.T, ddof=1).reshape(draws.shape[1], -1)
    else:
        covariance = np.diag(centred.var(0, ddof=1))
    # coordinates that never moved would make it singular
    covariance += 1e-12 * max(np.max(np.diagonal(covariance)), 1e-300) * np.eye(len(mean))
    return FullGaussian.of(jnp.asarray(mean), jnp.asarray(np.linalg.cholesky(covariance)))
