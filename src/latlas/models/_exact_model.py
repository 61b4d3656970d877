"""Models whose log p(x) and posterior are known exactly."""

import abc

from jaxtyping import Scalar

from latlas.core import Example
from latlas.models._latent_model import AbstractLatentModel


class AbstractExactModel(AbstractLatentModel):
    """A latent-variable model whose `posterior` is p(z | x) itself, and whose log p(x) has a closed form or a finite sum.

    What estimates are held against, and what they give way to: evaluations use the exact answers where a model has
    them. Whoever subclasses it promises that both are exact.
    """

    @abc.abstractmethod
    def log_evidence(self, example: Example) -> Scalar:
        """Log p(x | condition) of the observed entries, exact, in nats."""
