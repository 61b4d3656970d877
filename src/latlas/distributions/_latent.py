"""Latent distributions beyond NumPyro's: chains and products over a tuple or dict of latents.

All that latlas asks of a distribution over latents is `sample(key)` and `log_prob(z)` of ONE latent; NumPyro's
distributions (with an empty batch shape) have both, and so have these.
"""

from collections.abc import Callable
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar


class Distribution(Protocol):
    """What latlas asks of a distribution over one latent, NumPyro's or any other."""

    def sample(self, key: PRNGKeyArray) -> Any:
        """One draw."""
        ...

    def log_prob(self, value: Any) -> Scalar:
        """Normalised log density in nats, shape `()`."""
        ...


def diagonal_normal(loc: Float[Array, "*latent"], scale: Float[Array, "*latent"]) -> dist.Distribution:
    """Normal with independent entries over one latent: its `log_prob` has shape `()`.

    Args:
        loc: mean.
        scale: standard deviation, positive; NumPyro does not check it inside `jit`.
    """
    base = dist.Normal(loc, scale)
    return base.to_event(len(base.batch_shape))


class Chain(eqx.Module):
    """Joint distribution of (z1, z2): p(z1) p(z2 | z1). Longer hierarchies are chains of chains.

    Attributes:
        first: distribution of z1.
        then: z1 -> distribution of z2, a module if it is to be trained.
    """

    first: Distribution
    then: Callable[[Any], Distribution]

    def sample(self, key: PRNGKeyArray) -> tuple[Any, Any]:
        """One draw (z1, z2)."""
        key_first, key_then = jr.split(key)
        z1 = self.first.sample(key_first)
        return z1, self.then(z1).sample(key_then)

    def log_prob(self, value: tuple[Any, Any]) -> Scalar:
        """Log p(z1) + log p(z2 | z1), in nats."""
        z1, z2 = value
        return self.first.log_prob(z1) + self.then(z1).log_prob(z2)


class Product(eqx.Module):
    """Independent distributions over the entries of a dict or tuple.

    >>> import jax
    >>> import numpyro.distributions as dist
    >>> p = Product({"shape": dist.Normal(0.0, 1.0), "class": dist.Categorical(logits=jax.numpy.zeros(3))})
    >>> sorted(p.sample(jax.random.key(0)))
    ['class', 'shape']

    Attributes:
        factors: a dict, tuple or list of distributions.
    """

    factors: PyTree[Distribution]

    def sample(self, key: PRNGKeyArray) -> PyTree[Array]:
        """One draw of every factor, in the same container."""
        factors, structure = one_level(self.factors)
        keys = jr.split(key, len(factors))
        return structure.unflatten([factor.sample(key) for factor, key in zip(factors, keys, strict=True)])

    def log_prob(self, value: PyTree[Array]) -> Scalar:
        """Sum of the factors' log densities, in nats."""
        factors, structure = one_level(self.factors)
        values = structure.flatten_up_to(value)
        return sum(factor.log_prob(z) for factor, z in zip(factors, values, strict=True))


def one_level(container: PyTree) -> tuple[list, Any]:
    """The entries of a container and its structure; the entries, pytrees themselves, stay whole."""
    return jax.tree.flatten(container, is_leaf=lambda node: node is not container)
