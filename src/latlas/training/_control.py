"""Control instead of descent: parameters that follow an error signal until it vanishes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar

from latlas.training._optimizer import AbstractOptimizer


class ControlState(NamedTuple):
    """The integral of the error, its moving average, and the number of updates."""

    count: Int[Array, ""]
    integral: PyTree[Float[Array, "..."]]
    average: PyTree[Float[Array, "..."]]


class ProportionalIntegral(AbstractOptimizer):
    r"""A controller: $p_t = I_t + k_P m_t$, $I_t = I_{t-1} + k_I m_t$, with m the moving average of the error -gradient.

    At rest the error is zero, which descent with any moments does not promise. The proportional part answers at once and
    takes its answer back as the error goes: it damps the swing that the integral alone has around its goal (for
    multipliers of constraints: Stooke et al. 2020, arXiv:2007.03964). Integral and parameter stay within the
    bounds, and a large error enters the integral as a small one: an integral that takes in all of the error of a far goal
    winds up, and overshoots by as much.

    Attributes:
        rate: $k_I$, change of the parameter per step and unit of error.
        damping: $k_P$, change of the parameter per unit of error.
        decay: of the moving average; 0 takes each error as it comes.
        error_limit: size up to which an error counts.
        integral_limit: size up to which an error counts in the integral.
        lower: bound of the parameter.
        upper: bound of the parameter.
    """

    rate: float | Float[Array, ""] = 0.05
    damping: float | Float[Array, ""] = 2.0
    decay: float = 0.9
    error_limit: float | Float[Array, ""] = jnp.inf
    integral_limit: float | Float[Array, ""] = jnp.inf
    lower: float = -jnp.inf
    upper: float = jnp.inf

    def __check_init__(self):
        if not 0 <= self.decay < 1:
            raise ValueError(f"The decay of a moving average lies in [0, 1); got {self.decay}.")
        if not self.lower < self.upper:
            raise ValueError(f"The lower bound lies below the upper one; got {self.lower} and {self.upper}.")

    def init(self, params: PyTree[Array]) -> ControlState:
        """The parameters as the integral, and no error yet."""
        return ControlState(jnp.zeros((), jnp.int32), params, jax.tree.map(jnp.zeros_like, params))

    def update(
        self, grads: PyTree[Array], state: ControlState, params: PyTree[Array], norm: Scalar
    ) -> tuple[PyTree[Array], ControlState]:
        """One step of the controller."""
        good = jnp.isfinite(norm)
        # the first error is the average of one: an average from zero would hide a large one for 1 / (1 - decay) steps
        decay = jnp.where(good, jnp.where(state.count == 0, 0.0, self.decay), 1.0)
        new = jnp.where(good, 1.0 - decay, 0.0)
        rate = jnp.where(good, self.rate, 0.0)
        errors = jax.tree.map(lambda g: self._error(g, good), grads)
        average = jax.tree.map(lambda m, e: decay * m + new * e, state.average, errors)
        integral = jax.tree.map(
            lambda i, m: self._bounded(i + rate * _within(self.integral_limit, m)), state.integral, average
        )
        goal = jax.tree.map(lambda i, m: self._bounded(i + self.damping * m), integral, average)
        updates = jax.tree.map(lambda p, q: jnp.where(good, q - p, 0.0), params, goal)
        return updates, ControlState(state.count + good, integral, average)

    def _error(self, gradient: Array, good: Bool[Array, ""]) -> Array:
        return _within(self.error_limit, jnp.where(good, -gradient, 0.0))

    def _bounded(self, value: Array) -> Array:
        return jnp.clip(value, self.lower, self.upper)


def _within(limit: float | Scalar, value: Array) -> Array:
    return jnp.clip(value, -limit, limit)
