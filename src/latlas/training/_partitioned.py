"""Two optimizers for two parts of one pytree."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree, Scalar

from latlas.training._optimizer import AbstractOptimizer, global_norm


class Partitioned(AbstractOptimizer):
    """One optimizer for the part that a function points at, another for the rest.

    For example another learning rate for the encoder, or ascent for the multipliers of constraints beside descent for the
    model. Each sees the gradient norm of its own part; a step in which any gradient is not finite changes neither.

    Attributes:
        where: model -> the part or tuple of parts; a function defined once, so that equal runs share a program.
        part: optimizer of that part.
        rest: optimizer of everything else.
    """

    where: Callable[[Any], Any] = eqx.field(static=True)
    part: AbstractOptimizer
    rest: AbstractOptimizer

    def init(self, params: PyTree[Array]) -> PyTree:
        """The states of both."""
        part, rest = self._split(params)
        return self.part.init(part), self.rest.init(rest)

    def update(
        self, grads: PyTree[Array], state: PyTree, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], PyTree]:
        """The updates of both, in one pytree."""
        part_grads, rest_grads = self._split(grads)
        part_params, rest_params = self._split(params)
        part_norm = jnp.where(jnp.isfinite(norm), global_norm(part_grads), jnp.nan)
        # of the rest: from the two norms that are known, without another pass over a large model. Where it is too small a
        # share to be told in float32 it is taken too large, never zero, which an optimizer that clips could not leave
        share = part_norm / jnp.maximum(norm, 1e-30)
        rest_norm = norm * jnp.sqrt(jnp.maximum(1.0 - share**2, 1e-6))
        part_updates, part_state = self.part.update(part_grads, state[0], part_params, part_norm)
        rest_updates, rest_state = self.rest.update(rest_grads, state[1], rest_params, rest_norm)
        return eqx.combine(part_updates, rest_updates), (part_state, rest_state)

    def _split(self, tree: PyTree[Array]) -> tuple[PyTree[Array], PyTree[Array]]:
        nowhere = jax.tree.map(lambda _: False, tree)
        mask = eqx.tree_at(self.where, nowhere, replace_fn=lambda part: jax.tree.map(lambda _: True, part))
        return eqx.partition(tree, mask)
