"""What a latent-variable model is: p(z), q(z | x), p(x | z), and nothing else."""

import abc
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, PyTree, Scalar

from latlas.core import Example
from latlas.distributions import Likelihood


class AbstractLatentModel(eqx.Module):
    """A joint density p(x, z) with an approximate posterior, for one example.

    Methods take one example and return distributions over one example; objectives and evaluations `vmap`.
    A distribution here is anything with `sample(key)` and `log_prob(z)`: NumPyro's, or `distributions.Chain` and
    `distributions.Product` for a latent that is a tuple or a dict.
    """

    @abc.abstractmethod
    def prior(self, condition: PyTree[Array | np.ndarray] | None = None) -> Any:
        """p(z | condition)."""

    @abc.abstractmethod
    def posterior(self, example: Example) -> Any:
        """q(z | x, condition), the approximation to p(z | x, condition)."""

    @abc.abstractmethod
    def likelihood(self, z: PyTree[Array], condition: PyTree[Array | np.ndarray] | None = None) -> Likelihood:
        """p(x | z, condition)."""

    def log_joint(self, example: Example, z: PyTree[Array]) -> Scalar:
        """Log p(x, z | condition) of the observed entries of x, in nats."""
        likelihood = self.likelihood(z, example.condition)
        return self.prior(example.condition).log_prob(z) + likelihood.log_prob(example.x, example.observed)


class AbstractExactModel(AbstractLatentModel):
    """A latent-variable model whose `posterior` is p(z | x) itself, and whose log p(x) has a closed form or a finite sum.

    What estimates are held against, and what they give way to: evaluations use the exact answers where a model has
    them. Whoever subclasses it promises that both are exact.
    """

    @abc.abstractmethod
    def log_evidence(self, example: Example) -> Scalar:
        """Log p(x | condition) of the observed entries, exact, in nats."""
