"""A constraint on what a model does: a quantity and the value it must keep to."""

import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Example
from latlas.objectives._objective import Terms, mean_over_batch
from latlas.objectives._quantity import AbstractQuantity, MeanOf


class Constraint(eqx.Module):
    r"""E[quantity] <= tolerance, or >= with `at_least`.

    What counts is the relative violation $(quantity - tolerance) / scale$: it has no unit, so that one setting of the
    controller serves grey levels, kelvins and nats.

    Attributes:
        quantity: the name of one of the objective's terms (`"kl"`, `"log_likelihood"`), a part such as
            `ReconstructionError()`, or any function `(key, model, example) -> scalar`.
        tolerance: the value to keep to, in the quantity's unit.
        at_least: keep the quantity above the tolerance and not below.
        name: in the history; by default made of the quantity's name.
        scale: the violation that counts as one; by default the tolerance's size.
    """

    quantity: str | AbstractQuantity
    tolerance: float | Float[Array, ""]
    at_least: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)
    scale: float | Float[Array, ""]

    def __init__(
        self,
        quantity: str | AbstractQuantity | Callable[[PRNGKeyArray, Any, Example], Scalar],
        tolerance: float | Float[Array, ""],
        *,
        at_least: bool = False,
        name: str | None = None,
        scale: float | Float[Array, ""] | None = None,
    ):
        self.name = _name(quantity) if name is None else name
        self.quantity = quantity if isinstance(quantity, str | AbstractQuantity) else MeanOf(quantity)
        self.tolerance, self.at_least = tolerance, at_least
        if scale is None and not eqx.is_array(tolerance) and tolerance == 0:
            raise ValueError(
                f"The constraint {self.name!r} has the tolerance 0, which says nothing of what a large violation is; give "
                "scale=, the violation that counts as one."
            )
        self.scale = abs(tolerance) if scale is None else scale

    def value(self, key: PRNGKeyArray, model: Any, batch: Example, terms: Terms) -> Scalar:
        """The quantity on a batch.

        Args:
            key: for what the quantity draws.
            model: the model.
            batch: examples with a leading axis.
            terms: the objective's terms on the same batch.

        Raises:
            ValueError: if the quantity names a term that the objective does not have.
        """
        if isinstance(self.quantity, str):
            if self.quantity not in terms:
                raise ValueError(
                    f"The constraint {self.name!r} is on the term {self.quantity!r}, which the objective does not have; it "
                    f"has {', '.join(sorted(terms))}."
                )
            return terms[self.quantity]
        return self.quantity.of_mean(mean_over_batch(key, self.quantity.per_example, model, batch))

    def violation(self, value: float | Scalar) -> Scalar:
        """How far a value is on the wrong side, relative to `scale`; negative where the constraint is met."""
        sign = -1.0 if self.at_least else 1.0
        return sign * (value - self.tolerance) / jnp.asarray(self.scale, jnp.float32)


def _name(quantity: Any) -> str:
    if isinstance(quantity, str):
        return quantity
    name = getattr(quantity, "__name__", None) or type(quantity).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
