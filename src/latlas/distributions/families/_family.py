"""Approximations: distributions on R^n that can be drawn from and scored; families make them."""

import abc

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate


class AbstractApproximation(eqx.Module):
    """A normalised distribution on R^n; its parameters are its leaves, and every choice of them is valid."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """n."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""

    @abc.abstractmethod
    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density at one point, in nats."""

    @abc.abstractmethod
    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """-E[log q] in nats: exact, with no standard error, where there is a closed form, else by Monte Carlo."""


class AbstractTransport(AbstractApproximation):
    """An approximation that is a differentiable map of standard normal noise: what gradients can pass through."""

    @abc.abstractmethod
    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """The draw that `noise` becomes."""


class AbstractFamily(eqx.Module):
    """A recipe for approximations of one kind; what it holds are options, never parameters.

    Attributes:
        name: in words, for tables and messages, such as "full-rank".
        is_axis_aligned: whether its members mean something about single coordinates, such as which are independent: another
            choice of units leaves that as it is, and a rotation destroys it.
    """

    name: eqx.AbstractClassVar[str]
    is_axis_aligned: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def init(self, key: PRNGKeyArray, dim: int) -> AbstractApproximation:
        """The member nearest to the standard normal of `dim` dimensions.

        Engines work in whitened coordinates, in which that is where to begin.

        Raises:
            RequestError: where the family does not fit the dimension, in a sentence.
        """
