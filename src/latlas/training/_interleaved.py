"""An optimizer that updates one part of the parameters more often than the rest."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree, Scalar

from latlas.training._optimizer import AbstractOptimizer


class InterleavedState(NamedTuple):
    """The number of finite steps, and the optimizer's state of each part."""

    count: Int[Array, ""]
    often: PyTree
    seldom: PyTree


class Interleaved(AbstractOptimizer):
    """Updates one part at every step, and the rest at every k-th step only.

    With the encoder as that part it is given k steps for each step of the decoder, so that the posterior does not
    lag behind the model (He et al. 2019, arXiv:1901.05534, algorithm 1, with a fixed number of inner steps). Each part has
    an optimizer's state of its own; a step that is not its turn changes neither its parameters nor its state.

    Attributes:
        optimizer: of both parts.
        often: model -> the part or tuple of parts that is updated at every step.
        every: k; the rest is updated at the steps k, 2k, 3k and so on.
        until: number of steps after which everything is updated at every step; `None` for never.
    """

    optimizer: AbstractOptimizer
    often: Callable[[Any], Any] = eqx.field(static=True)
    every: int = eqx.field(static=True, default=5)
    until: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.every < 1:
            raise ValueError(
                f"The rest is updated at every k-th step with k at least 1; every={self.every} came."
            )

    def init(self, params: PyTree[Array]) -> InterleavedState:
        """The optimizer's state for each part."""
        often, seldom = self._parts(params)
        return InterleavedState(
            jnp.zeros((), jnp.int32), self.optimizer.init(often), self.optimizer.init(seldom)
        )

    def update(
        self, grads: PyTree[Array], state: InterleavedState, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], InterleavedState]:
        """One update of the part, and at its turn one of the rest."""
        count = state.count + jnp.isfinite(norm)
        turn = count % self.every == 0
        if self.until is not None:
            turn |= count > self.until
        (often, seldom), (p_often, p_seldom) = self._parts(grads), self._parts(params)
        often, often_state = self.optimizer.update(often, state.often, p_often, norm)
        # a norm that is not finite is what every optimizer takes for "change nothing"
        seldom, seldom_state = self.optimizer.update(
            seldom, state.seldom, p_seldom, jnp.where(turn, norm, jnp.nan)
        )
        return eqx.combine(often, seldom), InterleavedState(count, often_state, seldom_state)

    def _parts(self, tree: PyTree[Array]) -> tuple[PyTree[Array], PyTree[Array]]:
        mask = jax.tree.map(lambda _: False, tree)
        mask = eqx.tree_at(self.often, mask, replace_fn=lambda part: jax.tree.map(lambda _: True, part))
        return eqx.partition(tree, mask)
