"""Posteriors of data too large for one evaluation: where they peak, and estimates whose noise vanishes there.

A batch of B of n rows says where the posterior is with an error of sqrt(n / B) of its sds, and batches drawn until every row
was seen once with an error of one sd. Passes over all rows are what makes an answer exact; between them batches do.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import Mode, find_modes
from latlas.bayes.targets._stochastic import AbstractStochasticTarget, FixedBatches
from latlas.bayes.targets._target import AbstractTarget, Suspects
from latlas.core import RequestError, WorkError, host_rng, in_float64

SUBSAMPLE_BYTES = 1 << 26  # of the batches that whitening looks at
MAX_BATCHES = 32
_MAX_PASSES = 6
_CLOSE = 0.02  # posterior sds: a mode as near as this needs no further pass


class Anchor(NamedTuple):
    """A point u at which the gradient over all rows is known.

    Attributes:
        u: in the target's coordinates, `(n,)`.
        grad: of the log density over all rows there, `(n,)`.
    """

    u: Float[Array, " n"]
    grad: Float[Array, " n"]


class AnchoredBatches(AbstractTarget):
    """A stochastic target on a few batches drawn once, whose gradient at its anchor is that of all the data.

    A posterior that engines and checks can evaluate, and unlike that of the batches alone its mode is right: what they leave
    uncertain is the curvature, by about sqrt(n / rows) of itself.

    Attributes:
        few: the batches.
        anchor: near the mode.
    """

    few: FixedBatches
    anchor: Anchor

    @property
    def dim(self) -> int:
        """Of the stochastic target."""
        return self.few.dim

    @property
    def start(self) -> Array:
        """The anchor."""
        return self.anchor.u

    @property
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the stochastic target."""
        return self.few.free_shapes

    def log_density(self, u: Float[Array, " n"]) -> Scalar:
        """The mean of the batches' estimates, in nats, 0 at the anchor."""
        estimates = jax.lax.map(
            lambda batch: estimate(self.few.target, self.anchor, u, batch), self.few.batches
        )
        return jnp.mean(estimates)

    def constrain(self, u: Float[Array, " n"]) -> PyTree[Array]:
        """Of the stochastic target."""
        return self.few.constrain(u)

    def suspects(self, u: Float[Array | np.ndarray, " n"]) -> Suspects:
        """Of the stochastic target."""
        return self.few.suspects(u)


@in_float64
def anchored(
    key: PRNGKeyArray,
    target: AbstractStochasticTarget,
    start: Float[np.ndarray, " n"],
    *,
    num_starts: int = 1,
) -> AnchoredBatches:
    """What stands for a posterior of more data than one evaluation can take.

    Mode and Hessian come from some batches scaled to all rows; Newton steps with that Hessian and gradients over all rows
    then move to the mode of all the data.

    Args:
        key: for batches and starts.
        target: the posterior.
        start: where the search begins.
        num_starts: searches.

    Raises:
        RequestError: if the target can neither be read in order nor evaluated.
        WorkError: if the batches' posterior has no mode.
    """
    rng = host_rng(key)
    size = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(target.draw_batch(rng)))
    few = FixedBatches.drawn(target, rng, int(np.clip(SUBSAMPLE_BYTES // max(size, 1), 1, MAX_BATCHES)))
    search = find_modes(key, Density(few), start, num_starts=num_starts)
    if not search.modes:
        raise WorkError(
            "The posterior of a sample of the batches has no mode with a negative definite Hessian. Give a larger "
            "batch_size or a proper prior."
        )
    return AnchoredBatches(few, _mode_of_all(target, search.modes[0]))


def _mode_of_all(target: AbstractStochasticTarget, mode: Mode) -> Anchor:
    anchor, last, location = None, np.inf, mode.location
    for _ in range(_MAX_PASSES):
        grad = full_gradient(target, location)
        if grad is None:
            raise RequestError(
                f"A {type(target).__name__} can be evaluated only on batches, and no pass over all of its data is known; "
                "give it a `sweep`, without which an answer has an error of several posterior sds."
            )
        step = mode.scale_tril.T @ grad  # in white coordinates the Newton step is the gradient
        size = np.max(np.abs(step))
        if not size < last:
            break
        anchor, last = Anchor(jnp.asarray(location), jnp.asarray(grad)), size
        if size < _CLOSE:
            break
        location = location + mode.scale_tril @ step
    if anchor is None:
        raise WorkError(
            "The gradient over all rows is not finite where the posterior of some batches has its mode."
        )
    return anchor


def full_gradient(
    target: AbstractStochasticTarget, u: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"] | None:
    """Of the log density over all rows at `u`, by one pass; None where there is neither an order to read nor memory."""
    passes = target.sweep()
    if passes is None:
        return np.asarray(_gradient(target, jnp.asarray(u))) if target.is_exact else None
    total = np.zeros(len(u))
    for batch, weight in passes:
        total += weight * np.asarray(_gradient_on(target, jnp.asarray(u), batch))
    return total


@jax.jit
def _gradient(target, u):
    return jax.grad(target.log_density)(u)


@jax.jit
def _gradient_on(target, u, batch):
    return jax.grad(target.log_density_on)(u, batch)


def estimate(
    target: AbstractStochasticTarget, anchor: Anchor | None, u: Float[Array, " n"], batch: PyTree[Array]
) -> Scalar:
    """Unbiased estimate of the log density over all rows, up to a constant, from one batch.

    With an anchor, less its first-order expansion there on this batch, plus that on all rows: the noise is then of second
    order in the distance from the anchor (the control variate of SVRG; Johnson, Zhang 2013, NeurIPS).
    """
    if anchor is None:
        return target.log_density_on(u, batch)
    there, grad_there = jax.value_and_grad(target.log_density_on)(anchor.u, batch)
    grad_there = jax.lax.stop_gradient(grad_there - anchor.grad)
    return target.log_density_on(u, batch) - jax.lax.stop_gradient(there) - grad_there @ (u - anchor.u)
