"""Posteriors of one datum: approximations that an optimiser moves, each in units of its own.

An encoder ties the posteriors of all data together; here each datum has its own. They stand wherever a distribution over
one latent does.
"""

import abc

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray, PyTree, Scalar

from latlas.distributions._latent import Distribution
from latlas.distributions.families._bijection import Affine
from latlas.distributions.families._family import AbstractFamily, AbstractTransport


class AbstractPosterior(AbstractTransport):
    """An approximation with moments, and with the units in which an optimiser moves it."""

    @property
    @abc.abstractmethod
    def mean(self) -> PyTree[Array]:
        """Of each entry of the latent, and of its structure."""

    @property
    @abc.abstractmethod
    def variance(self) -> PyTree[Array]:
        """Of each entry of the latent, and of its structure."""

    @property
    @abc.abstractmethod
    def units(self) -> "AbstractPosterior":
        """How far a step of one goes in each parameter, in the place of the parameter.

        A mean moves in standard deviations and what has no unit by one, so that one learning rate serves latents of
        every scale. An optimiser multiplies its update with it.
        """

    @property
    @abc.abstractmethod
    def distribution(self) -> Distribution:
        """The same over one latent, as models and objectives take it: NumPyro's where it has it."""


class AbstractPosteriorFamily(AbstractFamily):
    """A family whose members can start at any Gaussian, and so at what an encoder says."""

    @abc.abstractmethod
    def at(self, affine: Affine) -> AbstractPosterior:
        """The member that is this affine map of standard normal noise.

        Where the family has no correlations, the one with its mean and standard deviations.
        """


class OneLatent(eqx.Module):
    """A posterior as a distribution over one latent, of which `sample` draws one.

    Attributes:
        posterior: any, with latents of any structure.
    """

    posterior: AbstractPosterior

    def sample(self, key: PRNGKeyArray) -> PyTree[Array]:
        """One draw."""
        return self.posterior.transport(jr.normal(key, (self.posterior.dim,)))

    def log_prob(self, value: PyTree[Array]) -> Scalar:
        """Log density in nats."""
        return self.posterior.log_prob(value)

    @property
    def mean(self) -> PyTree[Array]:
        """The posterior's."""
        return self.posterior.mean

    @property
    def variance(self) -> PyTree[Array]:
        """The posterior's."""
        return self.posterior.variance
