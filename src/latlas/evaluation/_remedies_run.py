"""Remedies that change how a model is trained: the price of the rate, its schedule, the optimizer, the length."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from latlas.core import AbstractSchedule, LinearWarmUp
from latlas.evaluation._remedies_model import _COLLAPSE, recognitions
from latlas.evaluation._remedy import AbstractRemedy, Course, replaced
from latlas.objectives import Elbo
from latlas.training import AbstractOptimizer, Adam, Interleaved, Schedule

_LENGTHS = ("decay_steps", "transition_steps", "warmup_steps")
_RATES = ("init_value", "peak_value", "end_value", "value")


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
        *_COLLAPSE,
        "vanishing_posterior_variance",
        "aggregate_posterior_mismatch",
        "kl_underfitting",
        "overfitting",
        "unreliable_evidence",
    )
    keeps_structure: ClassVar[bool] = True

    def apply(self, course: Course) -> Course | None:
        """The course with beta rising to 1 early, where it ended elsewhere or came late."""

        def change(beta: AbstractSchedule) -> AbstractSchedule | None:
            # "late": not there when half of the run is done
            there = abs(float(beta(1.0)) - 1.0) < 1e-3 and abs(float(beta(0.5)) - 1.0) < 0.5
            return None if there else LinearWarmUp(self.fraction)

        return _with_betas(course, change)


class WarmUp(AbstractRemedy):
    """Beta rises from 0 over a share of the run (Bowman et al. 2016, arXiv:1511.06349; Sonderby et al. 2016).

    Attributes:
        fraction: share of the run.
    """

    fraction: float = 0.3

    name: ClassVar[str] = "warm_up"
    sentence: ClassVar[str] = "KL warm-up: beta rises from 0 over the first part of the run."
    findings: ClassVar[tuple[str, ...]] = (*_COLLAPSE, "kl_underfitting")
    keeps_structure: ClassVar[bool] = True

    def apply(self, course: Course) -> Course | None:
        """The course with a warm-up to the beta that was asked for, where it had a shorter one or none."""

        def change(beta: AbstractSchedule) -> AbstractSchedule | None:
            end = float(beta(1.0))
            slower = float(beta(0.5 * self.fraction)) <= 0.6 * end
            return None if slower else LinearWarmUp(self.fraction, end=end)

        return _with_betas(course, change)


class MoreEncoderSteps(AbstractRemedy):
    """The encoder is given several steps for each of the decoder's, for the first part of the run.

    A posterior that lags behind its model is one that the model learns to do without (He et al. 2019, arXiv:1901.05534).

    Attributes:
        every: encoder steps per decoder step.
        fraction: share of the run; both are updated at every step after it.
    """

    every: int = 5
    fraction: float = 0.3

    name: ClassVar[str] = "more_encoder_steps"
    sentence: ClassVar[str] = (
        "The encoder is given several steps for each step of the decoder, early in the run."
    )
    findings: ClassVar[tuple[str, ...]] = (*_COLLAPSE, "amortization_gap")
    keeps_structure: ClassVar[bool] = True

    def apply(self, course: Course) -> Course | None:
        """The course with the optimizer wrapped by `Interleaved`, where the model has a recognition."""
        optimizer = course.trainer.optimizer
        if isinstance(optimizer, Interleaved) or not recognitions(course.model):
            return None
        until = max(1, round(self.fraction * course.num_steps))
        return _with_optimizer(course, Interleaved(optimizer, recognitions, self.every, until))


class LowerLearningRate(AbstractRemedy):
    """A lower learning rate, for gradients that jump or overflow.

    Attributes:
        factor: it is multiplied by this.
    """

    factor: float = 0.3

    name: ClassVar[str] = "lower_learning_rate"
    sentence: ClassVar[str] = "The learning rate is lowered."
    findings: ClassVar[tuple[str, ...]] = ("unstable_gradients",)
    keeps_structure: ClassVar[bool] = True

    def apply(self, course: Course) -> Course | None:
        """The course with the rate of every `Adam` lowered; an Optax transformation keeps its own."""

        def change(adam: Adam) -> Adam | None:
            rate = adam.learning_rate
            if isinstance(rate, Schedule):
                return replace(adam, learning_rate=_scaled(rate, _RATES, lambda value: self.factor * value))
            return None if callable(rate) else replace(adam, learning_rate=self.factor * rate)

        optimizer = replaced(course.trainer.optimizer, Adam, change)
        return None if optimizer is None else _with_optimizer(course, optimizer)


class MoreEpochs(AbstractRemedy):
    """A longer run, with its schedules stretched alike.

    Attributes:
        factor: how many times longer, a whole number from 2.
    """

    factor: int = 2

    name: ClassVar[str] = "more_epochs"
    sentence: ClassVar[str] = "The run is made longer."
    findings: ClassVar[tuple[str, ...]] = ("too_few_epochs", "kl_underfitting", "amortization_gap")
    keeps_structure: ClassVar[bool] = True

    def apply(self, course: Course) -> Course | None:
        """The course with a longer run; schedules of the objective are shares of the run and follow by themselves."""
        trainer = course.trainer
        longer = {
            name: None if (value := getattr(trainer, name)) is None else self.factor * value
            for name in ("num_steps", "num_epochs")
        }

        def change(schedule: Schedule) -> Schedule:
            return _scaled(schedule, _LENGTHS, lambda value: self.factor * value)

        optimizer = replaced(trainer.optimizer, Schedule, change) or trainer.optimizer
        return replace(course, trainer=replace(trainer, optimizer=optimizer, **longer))


def _with_betas(
    course: Course, change: Callable[[AbstractSchedule], AbstractSchedule | None]
) -> Course | None:
    def at(bound: Elbo) -> Elbo | None:
        beta = change(bound.beta)
        return None if beta is None else replace(bound, beta=beta)

    objective = replaced(course.trainer.objective, Elbo, at)
    return (
        None if objective is None else replace(course, trainer=replace(course.trainer, objective=objective))
    )


def _with_optimizer(course: Course, optimizer: AbstractOptimizer) -> Course:
    return replace(course, trainer=replace(course.trainer, optimizer=optimizer))


def _scaled(schedule: Schedule, names: tuple[str, ...], scale: Callable[[Any], Any]) -> Schedule:
    arguments = {name: scale(v) if name in names else v for name, v in schedule.arguments}
    return Schedule(schedule.name, **arguments)
