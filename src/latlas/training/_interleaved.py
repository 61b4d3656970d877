"""An optimizer that takes only some of the steps."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree, Scalar

from latlas.training._optimizer import AbstractOptimizer


class InterleavedState(NamedTuple):
    """The number of finite steps, and the state of the optimizer that takes some of them."""

    count: Int[Array, ""]
    optimizer: PyTree


class Interleaved(AbstractOptimizer):
    """Updates at every k-th step only; what lies between changes neither parameters nor state.

    Beside another optimizer in `Partitioned` it gives one part of a model k steps for each step of the rest:
    `Partitioned(encoder, part=Adam(), rest=Interleaved(Adam(), 5))` keeps a posterior from lagging behind its model
    (He et al. 2019, arXiv:1901.05534, algorithm 1, with a fixed number of inner steps).

    Attributes:
        optimizer: takes the steps k, 2k, 3k and so on.
        every: k, at least 1.
        until: number of steps after which it takes all of them; `None` for never.
    """

    optimizer: AbstractOptimizer
    every: int = eqx.field(static=True, default=5)
    until: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.every < 1:
            raise ValueError(f"It takes every k-th step, with k at least 1; got every={self.every}.")

    def init(self, params: PyTree[Array]) -> InterleavedState:
        """The optimizer's own state, and no step yet."""
        return InterleavedState(jnp.zeros((), jnp.int32), self.optimizer.init(params))

    def update(
        self, grads: PyTree[Array], state: InterleavedState, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], InterleavedState]:
        """The optimizer's update at its turn, and nothing else."""
        count = state.count + jnp.isfinite(norm)
        turn = count % self.every == 0
        if self.until is not None:
            turn |= count > self.until
        # a norm that is not finite is what every optimizer takes for "change nothing"
        norm = jnp.where(turn, norm, jnp.nan)
        updates, inner = self.optimizer.update(grads, state.optimizer, params, norm)
        return updates, InterleavedState(count, inner)
