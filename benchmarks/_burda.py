"""The training protocol of Burda, Grosse and Salakhutdinov (2016, arXiv:1509.00519), as their code has it.

Eight stages of 3^0, 3^1, ..., 3^7 passes (3,280 in all) with falling learning rates, batches of 20, one Adam
through all stages with b1 = 0.99, eps = 1e-4 and second moments that start at one. Their loss is the *sum*
over a batch, not the mean; with that eps the difference matters, so gradients of a mean are scaled up here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree, Scalar

from latlas.training import AbstractOptimizer

BATCH_SIZE = 20
STAGES = 8


def epochs(stage: int) -> int:
    """Passes over the data of stage 1, ..., 8."""
    return 3 ** (stage - 1)


def rate(stage: int) -> float:
    """Learning rate of stage 1, ..., 8: 1e-3 down to 1e-4, rounded as the authors rounded it."""
    return 1e-4 * round(10.0 ** (1 - (stage - 1) / 7), 1)


class StageRates(eqx.Module):
    """Step -> learning rate.

    Attributes:
        steps_per_epoch: of the data and batch size at hand.
        stages: how many stages the run has.
    """

    steps_per_epoch: int = eqx.field(static=True)
    stages: int = eqx.field(static=True, default=STAGES)

    def __call__(self, step: Int[Array, ""]) -> Scalar:
        """The learning rate of a step's stage."""
        ends = (
            jnp.cumsum(jnp.array([epochs(stage) for stage in range(1, self.stages + 1)]))
            * self.steps_per_epoch
        )
        rates = jnp.array([rate(stage) for stage in range(1, self.stages + 1)], jnp.float32)
        return rates[jnp.minimum(jnp.searchsorted(ends, step, side="right"), self.stages - 1)]


class BurdaAdamState(NamedTuple):
    """First and second moments and the number of updates."""

    count: Int[Array, ""]
    mu: PyTree[Array]
    nu: PyTree[Array]


class BurdaAdam(AbstractOptimizer):
    """Adam as in the authors' code.

    Attributes:
        learning_rate: update's number -> learning rate.
        gradient_scale: the batch size, where the loss is a mean over the batch.
    """

    learning_rate: Callable[[Any], Scalar]
    gradient_scale: float = float(BATCH_SIZE)

    def init(self, params: PyTree[Array]) -> BurdaAdamState:
        """Zero first moments, unit second moments."""
        zeros, ones = jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.ones_like, params)
        return BurdaAdamState(jnp.zeros((), jnp.int32), zeros, ones)

    def update(
        self, grads: PyTree[Array], state: BurdaAdamState, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], BurdaAdamState]:
        """What is to be added to the parameters, and the next state; nothing changes where `norm` is not finite."""
        scale, good = self.gradient_scale, jnp.isfinite(norm)
        mu = jax.tree.map(lambda m, g: 0.99 * m + 0.01 * scale * g, state.mu, grads)
        nu = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * jnp.square(scale * g), state.nu, grads)
        count = state.count + 1
        t = count.astype(jnp.float32)
        step = self.learning_rate(state.count) * jnp.sqrt(1 - 0.999**t) / (1 - 0.99**t)
        updates = jax.tree.map(lambda m, v: -step * m / (jnp.sqrt(v) + 1e-4), mu, nu)
        updates = jax.tree.map(lambda u: jnp.where(good, u, 0.0), updates)
        kept = jax.tree.map(lambda new, old: jnp.where(good, new, old), BurdaAdamState(count, mu, nu), state)
        return updates, kept
