"""Gaussian families: independent entries, and a full covariance."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from latlas.distributions._family import AbstractGaussianFamily, moments, over_latent
from latlas.distributions._latent import Distribution, diagonal_normal
from latlas.distributions.families import Affine, Diagonal, Triangular

# scales from 5e-5 to 2e4: far past any useful posterior, far from float32's infinities
_LOG_SCALE_LIMIT = 10.0


class DiagonalParams(NamedTuple):
    """Of `DiagonalGaussian`: mean (of the latent's structure) and log standard deviations, shape `(n,)`."""

    loc: PyTree[Array]
    log_scale: Float[Array, " n"]


class FullParams(NamedTuple):
    """Of `FullGaussian`: as `DiagonalParams`, and `(n, n)` numbers of which those below the diagonal count."""

    loc: PyTree[Array]
    log_scale: Float[Array, " n"]
    lower: Float[Array, "n n"]


class DiagonalGaussian(AbstractGaussianFamily):
    """Normal with independent entries: the family of the usual encoder.

    >>> import numpyro.distributions as dist
    >>> family = DiagonalGaussian()
    >>> q = family(family.init(dist.Normal(jnp.array([1.0, -2.0]), 0.5).to_event(1)))
    >>> q.mean.tolist(), q.variance.tolist()
    ([1.0, -2.0], [0.25, 0.25])
    """

    def init(self, q: Any) -> DiagonalParams:
        """Mean and standard deviations of `q`."""
        loc, scale = moments(q)
        return DiagonalParams(loc, jnp.log(ravel_pytree(scale)[0]))

    def __call__(self, params: DiagonalParams) -> Distribution:
        """Normal, over the latent's entries."""
        affine = self.affine(params)
        q = diagonal_normal(affine.loc, affine.factor.diagonal)
        return over_latent(q, params.loc)  # pyright: ignore[reportArgumentType]  # NumPyro: log_prob may be a number

    def units(self, params: DiagonalParams) -> DiagonalParams:
        """Standard deviations for the mean, one for their logarithms."""
        return DiagonalParams(_in_scales(params), jnp.ones_like(params.log_scale))

    def affine(self, params: DiagonalParams) -> Affine:
        """noise -> loc + scale noise."""
        return Affine(ravel_pytree(params.loc)[0], Diagonal(_scale(params.log_scale)))


class FullGaussian(AbstractGaussianFamily):
    r"""Normal with any covariance: $z = \mu + \sigma \odot (U \epsilon)$, U lower triangular with ones on its diagonal.

    $\mathrm{diag}(\sigma) U$ is the Cholesky factor of the covariance, so that every choice of numbers is valid, and the
    numbers below the diagonal of U have no unit.
    """

    def init(self, q: Any) -> FullParams:
        """Mean and covariance of `q` where it is a `MultivariateNormal`, else its standard deviations."""
        loc, scale = moments(q)
        if isinstance(q, dist.MultivariateNormal):
            diagonal = jnp.diagonal(q.scale_tril)  # pyright: ignore[reportArgumentType]  # to NumPyro a shape too
            return FullParams(loc, jnp.log(diagonal), jnp.tril(q.scale_tril / diagonal[:, None], -1))
        log_scale = jnp.log(ravel_pytree(scale)[0])
        return FullParams(loc, log_scale, jnp.zeros((log_scale.size, log_scale.size), log_scale.dtype))

    def __call__(self, params: FullParams) -> Distribution:
        """Multivariate normal, over the latent's entries."""
        affine = self.affine(params)
        return over_latent(dist.MultivariateNormal(affine.loc, scale_tril=affine.factor.dense), params.loc)

    def units(self, params: FullParams) -> FullParams:
        """Standard deviations for the mean, one for their logarithms, and one for a row of U altogether."""
        lower = jnp.full_like(params.lower, params.lower.shape[0] ** -0.5)
        return FullParams(_in_scales(params), jnp.ones_like(params.log_scale), lower)

    def affine(self, params: FullParams) -> Affine:
        """noise -> loc + scale * (U noise)."""
        unit = jnp.tril(params.lower, -1) + jnp.eye(params.lower.shape[0], dtype=params.lower.dtype)
        return Affine(ravel_pytree(params.loc)[0], Triangular(unit).scaled(_scale(params.log_scale)))


def _scale(log_scale):
    return jnp.exp(jnp.clip(log_scale, -_LOG_SCALE_LIMIT, _LOG_SCALE_LIMIT))


def _in_scales(params):
    return ravel_pytree(params.loc)[1](_scale(params.log_scale))
