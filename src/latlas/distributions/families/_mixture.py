"""Mixtures of Gaussians: several modes, skew and heavy tails, each component with any covariance."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate, RequestError
from latlas.distributions.families._entropy import monte_carlo_entropy
from latlas.distributions.families._family import AbstractApproximation, AbstractFamily
from latlas.distributions.families._full_rank import FullGaussian, FullRank
from latlas.distributions.families._low_rank import LowRank, LowRankGaussian
from latlas.distributions.families._mean_field import DiagonalGaussian, MeanField

# components at one place would stay there together
_FIRST_SPREAD = 0.5


class MixtureApproximation(AbstractApproximation):
    """sum_k softmax(logits)_k q_k(w). Its draws choose a component, so that no gradient passes through them.

    Attributes:
        components: the K components as one pytree, each leaf with a leading axis of K.
        logits: of the weights, `(K,)`; a constant added to all of them changes nothing.
    """

    components: DiagonalGaussian | FullGaussian | LowRankGaussian
    logits: Float[Array | np.ndarray, " K"]

    @property
    def dim(self) -> int:
        """n."""
        return self.components.loc.shape[1]

    @property
    def weights(self) -> Float[Array, " K"]:
        """Of the components; they sum to one."""
        return jax.nn.softmax(self.logits)

    @property
    def mean(self) -> Float[Array | np.ndarray, " n"]:
        """The weighted mean of the components' means."""
        return self.weights @ self.components.loc

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """Within components plus between them."""
        within = jnp.tensordot(self.weights, jax.vmap(lambda q: q.covariance)(self.components), 1)
        apart = self.components.loc - self.mean
        return within + (self.weights[:, None] * apart).T @ apart

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        choice_key, draw_key = jax.random.split(key)
        keys = jax.random.split(draw_key, self.logits.shape[0])
        draws = jax.vmap(lambda q, key: q.sample(key, num_draws))(self.components, keys)
        chosen = jax.random.categorical(choice_key, self.logits, shape=(num_draws,))
        return draws[chosen, jnp.arange(num_draws)]

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats."""
        return logsumexp(jax.nn.log_softmax(self.logits) + jax.vmap(lambda q: q.log_prob(w))(self.components))

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """By 10,000 draws."""
        return monte_carlo_entropy(key, self)


class Mixture(AbstractFamily):
    """Several Gaussians of one family.

    Attributes:
        num_components: K, at least 1.
        of: the family of a component: mean-field, full-rank or low-rank.
    """

    name: ClassVar[str] = "mixture"
    is_axis_aligned: ClassVar[bool] = False
    num_components: int = eqx.field(static=True, default=4)
    of: AbstractFamily = FullRank()

    def init(self, key: PRNGKeyArray, dim: int) -> MixtureApproximation:
        """Equal weights, unit scales, means scattered about zero."""
        if self.num_components < 1:
            raise RequestError(
                f"Got a mixture of {self.num_components} components; ask for at least one component."
            )
        if not isinstance(self.of, MeanField | FullRank | LowRank):
            raise RequestError(
                f"Got a mixture of {self.of.name}; its components can be mean-field, full-rank or low-rank."
            )
        init_key, spread_key = jax.random.split(key)
        components = jax.vmap(lambda k: self.of.init(k, dim))(jax.random.split(init_key, self.num_components))
        spread = _FIRST_SPREAD * jax.random.normal(spread_key, (self.num_components, dim))
        components = eqx.tree_at(lambda q: q.loc, components, spread - spread.mean(axis=0))
        return MixtureApproximation(components, jnp.zeros(self.num_components))
