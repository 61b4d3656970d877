"""Remedies that change how a model is trained: the steps of its parts, the learning rate, the length."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from latlas.evaluation.cure._model_remedies import COLLAPSE, recognitions
from latlas.evaluation.cure._remedy import AbstractRemedy, FitSetup, nodes, replaced
from latlas.training import AbstractOptimizer, Adam, Interleaved, Partitioned, Schedule

_LENGTHS = ("decay_steps", "transition_steps", "warmup_steps")
_RATES = ("init_value", "peak_value", "end_value", "value")


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
    findings: ClassVar[tuple[str, ...]] = (*COLLAPSE, "amortization_gap")
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with an `Interleaved` optimizer for all but the recognitions, where the model has any."""
        optimizer = setup.trainer.optimizer
        if nodes(optimizer, Partitioned) or not recognitions(setup.model):
            return None
        until = max(1, round(self.fraction * setup.num_steps))
        rest = Interleaved(optimizer, self.every, until)
        return _with_optimizer(setup, Partitioned(recognitions, optimizer, rest))


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

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with the rate of every `Adam` lowered; an Optax transformation keeps its own."""

        def change(adam: Adam) -> Adam | None:
            rate = adam.learning_rate
            if isinstance(rate, Schedule):
                return replace(adam, learning_rate=_scaled(rate, _RATES, lambda value: self.factor * value))
            return None if callable(rate) else replace(adam, learning_rate=self.factor * rate)

        optimizer = replaced(setup.trainer.optimizer, Adam, change)
        return None if optimizer is None else _with_optimizer(setup, optimizer)


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

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with a longer run; schedules of the objective are shares of the run and follow by themselves."""
        trainer = setup.trainer
        longer = {
            name: None if (value := getattr(trainer, name)) is None else self.factor * value
            for name in ("num_steps", "num_epochs")
        }

        def change(schedule: Schedule) -> Schedule:
            return _scaled(schedule, _LENGTHS, lambda value: self.factor * value)

        optimizer = replaced(trainer.optimizer, Schedule, change) or trainer.optimizer
        return replace(setup, trainer=replace(trainer, optimizer=optimizer, **longer))


def _with_optimizer(setup: FitSetup, optimizer: AbstractOptimizer) -> FitSetup:
    return replace(setup, trainer=replace(setup.trainer, optimizer=optimizer))


def _scaled(schedule: Schedule, names: tuple[str, ...], scale: Callable[[Any], Any]) -> Schedule:
    arguments = {name: scale(v) if name in names else v for name, v in schedule.arguments}
    return Schedule(schedule.name, **arguments)
