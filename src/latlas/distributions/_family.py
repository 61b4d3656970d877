"""Variational families: unconstrained numbers -> a distribution over one latent.

An encoder ties the posteriors of all data together; a family lets each datum have its own. Its parameters are a pytree
that any optimiser can move, and whatever they are, the distribution is valid.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PRNGKeyArray, PyTree, Scalar

from latlas.distributions._latent import Distribution, mean_of, variance_of
from latlas.distributions.families import Affine


class AbstractFamily(eqx.Module):
    """A set of distributions over one continuous latent, named by unconstrained parameters."""

    @abc.abstractmethod
    def init(self, q: Any) -> PyTree[Array]:
        """The parameters of the member that stands for `q`: `q` itself where it is of the family.

        Args:
            q: distribution over one latent, an array or a pytree of arrays, with `mean` and `variance`.

        Raises:
            ValueError: if the latent is not made of real numbers.
        """

    @abc.abstractmethod
    def __call__(self, params: PyTree[Array]) -> Distribution:
        """The distribution with these parameters, over one latent: `sample`, `log_prob`, `mean` and `variance`."""

    @abc.abstractmethod
    def units(self, params: PyTree[Array]) -> PyTree[Array]:
        """How far a step of one goes in each parameter, of the structure of `params`.

        A mean moves in standard deviations and what has no unit by one, so that one learning rate serves latents of
        every scale. An optimiser multiplies its update with it.
        """


class AbstractGaussianFamily(AbstractFamily):
    """Families whose members are affine maps of standard normal noise."""

    @abc.abstractmethod
    def affine(self, params: PyTree[Array]) -> Affine:
        """The map from noise to the latent's entries in one vector."""


class Unravelled(eqx.Module):
    """A distribution over vectors as one over latents of any structure.

    Attributes:
        base: over vectors of the latent's entries.
        like: a latent of the wanted structure; its values do not matter.
    """

    base: Distribution
    like: PyTree[Array]

    def sample(self, key: PRNGKeyArray) -> PyTree[Array]:
        """One draw, of the structure of the latent."""
        return self._unravel(self.base.sample(key))

    def log_prob(self, value: PyTree[Array]) -> Scalar:
        """Log density in nats."""
        return self.base.log_prob(ravel_pytree(value)[0])

    @property
    def mean(self) -> PyTree[Array]:
        """The mean, of the structure of the latent."""
        return self._unravel(mean_of(self.base))

    @property
    def variance(self) -> PyTree[Array]:
        """The variance of each entry, of the structure of the latent."""
        return self._unravel(variance_of(self.base))

    def _unravel(self, vector):
        return ravel_pytree(self.like)[1](vector)


def over_latent(base: Distribution, like: PyTree[Array]) -> Distribution:
    """A distribution over vectors as one over latents like `like`; itself where these are vectors."""
    return base if eqx.is_array(like) and like.ndim == 1 else Unravelled(base, like)


class Moments(NamedTuple):
    """Mean and standard deviation of each entry of a latent, both of its structure."""

    mean: PyTree[Array]
    scale: PyTree[Array]


def moments(q: Any) -> Moments:
    """Of a distribution over one continuous latent.

    Raises:
        ValueError: if the latent holds something else than real numbers.
    """
    mean = jax.tree.map(jnp.asarray, q.mean)
    drawn = jax.eval_shape(q.sample, jax.random.key(0))
    wrong = sorted({str(leaf.dtype) for leaf in jax.tree.leaves(drawn) if not _is_real(leaf)})
    if wrong:
        raise ValueError(
            f"Gaussian families and flows are for continuous latents; this one has entries of type {', '.join(wrong)}. "
            "Sum a discrete latent out (draws of a kind that enumerates it), and refine the others."
        )
    return Moments(mean, jax.tree.map(jnp.sqrt, q.variance))


def _is_real(leaf):
    return jnp.issubdtype(leaf.dtype, jnp.floating)
