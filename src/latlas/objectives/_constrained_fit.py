"""Training under constraints, and whether they were kept."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from latlas.core import Estimate, RunDirectory
from latlas.objectives._constrained import Constrained, HeldOutRows, WithMultipliers
from latlas.objectives._constraint import Constraint
from latlas.objectives._measured import measured
from latlas.training import Partitioned, ProportionalIntegral, Trainer

# Per relative violation of one: a price of e^-9 nats is none, and one of e^14 (a million) leaves nothing of the objective.
# However far the goal, a multiplier moves by a factor e in 400 steps at most, and the damping adds a factor e^2 at most.
CONTROL = ProportionalIntegral(
    rate=0.05, damping=2.0, decay=0.9, error_limit=1.0, integral_limit=0.05, lower=-9.0, upper=14.0
)
# nats that a relative violation of one would save
_NOTHING = 0.01
_log = logging.getLogger("latlas")


@dataclass(frozen=True)
class ConstraintOutcome:
    """What became of one constraint.

    Attributes:
        name: of the constraint.
        value: the quantity at the end, with its standard error, in its own unit.
        tolerance: what was asked.
        at_least: whether the value was to be above the tolerance.
        price: the multiplier: nats of the objective that a unit of the quantity costs at the end.
        met: whether the value is on the right side, up to the slack and two standard errors.
        note: what to make of it, where there is something to say.
    """

    name: str
    value: Estimate
    tolerance: float
    at_least: bool
    price: float
    met: bool
    note: str | None

    def __str__(self) -> str:
        sign, verdict = (">=" if self.at_least else "<="), ("met" if self.met else "NOT met")
        text = (
            f"{self.name} = {self.value.value:.4g} +- {self.value.standard_error:.2g}, asked {sign} {self.tolerance:.4g}: "
            f"{verdict}, at a price of {self.price:.4g} nats per unit."
        )
        return text if self.note is None else f"{text} {self.note}"


@dataclass(frozen=True)
class ConstrainedFit:
    """What a constrained run left.

    Attributes:
        model: the model at the end.
        outcomes: name of a constraint -> what became of it.
        history: the trainer's reports; `constraint_NAME` and `multiplier_NAME` are among their terms.
        trained: the model with its multipliers, to go on from.
    """

    model: Any
    outcomes: dict[str, ConstraintOutcome]
    history: list[dict[str, Any]]
    trained: WithMultipliers

    @property
    def met(self) -> bool:
        """Whether all constraints are met."""
        return all(outcome.met for outcome in self.outcomes.values())


def constrained_fit(
    key: PRNGKeyArray,
    trainer: Trainer,
    model: PyTree,
    data: PyTree[Array | np.ndarray],
    constraints: Sequence[Constraint],
    *,
    held_out: PyTree[Array | np.ndarray] | None = None,
    held_out_batch_size: int | None = None,
    control: ProportionalIntegral = CONTROL,
    slack: float = 0.02,
    run: RunDirectory | None = None,
    callbacks: Sequence[Any] = (),
) -> ConstrainedFit:
    """Minimises a trainer's objective under constraints; the last model is kept, not one that was best by some loss.

    A model that is better by its objective alone is so by breaking constraints, and while the multipliers move no
    validation loss tells one step from another. They settle towards the end, all the more where the learning rate falls.

    Args:
        key: everything random in the run follows from it.
        trainer: objective, optimizer of the model, length, batches; as for a fit without constraints.
        model: what is trained; a `WithMultipliers`, such as an earlier fit's `trained`, goes on from its multipliers.
        data: the training rows.
        constraints: one or several, with names that differ.
        held_out: rows of the same form that drive the multipliers instead of the training rows, so that the tolerance is
            one on new data. A few thousand: the tolerance is kept up to their own sampling error.
        held_out_batch_size: of them at each step; by default the trainer's batch size, or 100 where that is all rows.
        control: how the log-multipliers follow the violations, and their bounds.
        slack: violation, relative to the constraint's scale, up to which it counts as met.
        run: where checkpoints and metrics are kept.
        callbacks: as the trainer's.

    Returns:
        The model, and for each constraint the value achieved on the held-out rows (without them, on the training rows),
        its standard error, whether the constraint is met, and its price. What is not met is logged as a warning too.
    """
    rows = None
    if held_out is not None:
        batch_size = held_out_batch_size or trainer.batch_size or 100
        rows = HeldOutRows(jax.tree.map(jnp.asarray, held_out), batch_size, trainer.prepare)
    constrained, frozen = Constrained(trainer.objective, tuple(constraints), rows), trainer.frozen
    fit_key, outcome_key = jr.split(key)
    ours = replace(
        trainer,
        objective=constrained,
        optimizer=Partitioned(_log_multipliers, control, trainer.optimizer),
        frozen=None if frozen is None else lambda trained: frozen(trained.model),
    )
    start = model if isinstance(model, WithMultipliers) else WithMultipliers.start(model, constraints)
    result = ours.fit(fit_key, start, data, run=run, callbacks=callbacks)
    judged = data if held_out is None else held_out
    values = measured(
        outcome_key,
        result.model.model,
        judged,
        constrained,
        batch_size=trainer.batch_size,
        prepare=trainer.prepare,
    )
    outcomes = {
        constraint.name: _outcome(
            constraint,
            values[constraint.name],
            float(result.model.log_multipliers[constraint.name]),
            control,
            slack,
        )
        for constraint in constraints
    }
    for outcome in outcomes.values():
        if not outcome.met:
            _log.warning("%s", outcome)
    return ConstrainedFit(result.model.model, outcomes, result.history, result.model)


def _outcome(
    constraint: Constraint, value: Estimate, logarithm: float, control: ProportionalIntegral, slack: float
) -> ConstraintOutcome:
    scale = float(constraint.scale)
    allowed = slack + 2 * value.standard_error / scale
    met = float(constraint.violation(value.value)) <= allowed
    note, price = None, math.exp(logarithm) / scale
    if not met and logarithm >= control.upper - 0.01:
        note = (
            "The multiplier is at its upper bound: this model cannot meet the constraint, or not together with the others. "
            "Loosen the tolerance, or give the model more capacity."
        )
    elif not met:
        note = (
            "The multiplier was still moving when the run ended: train for longer. If the value no longer improves, the "
            "tolerance is out of this model's reach."
        )
    elif logarithm < math.log(_NOTHING):
        note = "The constraint costs nothing: the objective alone keeps it."
    return ConstraintOutcome(
        constraint.name, value, float(constraint.tolerance), constraint.at_least, price, met, note
    )


def _log_multipliers(model: WithMultipliers) -> PyTree:
    return model.log_multipliers
