"""Latent distributions beyond NumPyro's: chains and products of named latents.

All that latlas asks of a distribution over latents is `sample(key)` and `log_prob(z)` of ONE latent;
NumPyro's distributions (with an empty batch shape) have both, and so have these.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar


@runtime_checkable
class Distribution(Protocol):
    """What latlas asks of a distribution over one latent, NumPyro's or any other."""

    def sample(self, key: PRNGKeyArray) -> Any:
        """One draw."""
        ...

    def log_prob(self, value: Any) -> Scalar:
        """Normalised log density in nats, shape `()`."""
        ...


def diagonal_normal(
    loc: Float[Array | np.ndarray, "*latent"], scale: Float[Array | np.ndarray, "*latent"]
) -> dist.Distribution:
    """Normal with independent entries over one latent: its `log_prob` has shape `()`.

    Args:
        loc: mean.
        scale: standard deviation, positive; NumPyro does not check it inside `jit`.
    """
    base = dist.Normal(loc, scale)
    return base.to_event(len(base.batch_shape))


class Chain(eqx.Module):
    """Joint distribution of named latents, each given the one before: p(a) p(b | a) p(c | b).

    A draw is a dict by name, so that a model may factorise p(z2) p(z1 | z2) while its posterior factorises
    q(z1 | x) q(z2 | z1): the order belongs to the distribution, not to the latent.

    >>> import jax
    >>> import numpyro.distributions as dist
    >>> chain = Chain(("a", "b"), dist.Normal(0.0, 1.0), (lambda a: dist.Normal(a, 0.1),))
    >>> sorted(chain.sample(jax.random.key(0)))
    ['a', 'b']

    Attributes:
        names: of the latents, in the order of the chain.
        first: distribution of the first.
        then: for each other one, the latent before -> its distribution; modules if they are to be trained.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    first: Distribution
    then: tuple[Callable[[Any], Distribution], ...]

    def __check_init__(self) -> None:
        if len(set(self.names)) != 1 + len(self.then):
            raise ValueError(
                f"A chain of {1 + len(self.then)} latents needs as many different names; got {self.names}."
            )

    def sample(self, key: PRNGKeyArray) -> dict[str, Any]:
        """One draw of every latent, by name."""
        keys = jr.split(key, len(self.names))
        z = self.first.sample(keys[0])
        draw = {self.names[0]: z}
        for name, then, key_ in zip(self.names[1:], self.then, keys[1:], strict=True):
            draw[name] = z = then(z).sample(key_)
        return draw

    def log_prob(self, value: dict[str, Any]) -> Scalar:
        """Sum of the links' log densities, in nats."""
        before = self.names[:-1]
        links = zip(before, self.names[1:], self.then, strict=True)
        rest = (then(value[given]).log_prob(value[name]) for given, name, then in links)
        return self.first.log_prob(value[self.names[0]]) + sum(rest)

    @property
    def mean(self) -> dict[str, Any]:
        """The mean of the first latent, and of each other one at the mean of the one before.

        The chain's mean where the links' means are affine, a point estimate elsewhere.
        """
        z = mean_of(self.first)
        means = {self.names[0]: z}
        for name, then in zip(self.names[1:], self.then, strict=True):
            means[name] = z = mean_of(then(z))
        return means

    @property
    def variance(self) -> dict[str, Any]:
        """The variance of each link where the link before stands at its mean.

        What a link adds to the ones before is left out: it is the spread of a latent given the one before.
        """
        link = self.first
        variances = {self.names[0]: variance_of(link)}
        for name, then in zip(self.names[1:], self.then, strict=True):
            link = then(mean_of(link))
            variances[name] = variance_of(link)
        return variances


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
        parts = (factor.log_prob(z) for factor, z in zip(factors, values, strict=True))
        return sum(parts, jnp.asarray(0.0))

    @property
    def mean(self) -> PyTree[Array]:
        """The factors' means, in the same container."""
        factors, structure = one_level(self.factors)
        return structure.unflatten([factor.mean for factor in factors])

    @property
    def variance(self) -> PyTree[Array]:
        """The factors' variances, in the same container."""
        factors, structure = one_level(self.factors)
        return structure.unflatten([factor.variance for factor in factors])


def mean_of(distribution: Any) -> Any:
    """Its mean, which most distributions have and `Distribution` does not ask for."""
    return distribution.mean


def variance_of(distribution: Any) -> Any:
    """Its variance, likewise."""
    return distribution.variance


def one_level(container: PyTree) -> tuple[list, Any]:
    """The entries of a container and its structure; the entries, pytrees themselves, stay whole."""
    return jax.tree.flatten(container, is_leaf=lambda node: node is not container)
