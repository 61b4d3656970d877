"""Remedies that change the objective: the price of the rate, its schedule, and rates that are free or asked for."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import jax

from latlas.core import AbstractSchedule, Constant, Cyclical, LinearWarmUp
from latlas.distributions import kl_per_dimension
from latlas.evaluation.cure._model_remedies import COLLAPSE, first_example
from latlas.evaluation.cure._remedy import AbstractRemedy, FitSetup, nodes, replaced
from latlas.objectives import CapacityPenalty, Constraint, Elbo, FreeBits, MinimumRate, Total

# a schedule is read at so many places of the run's first half
_STEPS = 20


class UnitBeta(AbstractRemedy):
    """The rate is priced at 1, by which the ELBO is the ELBO: a large beta collapses, a small one never pays.

    It changes what was asked for, and says so.

    Attributes:
        fraction: share of the run over which beta rises to 1.
    """

    fraction: float = 0.1

    name: ClassVar[str] = "unit_beta"
    sentence: ClassVar[str] = (
        "The objective is changed: beta ends at 1, the price at which the bound is the ELBO."
    )
    findings: ClassVar[tuple[str, ...]] = (
        *COLLAPSE,
        "vanishing_posterior_variance",
        "aggregate_posterior_mismatch",
        "kl_underfitting",
        "wrong_likelihood_scale",
        "overfitting",
        "too_few_epochs",
        "unreliable_evidence",
    )
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with beta rising to 1 early, where it ended elsewhere or came late."""

        def change(beta: AbstractSchedule) -> AbstractSchedule | None:
            # late: not half way up when half of the run is done
            early = max(float(beta(0.5 * step / _STEPS)) for step in range(_STEPS + 1))
            there = abs(float(beta(1.0)) - 1.0) < 1e-3 and early > 0.5
            return None if there else LinearWarmUp(self.fraction)

        return _with_betas(setup, change)


class WarmUp(AbstractRemedy):
    """Beta rises from 0 over a share of the run (Bowman et al. 2016, arXiv:1511.06349; Sonderby et al. 2016).

    Attributes:
        fraction: share of the run.
    """

    fraction: float = 0.3

    name: ClassVar[str] = "warm_up"
    sentence: ClassVar[str] = "KL warm-up: beta rises from 0 over the first part of the run."
    findings: ClassVar[tuple[str, ...]] = (*COLLAPSE, "kl_underfitting")
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with a warm-up to the beta that was asked for, where it had a shorter one or none."""

        def change(beta: AbstractSchedule) -> AbstractSchedule | None:
            end = float(beta(1.0))
            slower = float(beta(0.5 * self.fraction)) <= 0.6 * end
            return None if slower else LinearWarmUp(self.fraction, end=end)

        return _with_betas(setup, change)


class CyclicalWarmUp(AbstractRemedy):
    """Several warm-ups in a row, each begun with what the latent learned before (Fu et al. 2019, arXiv:1903.10145).

    Attributes:
        num_cycles: how many.
        fraction: share of each cycle in which beta rises.
    """

    num_cycles: int = 4
    fraction: float = 0.5

    name: ClassVar[str] = "cyclical_warm_up"
    sentence: ClassVar[str] = "Cyclical KL warm-up: beta rises from 0 several times."
    findings: ClassVar[tuple[str, ...]] = COLLAPSE
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with a cyclical schedule to the beta that was asked for, where it has none."""

        def change(beta: AbstractSchedule) -> AbstractSchedule | None:
            return (
                None
                if isinstance(beta, Cyclical)
                else Cyclical(self.num_cycles, self.fraction, end=float(beta(1.0)))
            )

        return _with_betas(setup, change)


