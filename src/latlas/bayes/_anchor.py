"""Posteriors of data too large for one evaluation: where they peak, and estimates whose noise vanishes there.

A batch of B of n rows says where the posterior is with an error of sqrt(n / B) of its sds, and batches drawn until every row
was seen once with an error of one sd. Passes over all rows are what makes an answer exact; between them batches do.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar

from latlas.bayes._density import Density
from latlas.bayes._modes import Mode, find_modes
from latlas.bayes._stochastic_target import AbstractStochasticTarget, FixedBatches
from latlas.bayes._warp import Affine
from latlas.core import WorkError

SUBSAMPLE_BYTES = 1 << 26  # of the batches that whitening looks at
MAX_BATCHES = 100
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


def whitened_by_batches(
    rng: np.random.Generator, density: Density, start: Float[np.ndarray, " n"], *, num_starts: int = 1
) -> Density:
    """The density of a stochastic target in coordinates that are white at its mode.

    Mode and Hessian come from some batches scaled to all rows; Newton steps with that Hessian and gradients over all rows,
    where the target can read them in order, then move to the mode of all the data.

    Args:
        rng: for batches and starts.
        density: of an `AbstractStochasticTarget`, neither warped nor whitened.
        start: where the search begins.
        num_starts: searches.

    Raises:
        WorkError: if the batches' posterior has no mode.
    """
    target = density.target
    batch = target.draw_batch(rng)
    size = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(batch))
    few = FixedBatches.drawn(target, rng, int(np.clip(SUBSAMPLE_BYTES // max(size, 1), 1, MAX_BATCHES)))
    search = find_modes(rng, Density(few, count=density.count), start, num_starts=num_starts)
    if not search.modes:
        raise WorkError(
            "The posterior of a sample of the batches has no mode with a negative definite Hessian. Give a larger "
            "batch_size or a proper prior."
        )
    return density.whitened(_moved_to_the_mode_of_all(target, search.modes[0]))


def _moved_to_the_mode_of_all(target: AbstractStochasticTarget, mode: Mode) -> Affine:
    location, factor, last = mode.location, mode.scale_tril, np.inf
    for _ in range(_MAX_PASSES):
        grad = full_gradient(target, location)
        if grad is None:
            break
        step = factor.T @ grad  # in white coordinates the Newton step is the gradient
        size = np.max(np.abs(step))
        if not size < last:
            break
        location, last = location + factor @ step, size
        if size < _CLOSE:
            break
    return Affine(jnp.asarray(location), jnp.asarray(factor))


def full_gradient(
    target: AbstractStochasticTarget, u: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"] | None:
    """Of the log density over all rows at `u`, by one pass; None for a target that has no order to read them in."""
    passes = target.sweep()
    if passes is None:
        return None
    total = np.zeros(len(u))
    for batch, weight in passes:
        total += weight * np.asarray(_gradient_on(target, jnp.asarray(u), batch))
    return total


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
