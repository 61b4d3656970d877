"""The importance-weighted bound (IWAE), and the log-weights that every estimate of log p(x) is made of."""

from typing import Any

import jax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import Example
from latlas.models import AbstractLatentModel
from latlas.objectives._draws import AbstractDraws, MonteCarlo, over_draws
from latlas.objectives._gradients import AbstractGradient, DoublyReparameterised
from latlas.objectives._objective import AbstractObjective, Terms, mean_over_batch


def log_weights(
    model: AbstractLatentModel, example: Example, z: PyTree[Float[Array, "samples ..."]], q: Any
) -> Float[Array, " samples"]:
    """Log w_k = log p(x, z_k) - log q(z_k) of one example, in nats.

    Args:
        model: gives the joint density.
        example: one example.
        z: latents with a leading axis.
        q: the density that they were drawn from.
    """
    return over_draws(lambda z: model.log_joint(example, z) - q.log_prob(z), z)


class ImportanceWeighted(AbstractObjective):
    r"""Minus the importance-weighted bound $\log \frac1K \sum_k p(x, z_k) / q(z_k | x)$, mean over the batch.

    It equals the ELBO at K = 1 and tightens with K (Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519, eq. 8).

    Attributes:
        draws: the K draws of z.
        gradient: `DoublyReparameterised` by default; `Reparameterised` is the original IWAE's.
    """

    draws: AbstractDraws = MonteCarlo(5)
    gradient: AbstractGradient = DoublyReparameterised()

    def bound(self, key: PRNGKeyArray, model: AbstractLatentModel, example: Example) -> Scalar:
        """The bound on log p(x) of one example, in nats: a maximum, not a loss.

        Args:
            key: draws the K latents.
            model: any latent-variable model.
            example: one example.
        """
        q = model.posterior(example)
        z, log_mass = self.draws(key, q)

        def log_weight(z, q):
            return log_weights(model, example, z, q)

        z, q = self.gradient.reweighted(z, log_mass, q, log_weight)
        return jax.nn.logsumexp(log_mass + log_weight(z, q))

    def __call__(
        self, key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `iwae_bound`."""
        bound = mean_over_batch(key, self.bound, model, batch)
        return -bound, {"iwae_bound": bound}