class AddFreeBits(AbstractRemedy):
    """The first nats of each latent dimension cost nothing (Kingma et al. 2016, arXiv:1606.04934).

    Attributes:
        nats_per_dimension: how many.
    """

    nats_per_dimension: float = 0.1

    name: ClassVar[str] = "free_bits"
    sentence: ClassVar[str] = "Free bits: the first nats of each latent dimension cost nothing."
    findings: ClassVar[tuple[str, ...]] = (*COLLAPSE, "kl_underfitting")
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with the penalty added, where the rate is known for each dimension and it is not there yet."""
        if nodes(setup.trainer.objective, FreeBits) or not _factorises(setup):
            return None
        return _with_penalty(setup, FreeBits(self.nats_per_dimension), 1.0)


class DemandRate(AbstractRemedy):
    """A rate that the latent has to carry, by a penalty below it (as in Razavi et al. 2019, arXiv:1901.03416).

    Attributes:
        nats: of the whole latent.
        weight: of the penalty against beta, above 1 to push the rate up.
    """

    nats: float = 2.0
    weight: float = 2.0

    name: ClassVar[str] = "minimum_rate"
    sentence: ClassVar[str] = "A minimum rate is asked for: the latent has to carry a few nats."
    findings: ClassVar[tuple[str, ...]] = COLLAPSE
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with the penalty added, where it is not there yet."""
        if nodes(setup.trainer.objective, MinimumRate):
            return None
        return _with_penalty(setup, MinimumRate(self.nats), self.weight)


class AnnealCapacity(AbstractRemedy):
    """The rate is led along a capacity that grows over the run (Burgess et al. 2018, arXiv:1804.03599).

    Attributes:
        nats: the capacity at the end.
        weight: of the distance between rate and capacity.
        fraction: share of the run over which it grows.
    """

    nats: float = 10.0
    weight: float = 2.0
    fraction: float = 0.8

    name: ClassVar[str] = "capacity_annealing"
    sentence: ClassVar[str] = "Capacity annealing: the rate is led along a capacity that grows over the run."
    findings: ClassVar[tuple[str, ...]] = COLLAPSE
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with beta 0 and the capacity's penalty in its place, where it is not there yet."""
        if nodes(setup.trainer.objective, CapacityPenalty):
            return None
        free = _with_betas(setup, lambda beta: Constant(0.0))
        if free is None:
            return None
        penalty = CapacityPenalty(LinearWarmUp(self.fraction, end=self.nats), self.weight)
        return _with_penalty(free, penalty, 1.0)


class ConstrainRate(AbstractRemedy):
    """The rate is held above a bound by a Lagrange multiplier (GECO, Rezende and Viola 2018, arXiv:1810.00597).

    Attributes:
        nats: the bound, of the whole latent.
    """

    nats: float = 2.0

    name: ClassVar[str] = "constrained_rate"
    sentence: ClassVar[str] = "GECO: the rate is held above a bound by a Lagrange multiplier."
    findings: ClassVar[tuple[str, ...]] = COLLAPSE
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with the constraint on the term `kl`, where it has none yet."""
        if setup.constraints or not nodes(setup.trainer.objective, Elbo):
            return None
        return replace(setup, constraints=(Constraint("kl", self.nats, at_least=True),))


def _factorises(setup: FitSetup) -> bool:
    """Whether KL(q || p) is known for each dimension."""
    example, model = first_example(setup), setup.model
    return (
        jax.eval_shape(lambda: kl_per_dimension(model.posterior(example), model.prior(example.condition)))
        is not None
    )


def _with_penalty(
    setup: FitSetup, penalty: FreeBits | MinimumRate | CapacityPenalty, weight: float
) -> FitSetup:
    objective = Total((setup.trainer.objective, penalty), (1.0, weight))
    return replace(setup, trainer=replace(setup.trainer, objective=objective))


def _with_betas(
    setup: FitSetup, change: Callable[[AbstractSchedule], AbstractSchedule | None]
) -> FitSetup | None:
    def at(bound: Elbo) -> Elbo | None:
        beta = change(bound.beta)
        return None if beta is None else replace(bound, beta=beta)

    objective = replaced(setup.trainer.objective, Elbo, at)
    return None if objective is None else replace(setup, trainer=replace(setup.trainer, objective=objective))
