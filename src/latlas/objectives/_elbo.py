"""The evidence lower bound, with a price on the information in z."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import AbstractSchedule, Constant, Example
from latlas.models import AbstractLatentModel
from latlas.objectives._draws import AbstractDraws, MonteCarlo, over_draws
from latlas.objectives._gradients import AbstractGradient, Reparameterised
from latlas.objectives._objective import AbstractObjective, Terms, mean_over_batch


class ElboTerms(NamedTuple):
    """The two terms of the ELBO of one example, in nats: `elbo = log_likelihood - kl`."""

    log_likelihood: Scalar
    kl: Scalar


class Elbo(AbstractObjective):
    r"""Minus the (beta-)ELBO: $\beta\, KL(q(z|x) \| p(z)) - E_q[\log p(x | z)]$, mean over the batch.

    With beta = 1 it is the ELBO of Kingma and Welling 2014; beta is the price of a nat of information in z (Higgins et
    al. 2017; Alemi et al. 2018, arXiv:1711.00464). The term `elbo` is always the true one, whatever beta is.

    Attributes:
        beta: a schedule over the run; `LinearWarmUp(0.1)` is the usual KL warm-up.
        draws: how E_q is taken.
        gradient: which gradient estimator.
    """

    beta: AbstractSchedule = Constant(1.0)
    draws: AbstractDraws = MonteCarlo(1)
    gradient: AbstractGradient = Reparameterised()

    def terms(self, key: PRNGKeyArray, model: AbstractLatentModel, example: Example) -> ElboTerms:
        """The terms of one example.

        Args:
            key: draws the latents.
            model: any latent-variable model.
            example: one example.

        Returns:
            E_q[log p(x|z)] and KL(q || p), in nats, each of shape `()`.
        """
        q, p = model.posterior(example), model.prior(example.condition)
        z, log_mass = self.draws(key, q)

        def log_likelihood(z):
            return model.likelihood(z, example.condition).log_prob(example.x, example.observed)

        expected = jnp.sum(jnp.exp(log_mass) * over_draws(log_likelihood, z))
        return ElboTerms(expected, self.gradient.kl(z, log_mass, q, p))

    def __call__(
        self, key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the terms `elbo`, `log_likelihood`, `kl` and `beta`."""
        terms = mean_over_batch(key, self.terms, model, batch)
        beta = self.beta(progress)
        loss = beta * terms.kl - terms.log_likelihood
        return loss, {
            "elbo": terms.log_likelihood - terms.kl,
            "log_likelihood": terms.log_likelihood,
            "kl": terms.kl,
            "beta": beta,
        }
