"""Derivatives by whatever way there is.

A solver of differential equations can be differentiated backwards and not forwards, a loop of unknown length forwards and
not backwards.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

Function = Callable[[Float[Array, " n"]], Scalar]
_STEP = np.finfo(np.float64).eps ** (1 / 3)  # of a central difference of gradients
# what JAX raises while it traces, where it has no rule for a direction
_NO_RULE = (TypeError, ValueError, NotImplementedError)


def value_and_gradient(function: Function, u: Float[Array, " n"]) -> tuple[Scalar, Float[Array, " n"]]:
    """Backwards, else forwards."""
    try:
        return jax.value_and_grad(function)(u)
    except _NO_RULE:
        return function(u), jax.jacfwd(function)(u)


def hessian_of(function: Function, u: Float[Array, " n"]) -> Float[Array, "n n"]:
    """Forwards over the gradient, else backwards over it, else by central differences of gradients."""
    gradient = _gradient_of(function)
    try:
        # linearised once and pushed along every axis: what does not depend on the direction is computed once
        _, along = jax.linearize(gradient, u)
        return jax.vmap(along, out_axes=1)(jnp.eye(len(u)))
    except _NO_RULE:
        pass
    try:
        return jax.jacrev(gradient)(u)
    except _NO_RULE:
        rows = jax.lax.map(lambda axis: _difference(gradient, u, axis), jnp.eye(len(u)))
        return 0.5 * (rows + rows.T)


def hessian_times(
    function: Function, u: Float[Array, " n"], direction: Float[Array, " n"]
) -> Float[Array, " n"]:
    """The Hessian times a direction, in the ways of `hessian_of`."""
    gradient = _gradient_of(function)
    try:
        return jax.jvp(gradient, (u,), (direction,))[1]
    except _NO_RULE:
        pass
    try:
        return jax.vjp(gradient, u)[1](direction)[0]  # it is symmetric
    except _NO_RULE:
        return _difference(gradient, u, direction)


def _gradient_of(function):
    return lambda u: value_and_gradient(function, u)[1]


def _difference(gradient, u, direction):
    length = jnp.linalg.norm(direction)
    unit = direction / jnp.where(length > 0, length, 1.0)
    step = _STEP * jnp.maximum(1.0, jnp.max(jnp.abs(u)))
    return length * (gradient(u + step * unit) - gradient(u - step * unit)) / (2.0 * step)
