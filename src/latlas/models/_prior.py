"""Priors p(z | condition)."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, PyTree


class AbstractPrior(eqx.Module):
    """Condition -> distribution over one latent."""

    @abc.abstractmethod
    def __call__(self, condition: PyTree[Array | np.ndarray] | None = None) -> Any:
        """p(z | condition)."""


class StandardNormal(AbstractPrior):
    """N(0, I) on R^`latent_dim`; it has no parameters, so nothing of it can be trained by accident.

    Attributes:
        latent_dim: number of latent dimensions.
    """

    latent_dim: int = eqx.field(static=True)

    def __call__(self, condition: PyTree[Array | np.ndarray] | None = None) -> dist.Distribution:
        """N(0, I), event shape `(latent_dim,)`."""
        # jnp.zeros and not .expand(): an ExpandedDistribution has no closed-form KL in NumPyro
        return dist.Normal(jnp.zeros(self.latent_dim), jnp.ones(self.latent_dim)).to_event(1)
