"""Priors of a mixture's weights and their posteriors given how many rows each component has."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import digamma
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions.transforms import AffineTransform, SigmoidTransform, StickBreakingTransform


class AbstractMixtureWeights(eqx.Module):
    """A distribution of mixture weights that is conjugate to counts."""

    @abc.abstractmethod
    def updated(self, counts: Float[Array, " components"]) -> "AbstractMixtureWeights":
        """The posterior given expected counts."""

    @abc.abstractmethod
    def expected_log(self) -> Float[Array, " components"]:
        """E[log weight]."""

    @abc.abstractmethod
    def kl_to(self, other: "AbstractMixtureWeights") -> Float[Array, ""]:
        """KL(self || other) in nats."""

    @abc.abstractmethod
    def mean(self) -> Float[Array, " components"]:
        """E[weight]."""

    @abc.abstractmethod
    def distribution(self) -> dist.Distribution:
        """As a NumPyro distribution on the simplex."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, num_samples: int) -> Float[Array, "samples components"]:
        """Draws."""


class DirichletWeights(AbstractMixtureWeights):
    """Dirichlet weights.

    Attributes:
        concentration: of each component.
    """

    concentration: Float[Array, " components"]

    def updated(self, counts):
        return DirichletWeights(self.concentration + counts)

    def expected_log(self):
        return digamma(self.concentration) - digamma(jnp.sum(self.concentration))

    def kl_to(self, other):
        return dist.kl_divergence(self.distribution(), other.distribution())

    def mean(self):
        return self.concentration / jnp.sum(self.concentration)

    def distribution(self):
        return dist.Dirichlet(self.concentration)

    def sample(self, key, num_samples):
        return self.distribution().sample(key, (num_samples,))


class StickBreakingWeights(AbstractMixtureWeights):
    """A Dirichlet process, truncated: each component breaks a share off what is left, and the last takes the rest.

    Attributes:
        broken: first parameter of the Beta distribution of each share.
        left: its second parameter.
    """

    broken: Float[Array, " shares"]
    left: Float[Array, " shares"]

    def updated(self, counts):
        after = jnp.cumsum(counts[::-1])[::-1][1:]
        return StickBreakingWeights(self.broken + counts[:-1], self.left + after)

    def expected_log(self):
        total = digamma(self.broken + self.left)
        broken, left = digamma(self.broken) - total, digamma(self.left) - total
        return jnp.append(broken, 0.0) + jnp.append(0.0, jnp.cumsum(left))

    def kl_to(self, other):
        assert isinstance(other, StickBreakingWeights)  # prior and posterior are of one kind
        return jnp.sum(dist.kl_divergence(self._shares(), other._shares()))

    def mean(self):
        share = self.broken / (self.broken + self.left)
        return jnp.append(share, 1.0) * jnp.append(1.0, jnp.cumprod(1 - share))

    def distribution(self):
        # NumPyro's transform takes logits of shares, from which it takes the logarithm of the sticks to come
        sticks = jnp.log(jnp.arange(self.broken.shape[0], 0.0, -1.0))
        parts = [SigmoidTransform().inv, AffineTransform(sticks, 1.0)]
        return dist.TransformedDistribution(self._shares().to_event(1), [*parts, StickBreakingTransform()])

    def sample(self, key, num_samples):
        return self.distribution().sample(key, (num_samples,))

    def _shares(self):
        return dist.Beta(self.broken, self.left)
