"""The variational autoencoder: prior x recognition x decoder x head."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, PyTree

from latlas.core import Example
from latlas.distributions import AbstractHead, Likelihood
from latlas.models._latent_model import AbstractLatentModel
from latlas.models._prior import AbstractPrior
from latlas.models._recognition import AbstractRecognition


class VAE(AbstractLatentModel):
    """Variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082).

    Attributes:
        prior_part: p(z | condition), for example `StandardNormal(latent_dim)`.
        recognition: q(z | x), for example `GaussianRecognition(encoder)`.
        decoder: `z -> params` of the head.
        head: `params -> p(x | z)`.
    """

    prior_part: AbstractPrior
    recognition: AbstractRecognition
    decoder: Callable[[PyTree[Array]], PyTree[Array]]
    head: AbstractHead

    def prior(self, condition: PyTree[Array | np.ndarray] | None = None) -> Any:
        """p(z | condition)."""
        return self.prior_part(condition)

    def posterior(self, example: Example) -> Any:
        """q(z | x)."""
        return self.recognition(example)

    def likelihood(self, z: PyTree[Array], condition: PyTree[Array | np.ndarray] | None = None) -> Likelihood:
        """p(x | z)."""
        return Likelihood(self.head, self.decoder(z))
