"""Penalties on the rate KL(q || p), each an objective of its own, to be added to a bound with `Total`.

Free bits, a committed rate, a capacity: classical methods against collapse are a bound and one of these. A penalty encodes
the batch again; the compiler merges that with the bound's own forward pass, while the encoder's gradient is computed once
for each part.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import AbstractSchedule, Example, as_schedule
from latlas.distributions import kl_per_dimension
from latlas.models import AbstractLatentModel
from latlas.objectives._draws import AbstractDraws, MonteCarlo
from latlas.objectives._gradients import AbstractGradient, Reparameterised
from latlas.objectives._objective import AbstractObjective, Terms, mean_over_batch
from latlas.objectives._rate import Rate


class FreeBits(AbstractObjective):
    r"""$\sum_j \max(\lambda - KL_j, 0)$, with $KL_j$ the rate of latent dimension j, mean over the batch.

    Added to a bound it makes the first $\lambda$ nats of each dimension free:
    $KL_j + \max(\lambda - KL_j, 0) = \max(\lambda, KL_j)$, so that `Total((Elbo(), FreeBits(0.1)), (1.0, 1.0))` is the
    objective of Kingma et al. 2016 (arXiv:1606.04934, appendix C.8), whose gradient does not push a dimension below
    $\lambda$. Where the bound has another beta, give the penalty that weight. Zero where every dimension carries enough.

    Attributes:
        nats_per_dimension: lambda; not negative.
    """

    nats_per_dimension: float | Float[Array, ""]

    def __check_init__(self):
        _check_not_negative("nats_per_dimension", self.nats_per_dimension)

    def __call__(
        self, key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `free_bits`, both the sum above in nats.

        Raises:
            ValueError: if the KL is not a sum over dimensions, or has no closed form.
        """
        rate = mean_over_batch(key, _rate_per_dimension, model, batch)
        loss = jnp.sum(jnp.maximum(self.nats_per_dimension - rate, 0.0))
        return loss, {"free_bits": loss}


class MinimumRate(AbstractObjective):
    r"""$\max(\delta - KL, 0)$ with the mean rate of the batch: the bound's first $\delta$ nats of rate are free.

    `Total((Elbo(), MinimumRate(5.0)), (1.0, weight))` with a weight above 1 pushes the rate up to $\delta$ from below: a
    committed rate like the delta-VAE's (Razavi et al. 2019, arXiv:1901.03416), which holds it by the family of posteriors
    instead. With weight 1 the two gradients of the KL cancel below $\delta$, and only the likelihood is left.

    Attributes:
        nats: delta, of the whole latent; not negative.
        draws: how E_q is taken where the KL has no closed form.
        gradient: which gradient estimator.
    """

    nats: float | Float[Array, ""]
    draws: AbstractDraws = MonteCarlo(1)
    gradient: AbstractGradient = Reparameterised()

    def __check_init__(self):
        _check_not_negative("nats", self.nats)

    def __call__(
        self, key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `minimum_rate`, both max(delta - KL, 0) in nats."""
        rate = mean_over_batch(key, Rate(self.draws, self.gradient).rate, model, batch)
        loss = jnp.maximum(self.nats - rate, 0.0)
        return loss, {"minimum_rate": loss}


class CapacityPenalty(AbstractObjective):
    r"""$\gamma\, |KL - C|$ with the mean rate of the batch and a capacity C that grows over the run.

    `Total((Elbo(beta=Constant(0.0)), CapacityPenalty(LinearWarmUp(0.8, end=25.0), 100.0)), (1.0, 1.0))` is the objective of
    Burgess et al. 2018 (arXiv:1804.03599, eq. 8): the rate is led along C, and the likelihood decides how it is spent.

    Attributes:
        capacity: C in nats, a number or a schedule over the run.
        weight: gamma.
        draws: how E_q is taken where the KL has no closed form.
        gradient: which gradient estimator.
    """

    capacity: AbstractSchedule = eqx.field(converter=as_schedule)
    weight: float | Float[Array, ""] = 100.0
    draws: AbstractDraws = MonteCarlo(1)
    gradient: AbstractGradient = Reparameterised()

    def __call__(
        self, key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the terms `capacity_penalty` (the loss) and `capacity` (C now), in nats."""
        rate = mean_over_batch(key, Rate(self.draws, self.gradient).rate, model, batch)
        capacity = self.capacity(progress)
        loss = self.weight * jnp.abs(rate - capacity)
        return loss, {"capacity_penalty": loss, "capacity": capacity}


def _rate_per_dimension(key: PRNGKeyArray, model: AbstractLatentModel, example: Example) -> Array:
    q, p = model.posterior(example), model.prior(example.condition)
    rate = kl_per_dimension(q, p)
    if rate is None:
        raise ValueError(
            f"Free bits need a rate for each latent dimension; q ({type(q).__name__}) and p ({type(p).__name__}) have none "
            "in closed form. Use MinimumRate, which takes the rate of the whole latent."
        )
    return rate


def _check_not_negative(name: str, value: Any) -> None:
    if isinstance(value, int | float) and not value >= 0:
        raise ValueError(f"{name} is a rate in nats, at least 0; got {value}.")
