"""An objective under constraints, by Lagrange multipliers in log space (GECO, Rezende and Viola 2018)."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import Example, num_examples, stop_gradient
from latlas.objectives._constraint import Constraint
from latlas.objectives._objective import AbstractObjective, Terms


class WithMultipliers(eqx.Module):
    """A model and the multipliers of its constraints: the pytree that is trained.

    Attributes:
        model: any model.
        log_multipliers: name of a constraint -> logarithm of its multiplier per relative violation.
    """

    model: Any
    log_multipliers: dict[str, Float[Array, ""]]

    @classmethod
    def start(
        cls, model: Any, constraints: Sequence[Constraint], multiplier: float = 10.0
    ) -> "WithMultipliers":
        """The model with every multiplier at the same value.

        Args:
            model: any model.
            constraints: those of the objective.
            multiplier: nats per relative violation of one. A large one first reconstructs and then compresses.
        """
        logarithm = jnp.log(jnp.asarray(multiplier, jnp.float32))
        return cls(model, {constraint.name: jnp.array(logarithm) for constraint in constraints})


class HeldOutRows(eqx.Module):
    """Rows that drive the multipliers and never the model.

    Attributes:
        data: examples with a leading axis.
        batch_size: rows drawn at each step.
        prepare: `(key, batch) -> batch`, as the trainer's.
    """

    data: Example
    batch_size: int = eqx.field(static=True, default=100)
    prepare: Callable[[PRNGKeyArray, PyTree], PyTree] | None = None

    def __call__(self, key: PRNGKeyArray) -> Example:
        """A batch, drawn with replacement."""
        row_key, prepare_key = jr.split(key)
        rows = jr.randint(row_key, (self.batch_size,), 0, num_examples(self.data))
        batch = jax.tree.map(lambda leaf: leaf[rows], self.data)
        return batch if self.prepare is None else self.prepare(prepare_key, batch)


class Constrained(AbstractObjective):
    r"""An objective F subject to $E[quantity_i] \le tolerance_i$: $\min_\theta \max_\lambda F + \sum_i \lambda_i c_i$.

    $c_i$ is the relative violation and $\lambda_i > 0$ its multiplier. It is trained on a `WithMultipliers`: the gradient
    of $\theta$ is that of the Lagrangian, and that of $\log \lambda_i$ is $-c_i$, so that a multiplier grows by a factor
    while its constraint is violated and shrinks while it is met with room. `constrained_fit` pairs it with a controller of
    the log-multipliers; plain descent on them is GECO's own update.

    The multipliers may be driven by other rows than those that the model is trained on: a model fits the rows of its
    training better than new ones, so that a tolerance kept there is exceeded elsewhere; a multiplier that sees new rows
    asks the model for what they lack (the two-dataset Lagrangian of Cotter et al. 2019, arXiv:1807.00028).

    The loss is the Lagrangian, whose multipliers move: it is not comparable between steps, so no validation loss can be
    made of it.

    Attributes:
        objective: F, `(key, model, batch, *, progress) -> (loss, terms)`.
        constraints: with names that differ.
        held_out: the rows that drive the multipliers; by default those of the batch.

    References:
        Rezende and Viola 2018, arXiv:1810.00597, algorithm 1.
    """

    objective: Callable[..., tuple[Scalar, Terms]]
    constraints: tuple[Constraint, ...]
    held_out: HeldOutRows | None = None

    def __check_init__(self):
        names = [constraint.name for constraint in self.constraints]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"Each constraint needs a name of its own; got {names}. Give Constraint(..., name=NAME)."
            )

    def __call__(
        self, key: PRNGKeyArray, model: WithMultipliers, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The Lagrangian, the objective's terms, and others.

        These are `objective` (F), for each constraint `constraint_NAME`, the quantity in its own unit on the rows that
        drive the multiplier, and `multiplier_NAME`, the price in nats per unit of the quantity.
        """
        objective_key, value_key, held_out_key = jr.split(key, 3)
        loss, terms = self.objective(objective_key, model.model, batch, progress=progress)
        values = self._values(value_key, model.model, batch, terms)
        measured = (
            values
            if self.held_out is None
            else self._values_on(self.held_out, held_out_key, model.model, progress)
        )
        lagrangian, own = loss, {"objective": loss}
        for constraint in self.constraints:
            name, logarithm = constraint.name, model.log_multipliers[constraint.name]
            multiplier = jax.lax.stop_gradient(jnp.exp(logarithm))
            lagrangian += multiplier * constraint.violation(values[name])
            drive = jax.lax.stop_gradient(constraint.violation(measured[name]))
            # of value zero, and with the gradient -drive
            lagrangian += drive * (jax.lax.stop_gradient(logarithm) - logarithm)
            own |= {f"constraint_{name}": measured[name], f"multiplier_{name}": multiplier / constraint.scale}
        return lagrangian, terms | own

    def _values_on(
        self, held_out: HeldOutRows, key: PRNGKeyArray, model: Any, progress: float | Scalar
    ) -> dict[str, Scalar]:
        row_key, objective_key, value_key = jr.split(key, 3)
        rows, model, terms = held_out(row_key), stop_gradient(model), {}
        if any(isinstance(constraint.quantity, str) for constraint in self.constraints):
            _, terms = self.objective(objective_key, model, rows, progress=progress)
        return self._values(value_key, model, rows, terms)

    def _values(self, key: PRNGKeyArray, model: Any, batch: Example, terms: Terms) -> dict[str, Scalar]:
        return {
            constraint.name: constraint.value(jr.fold_in(key, number), model, batch, terms)
            for number, constraint in enumerate(self.constraints)
        }
