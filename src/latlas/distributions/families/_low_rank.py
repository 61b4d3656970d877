"""Low rank plus diagonal: a few directions of correlation in many dimensions, at a cost linear in n."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate, RequestError
from latlas.distributions.families._family import AbstractFamily, AbstractTransport
from latlas.distributions.families._log_scale import scale_of
from latlas.distributions.families._pushforward import LOG_2PI

# the factor's gradient vanishes where the factor does, so that no fit may begin there
_FIRST_FACTOR = 0.1


class LowRankGaussian(AbstractTransport):
    r"""w = loc + S (I + F F^T) noise, S = diag(exp(log_scale)): covariance S (I + F (2 I + F^T F) F^T) S.

    Every diagonal plus a positive matrix of rank r is one of these. The root of the covariance is explicit, so that n
    numbers of noise suffice; its inverse and determinant are those of an r x r matrix (Woodbury's identity).

    Attributes:
        loc: means, `(n,)`.
        log_scale: logs of the diagonal scale, `(n,)`.
        factor: F, `(n, r)`.
    """

    loc: Float[Array, " n"]
    log_scale: Float[Array, " n"]
    factor: Float[Array, "n r"]

    @property
    def dim(self) -> int:
        """n."""
        return self.loc.shape[0]

    @property
    def mean(self) -> Float[Array | np.ndarray, " n"]:
        """loc."""
        return self.loc

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """Dense, `(n, n)`."""
        scale = self._scale[:, None]
        inner = jnp.eye(self.factor.shape[1]) + self._gram
        scaled = scale * self.factor
        return jnp.diag(scale[:, 0] ** 2) + scaled @ inner @ scaled.T

    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """loc + S (I + F F^T) noise."""
        return self.loc + self._scale * (noise + self.factor @ (self.factor.T @ noise))

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        return jax.vmap(self.transport)(jax.random.normal(key, (num_draws, self.dim)))

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats."""
        z = (w - self.loc) / self._scale
        # (I + F F^T)^-1 = I - F (I + F^T F)^-1 F^T
        noise = z - self.factor @ cho_solve((jnp.linalg.cholesky(self._gram), True), self.factor.T @ z)
        return -0.5 * jnp.sum(noise**2) - self._log_det - 0.5 * self.dim * LOG_2PI

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """Exact: log |S (I + F F^T)| + n/2 (1 + log 2 pi)."""
        return Estimate(float(self._log_det + 0.5 * self.dim * (1.0 + LOG_2PI)), 0.0)

    @property
    def _scale(self):
        return scale_of(self.log_scale)

    @property
    def _gram(self):
        return jnp.eye(self.factor.shape[1]) + self.factor.T @ self.factor

    @property
    def _log_det(self):
        # |I + F F^T| = |I + F^T F|
        inner = 2.0 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(self._gram))))
        return jnp.sum(jnp.log(self._scale)) + inner


class LowRank(AbstractFamily):
    """A normal whose covariance is a diagonal plus a matrix of low rank: n (rank + 2) numbers.

    Attributes:
        rank: directions of correlation; None: the root of the dimension, rounded.
    """

    name: ClassVar[str] = "low-rank"
    is_axis_aligned: ClassVar[bool] = False
    rank: int | None = eqx.field(static=True, default=None)

    def init(self, key: PRNGKeyArray, dim: int) -> LowRankGaussian:
        """The standard normal, but for a small random factor."""
        rank = max(1, round(dim**0.5)) if self.rank is None else self.rank
        if not 1 <= rank <= dim:
            raise RequestError(
                f"A low-rank family of rank {rank} does not fit {dim} dimensions; ask for a rank from 1 to {dim}."
            )
        factor = _FIRST_FACTOR / dim**0.5 * jax.random.normal(key, (dim, rank))
        return LowRankGaussian(jnp.zeros(dim), jnp.zeros(dim), factor)
