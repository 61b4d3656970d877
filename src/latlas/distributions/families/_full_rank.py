"""Any covariance."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from latlas.distributions.families._bijection import Affine
from latlas.distributions.families._factor import Triangular
from latlas.distributions.families._gaussian import AbstractGaussian, AbstractGaussianFamily
from latlas.distributions.families._log_scale import scale_of


class FullGaussian(AbstractGaussian):
    r"""w = loc + exp(log_scale) (U noise), U lower triangular with ones on its diagonal.

    $\mathrm{diag}(\exp(\mathrm{log\_scale}))\, U$ is the Cholesky factor of the covariance, so that every choice of
    numbers is valid, and the numbers below the diagonal of U have no unit.

    Attributes:
        loc: means, `(n,)`.
        log_scale: logs of the Cholesky factor's diagonal, `(n,)`.
        lower: what lies below U's diagonal, `(n, n)`; the rest of this matrix does not count.
    """

    loc: Float[Array | np.ndarray, " n"]
    log_scale: Float[Array | np.ndarray, " n"]
    lower: Float[Array | np.ndarray, "n n"]

    @classmethod
    def of(
        cls, loc: Float[Array | np.ndarray, " n"], scale_tril: Float[Array | np.ndarray, "n n"]
    ) -> "FullGaussian":
        """From a mean and the Cholesky factor of a covariance, on the host."""
        factor = Triangular(np.asarray(scale_tril))
        return cls(np.asarray(loc), np.log(factor.diagonal), np.tril(factor.unit_rows, -1))

    @property
    def scale_tril(self) -> Float[Array, "n n"]:
        """Cholesky factor of the covariance."""
        scale = scale_of(self.log_scale)
        return scale[:, None] * jnp.tril(self.lower, -1) + jnp.diag(scale)

    @property
    def affine(self) -> Affine:
        """From noise to w."""
        return Affine(self.loc, Triangular(self.scale_tril))

    @property
    def units(self) -> "FullGaussian":
        """Scales for the mean, one for their logarithms, and one for a row of U altogether."""
        lower = jnp.full_like(self.lower, self.dim**-0.5)
        return FullGaussian(scale_of(self.log_scale), jnp.ones_like(self.log_scale), lower)

    @property
    def distribution(self) -> dist.Distribution:
        """NumPyro's `MultivariateNormal`, over one vector."""
        return dist.MultivariateNormal(self.loc, scale_tril=self.scale_tril)


class FullRank(AbstractGaussianFamily):
    """A normal with any covariance: n (n + 3) / 2 numbers."""

    name: ClassVar[str] = "full-rank"
    is_axis_aligned: ClassVar[bool] = False

    def at(self, affine: Affine) -> FullGaussian:
        """The member that is this map."""
        factor = affine.factor
        return FullGaussian(affine.loc, jnp.log(factor.diagonal), jnp.tril(factor.unit_rows, -1))


def gaussian_of(draws: Float[np.ndarray, "draws n"]) -> FullGaussian:
    """The normal with the draws' mean and covariance; with at most one draw more than coordinates only their variances."""
    mean, centred = draws.mean(0), draws - draws.mean(0)
    if len(draws) > draws.shape[1] + 1:
        covariance = np.cov(centred.T, ddof=1).reshape(draws.shape[1], -1)
    else:
        covariance = np.diag(centred.var(0, ddof=1))
    # coordinates that never moved would make it singular
    covariance += 1e-12 * max(np.max(np.diagonal(covariance)), 1e-300) * np.eye(len(mean))
    return FullGaussian.of(jnp.asarray(mean), jnp.asarray(np.linalg.cholesky(covariance)))
