"""A sum of objectives: a bound and what is added to it."""

from typing import Any

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import PRNGKeyArray, PyTree, Scalar

from latlas.objectives._objective import AbstractObjective, Terms


class Total(AbstractObjective):
    """The sum of several objectives, each with a weight; terms keep their names, the first part's where two agree.

    Attributes:
        parts: the objectives, or any functions of the same form.
        weights: one number each.
    """

    parts: tuple[Any, ...]
    weights: tuple[float, ...]

    def __check_init__(self):
        if len(self.parts) != len(self.weights):
            raise ValueError(
                f"Each part needs one weight; got {len(self.parts)} parts and {len(self.weights)} weights."
            )

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: PyTree, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The weighted sum of the losses, and all terms."""
        loss, terms = jnp.asarray(0.0), {}
        for part, weight, key_ in zip(self.parts, self.weights, jr.split(key, len(self.parts)), strict=True):
            part_loss, part_terms = part(key_, model, batch, progress=progress)
            loss, terms = loss + weight * part_loss, part_terms | terms
        return loss, terms
