"""The deterministic autoencoder: an encoder and a decoder, and no prior."""

from collections.abc import Callable

import equinox as eqx
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, PyTree

from latlas.core import Example
from latlas.distributions import AbstractHead, Likelihood
from latlas.networks import values


class Autoencoder(eqx.Module):
    """Encoder, decoder and head without a prior: it reconstructs, but is no density and cannot be sampled.

    Its posterior is a point, so that what works on a posterior's mean (`latent.encode`, `latent.reconstruct`, maps) works
    on it too; an ELBO does not exist, since KL(point || prior) is infinite. Train it with
    `objectives.ReconstructionLoss`; for a density use `VAE`.

    Attributes:
        encoder: `(inputs,) -> (latent,)`.
        decoder: `(latent,) -> params` of the head.
        head: `params -> p(x | z)`; with `Gaussian` of fixed scale the loss is the squared error up to constants.
        inputs: what the encoder sees of an example.
    """

    encoder: Callable[[Array], Array]
    decoder: Callable[[Array], PyTree[Array]]
    head: AbstractHead
    inputs: Callable[[Example], Array] = eqx.field(static=True, default=values)

    def posterior(self, example: Example) -> dist.Distribution:
        """All mass on the code of x, event shape `(latent,)`."""
        return dist.Delta(self.encoder(self.inputs(example)), event_dim=1)

    def likelihood(
        self, z: Float[Array, " latent"], condition: PyTree[Array | np.ndarray] | None = None
    ) -> Likelihood:
        """p(x | z)."""
        return Likelihood(self.head, self.decoder(z))
