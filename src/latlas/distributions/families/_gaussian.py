"""Gaussians that are an affine map of standard normal noise, and the families of such."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.core import Estimate
from latlas.distributions.families._bijection import Affine
from latlas.distributions.families._posterior import AbstractPosterior, AbstractPosteriorFamily
from latlas.distributions.families._pushforward import LOG_2PI, AbstractPushforward


class AbstractGaussian(AbstractPushforward, AbstractPosterior):
    """loc + L noise, with L diagonal or lower triangular.

    Attributes:
        loc: means, `(n,)`.
        log_scale: logs of L's diagonal, `(n,)`; clipped at +-10, in float64 at +-80, where they are used.
    """

    loc: eqx.AbstractVar[Float[Array | np.ndarray, " n"]]
    log_scale: eqx.AbstractVar[Float[Array | np.ndarray, " n"]]

    @property
    @abc.abstractmethod
    def affine(self) -> Affine:
        """From noise to w."""

    @property
    def bijection(self) -> Affine:
        """From noise to w."""
        return self.affine

    @property
    @abc.abstractmethod
    def units(self) -> "AbstractGaussian":
        """How far a step of one goes in each parameter, in the place of the parameter."""

    @property
    def dim(self) -> int:
        """n."""
        return self.loc.shape[0]

    @property
    def mean(self) -> Float[Array | np.ndarray, " n"]:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Float[Array | np.ndarray, " n"]:
        """The covariance's diagonal."""
        return jnp.square(self.affine.factor.row_norms)

    @property
    def covariance(self) -> Float[Array | np.ndarray, "n n"]:
        """L L^T, dense."""
        return self.affine.factor.covariance

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """Exact: log |L| + n/2 (1 + log 2 pi)."""
        return Estimate(float(self.affine.factor.log_det + 0.5 * self.dim * (1.0 + LOG_2PI)), 0.0)


class AbstractGaussianFamily(AbstractPosteriorFamily):
    """A family whose members are `AbstractGaussian`."""

    @abc.abstractmethod
    def at(self, affine: Affine) -> AbstractGaussian:
        """The member that is this affine map of standard normal noise, or has its means and standard deviations."""

    def init(self, key: PRNGKeyArray, dim: int) -> AbstractGaussian:
        """The standard normal."""
        return self.at(Affine.identity(dim))
