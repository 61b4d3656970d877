"""The same joint density under another approximate posterior."""

from typing import Any

import numpy as np
from jaxtyping import Array, PyTree

from latlas.core import Example
from latlas.distributions import Likelihood
from latlas.models._latent_model import AbstractLatentModel
from latlas.models._recognition import AbstractRecognition


class WithRecognition(AbstractLatentModel):
    """p(x, z) of a model, q(z | x) of a recognition: to refine, replace or compare posteriors of one joint density.

    Attributes:
        model: gives prior and likelihood.
        recognition: gives the posterior.
    """

    model: AbstractLatentModel
    recognition: AbstractRecognition

    def prior(self, condition: PyTree[Array | np.ndarray] | None = None) -> Any:
        """p(z | condition) of the model."""
        return self.model.prior(condition)

    def posterior(self, example: Example) -> Any:
        """q(z | x) of the recognition."""
        return self.recognition(example)

    def likelihood(self, z: PyTree[Array], condition: PyTree[Array | np.ndarray] | None = None) -> Likelihood:
        """p(x | z) of the model."""
        return self.model.likelihood(z, condition)
