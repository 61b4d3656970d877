"""Optimizers: Adam in one pass over the parameters, and Optax's behind the same two methods.

They are pytrees of plain numbers, so that two runs with equal settings share one compiled program (an Optax
transformation is a tuple of closures, each new to the compiler).
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import lazy_loader
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PyTree, Scalar

optax = lazy_loader.load("optax")  # Adam, which most runs take, needs nothing of it


class AbstractOptimizer(eqx.Module):
    """How gradients become updates. A step whose `norm` is not finite must change nothing."""

    @abc.abstractmethod
    def init(self, params: PyTree[Array]) -> PyTree:
        """The state before the first update."""

    @abc.abstractmethod
    def update(
        self, grads: PyTree[Array], state: PyTree, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], PyTree]:
        """What is to be added to the parameters, and the next state.

        Args:
            grads: gradients of the loss.
            state: of the optimizer.
            params: the parameters.
            norm: the gradients' global norm; where it is not finite the updates are zero and the state stays
                as it is.
        """


class AdamState(NamedTuple):
    """First and second moments, the number of updates, and the running mean of the gradient's norm."""

    count: Int[Array, ""]
    mean_norm: Float[Array, ""]
    mu: PyTree[Array]
    nu: PyTree[Array]


class Adam(AbstractOptimizer):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1).

    Attributes:
        learning_rate: a number, or a function of the update's number (Optax's schedules are such functions;
            `Schedule` is one that shares compiled programs between runs).
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the root of the second moment.
        clip_ratio: a gradient whose norm exceeds this multiple of its running mean is scaled back to it; it
            needs no unit, so it holds for densities of any dimension. `None` for no clipping.
    """

    learning_rate: float | Float[Array, ""] | Callable[[Int[Array, ""]], Scalar] = 1e-3
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    clip_ratio: float | None = 10.0

    def init(self, params: PyTree[Array]) -> AdamState:
        """Zero moments."""
        mu, nu = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        return AdamState(jnp.zeros((), jnp.int32), jnp.zeros(()), mu, nu)

    def update(
        self, grads: PyTree[Array], state: AdamState, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], AdamState]:
        """One update; parameters are not looked at."""
        good = jnp.isfinite(norm)
        count = state.count + good
        clip, mean_norm = self._clipping(norm, good, state)
        # a bad step is a step with b1 = b2 = 1 and a rate of zero: choosing between old and new arrays
        # afterwards would cost another pass over all of them
        b1, c1 = jnp.where(good, self.b1, 1.0), jnp.where(good, (1 - self.b1) * clip, 0.0)
        b2, c2 = jnp.where(good, self.b2, 1.0), jnp.where(good, (1 - self.b2) * clip**2, 0.0)
        grads = jax.tree.map(lambda g: jnp.where(good, g, 0.0), grads)
        mu = jax.tree.map(lambda m, g: b1 * m + c1 * g, state.mu, grads)
        nu = jax.tree.map(lambda v, g: b2 * v + c2 * (g * g), state.nu, grads)
        t = jnp.maximum(count, 1).astype(jnp.float32)
        rate = self.learning_rate(state.count) if callable(self.learning_rate) else self.learning_rate
        # m_hat / (sqrt(v_hat) + eps), the bias corrections as scalars
        step, root = jnp.where(good, rate / (1 - self.b1**t), 0.0), jax.lax.rsqrt(1 - self.b2**t)
        updates = jax.tree.map(lambda m, v: -step * m / (jnp.sqrt(v) * root + self.eps), mu, nu)
        return updates, AdamState(count, mean_norm, mu, nu)

    def _clipping(self, norm, good, state):
        if self.clip_ratio is None:
            return 1.0, state.mean_norm
        typical = jnp.where(state.count == 0, norm, state.mean_norm)
        clip = jnp.minimum(1.0, self.clip_ratio * typical / jnp.maximum(norm, 1e-30))
        # the clipped norm enters the mean, so that an explosion cannot lift its own ceiling
        mean_norm = typical + 0.01 * (clip * norm - typical)
        return clip, jnp.where(good, mean_norm, state.mean_norm)


class Optax(AbstractOptimizer):
    """Any Optax transformation: `Optax(optax.adamw(1e-3))`.

    Attributes:
        transformation: an `optax.GradientTransformation`, what `optax.adamw(...)` and its like return.
    """

    transformation: Any = eqx.field(static=True)

    def init(self, params: PyTree[Array]) -> PyTree:
        """The transformation's own state."""
        return self.transformation.init(params)

    def update(
        self, grads: PyTree[Array], state: PyTree, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], PyTree]:
        """The transformation's update, or nothing where the norm is not finite."""
        good = jnp.isfinite(norm)
        updates, new = self.transformation.update(grads, state, params)
        updates = jax.tree.map(lambda u: jnp.where(good, u, 0.0), updates)
        return updates, jax.tree.map(lambda new, old: jnp.where(good, new, old), new, state)


class Schedule(eqx.Module):
    """An Optax schedule by its name, comparable and storable.

    For example `Schedule("cosine_decay_schedule", init_value=1e-3, decay_steps=1000)`.

    Attributes:
        name: of a function of `optax.schedules`.
        arguments: its keyword arguments, as pairs.
    """

    name: str = eqx.field(static=True)
    arguments: tuple[tuple[str, Any], ...] = eqx.field(static=True)

    def __init__(self, name: str, /, **arguments: Any):
        if not name.endswith("schedule") or not callable(getattr(optax.schedules, name, None)):
            names = sorted(n for n in dir(optax.schedules) if n.endswith("schedule"))
            raise ValueError(f"Optax has no schedule {name!r}; it has: {', '.join(names)}.")
        self.name = name
        self.arguments = tuple(sorted(arguments.items()))
        try:
            self(jnp.zeros((), jnp.int32))
        except (TypeError, ValueError) as error:
            raise ValueError(f"The schedule {name} cannot be made of {arguments}: {error}") from error

    def __call__(self, count: int | Int[Array, ""]) -> Scalar:
        """The value at this update."""
        return getattr(optax.schedules, self.name)(**dict(self.arguments))(count)


def global_norm(tree: PyTree[ArrayLike]) -> Float[Array, ""]:
    """Root of the sum of squares over all leaves; not finite where any leaf holds a nan or an infinity."""
    return jnp.sqrt(sum((_sum_of_squares(leaf) for leaf in jax.tree.leaves(tree)), jnp.zeros(())))


def _sum_of_squares(leaf: Array | np.ndarray | np.number) -> Scalar:
    if leaf.ndim < 2:
        return jnp.sum(jnp.square(leaf))
    # Rows first, and kept apart from the rest: XLA's CPU backend vectorises a sum over the leading axis, but
    # merges nested sums into a single serial one (4x slower at 784 x 512). The first barrier keeps the squares
    # from being written out where the gradient is made.
    columns = jnp.sum(jnp.square(jax.lax.optimization_barrier(leaf)), axis=0)
    return jnp.sum(jax.lax.optimization_barrier(columns))
