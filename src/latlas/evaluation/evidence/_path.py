"""The path from a prior or a proposal to the posterior of one datum."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, PyTree, Scalar

from latlas.core import Example
from latlas.models import AbstractLatentModel
from latlas.sampling import GeometricPath


class PosteriorRatio(eqx.Module):
    """Log p(x, z) - log r(z), in nats.

    Attributes:
        model: gives p(x, z).
        example: x.
        proposal: r, a distribution over one latent; `None` for the prior, whose ratio is the likelihood alone.
    """

    model: AbstractLatentModel
    example: Example
    proposal: Any = None

    def __call__(self, z: PyTree[Array]) -> Scalar:
        """At one latent."""
        likelihood = self.model.likelihood(z, self.example.condition)
        log_likelihood = likelihood.log_prob(self.example.x, self.example.observed)
        if self.proposal is None:
            return log_likelihood
        prior = self.model.prior(self.example.condition)
        return log_likelihood + prior.log_prob(z) - self.proposal.log_prob(z)


def posterior_path(model: AbstractLatentModel, example: Example, proposal: Any = None) -> GeometricPath:
    """From the prior, or from a proposal, to p(x, z); the integral of its end is p(x)."""
    initial = model.prior(example.condition) if proposal is None else proposal
    return GeometricPath(initial, PosteriorRatio(model, example, proposal))
