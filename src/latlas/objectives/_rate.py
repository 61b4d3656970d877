"""The rate alone: what is minimised where a constraint stands in for the likelihood."""

from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import Example
from latlas.models import AbstractLatentModel
from latlas.objectives._draws import AbstractDraws, MonteCarlo
from latlas.objectives._gradients import AbstractGradient, Reparameterised
from latlas.objectives._objective import AbstractObjective, Terms, mean_over_batch


class Rate(AbstractObjective):
    """KL(q(z|x) || p(z)), mean over the batch, in nats: the information that the code carries, and its loss.

    Alone it has the trivial minimum q = p. Under a constraint on the reconstruction (`Constrained`) it is GECO's
    objective: the cheapest code that reconstructs well enough.

    Attributes:
        draws: how E_q is taken where the KL has no closed form.
        gradient: which gradient estimator.
    """

    draws: AbstractDraws = MonteCarlo(1)
    gradient: AbstractGradient = Reparameterised()

    def rate(self, key: PRNGKeyArray, model: AbstractLatentModel, example: Example) -> Scalar:
        """KL(q || p) of one example, in nats.

        Args:
            key: draws the latents, where the KL has no closed form.
            model: any latent-variable model.
            example: one example.
        """
        q, p = model.posterior(example), model.prior(example.condition)
        z, log_mass = self.draws(key, q)
        return self.gradient.kl(z, log_mass, q, p)

    def __call__(
        self, key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `kl`, both the mean rate."""
        rate = mean_over_batch(key, self.rate, model, batch)
        return rate, {"kl": rate}
