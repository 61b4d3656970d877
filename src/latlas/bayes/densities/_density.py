"""A target as the engines see it: compiled, in float64, in whitened coordinates, with its evaluations counted.

Engines are loops on the host around one small compiled program, the batched value and gradient. That program
compiles in a fraction of a second where a whole engine inside `lax.while_loop` takes several, and the loop around it costs
some tens of microseconds a turn. Whatever needs the density inside its own program takes `log_prob`.
"""

from dataclasses import dataclass, field
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.bayes.densities._derivatives import hessian_of, hessian_times, value_and_gradient
from latlas.bayes.targets._numpyro import AbstractNumPyroTarget
from latlas.bayes.targets._target import AbstractTarget
from latlas.core import MAX_ROWS, in_float64, map_batches
from latlas.distributions.families import AbstractBijection, Affine, Composed

_IN_CACHE = (
    1 << 18
)  # numbers of an intermediate result that a cache holds; a call with more takes several times as long
_MIN_ROWS = 32  # of one call, however long the data are


@dataclass
class Count:
    """Gradient evaluations so far; a value alone or one column of a Hessian counts as one as well."""

    num_evaluations: int = 0


@dataclass(frozen=True)
class Density:
    """log p~(w) of a target in the coordinates w, u = bijection(affine(w)).

    Attributes:
        target: the posterior on its own unconstrained coordinates u.
        bijection: a nonlinear map to u that is part of the compiled program, or None.
        affine: the whitening, which the host applies: another one does not compile anything again. Or None.
        count: shared by all densities derived from one another.
    """

    target: AbstractTarget
    bijection: AbstractBijection | None = None
    affine: Affine | None = None
    count: Count = field(default_factory=Count)

    @property
    def dim(self) -> int:
        """Coordinates."""
        return self.target.dim

    def whitened(self, affine: Affine) -> "Density":
        """The same density in coordinates w with (coordinates of self) = affine(w)."""
        affine = affine.on_host()
        affine = affine if self.affine is None else self.affine.after(affine)
        return Density(self.target, self.bijection, affine, self.count)

    def through(self, bijection: AbstractBijection) -> "Density":
        """The target in coordinates u = bijection(w), without this density's own whitening and bijection."""
        return Density(self.target, bijection, None, self.count)

    @property
    def coordinates(self) -> AbstractBijection | None:
        """The whole map w -> u, None where it is the identity."""
        if self.bijection is None or self.affine is None:
            return self.bijection or self.affine
        return Composed(self.bijection, self.affine)

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """For one w, traceable; evaluations are not counted."""
        inner, shift = (w, 0.0) if self.affine is None else (self.affine(w), self.affine.log_det(w))
        return _log_prob((self.target, self.bijection), inner) + shift

    def unconstrained(self, w: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """u of each row."""
        if self.bijection is None:
            return self._unwhitened(w)
        return self._on_batches(_unconstrained, w, counts=0)

    @in_float64
    def prior_draws(self, key: PRNGKeyArray, num_draws: int) -> Float[np.ndarray, "b n"] | None:
        """Of the target, in its own coordinates; None where no prior is known, as of a log density."""
        if not isinstance(self.target, AbstractNumPyroTarget):
            return None
        draws = self.target.prior_draws(key, num_draws)
        return None if draws is None else np.asarray(draws, np.float64)

    def value(self, w: Float[np.ndarray, "b n"] | Float[np.ndarray, " n"]) -> Float[np.ndarray, " b"]:
        """log p~ of each row in nats; as it comes, perhaps nan."""
        return self._on_batches(_value, w) + self._shift

    def value_and_grad(
        self, w: Float[np.ndarray, "b n"] | Float[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, "b n"]]:
        """log p~ and its gradient with respect to w, of each row."""
        value, grad = self._on_batches(_value_and_grad, w)
        if self._on_rows is not None:
            with np.errstate(invalid="ignore"):  # an infinite score stays one that nobody can use
                grad = self._on_rows.transpose_times(grad)
        return value + self._shift, grad

    def hessian(self, w: Float[np.ndarray, "b n"] | Float[np.ndarray, " n"]) -> Float[np.ndarray, "b n n"]:
        """Second derivatives of log p~ with respect to w, of each row."""
        hessian = self._on_batches(_hessian, w, counts=self.dim)
        if self.affine is None:
            return hessian
        # L^T H L: H being symmetric, the rows of H L, and then its columns
        columns = self.affine.factor.transpose_times(hessian)
        return self.affine.factor.transpose_times(np.swapaxes(columns, 1, 2))

    def hessian_product(
        self, w: Float[np.ndarray, "b n"], direction: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, "b n"]:
        """The Hessian of log p~ with respect to w of each row, times the same row of `direction`."""
        if self.affine is None:
            return self._on_batches(_hessian_product, w, direction)
        product = self._on_batches(_hessian_product, w, self.affine.factor.times(direction))
        return self.affine.factor.transpose_times(product)

    @cached_property
    def _shift(self):
        return 0.0 if self.affine is None else float(np.sum(np.log(self.affine.factor.diagonal)))

    @cached_property
    def _on_rows(self):
        return None if self.affine is None else _OnRows(self.affine)

    def _unwhitened(self, w):
        return np.atleast_2d(w) if self._on_rows is None else self._on_rows.times(w) + self._on_rows.loc

    @in_float64
    def _on_batches(self, program, w, *others, counts=1):
        w = np.atleast_2d(np.asarray(w, np.float64))
        self.count.num_evaluations += counts * len(w)
        w = self._unwhitened(w)
        if others:
            w = np.concatenate([w, *others], axis=1)
        return map_batches(
            lambda rows: program((self.target, self.bijection), rows),
            w,
            max_rows=_rows_a_call(self.target, len(w)),
        )


class _OnRows:
    """An affine map of rows as plain functions: a method of a module would be made anew for each evaluation."""

    def __init__(self, affine: Affine):
        factor = affine.factor
        self.loc = affine.loc
        self.times = partial(type(factor).times, factor)
        self.transpose_times = partial(type(factor).transpose_times, factor)


def _rows_a_call(target, rows):
    """The power of two that keeps rows x (the longest axis of the data) in cache."""
    if rows <= _MIN_ROWS:
        return _MIN_ROWS
    longest = max((leaf.shape[0] for leaf in jax.tree.leaves(target) if getattr(leaf, "ndim", 0)), default=1)
    return min(max(1 << max(_IN_CACHE // max(longest, 1), 1).bit_length() - 1, _MIN_ROWS), MAX_ROWS)


def _log_prob(parts, v):
    target, bijection = parts
    if bijection is None:
        return target.log_density(v)
    return target.log_density(bijection(v)) + bijection.log_det(v)


@jax.jit
def _unconstrained(parts, v):
    return jax.vmap(parts[1])(v)


@jax.jit
def _value(parts, v):
    return jax.vmap(_log_prob, in_axes=(None, 0))(parts, v)


@jax.jit
def _value_and_grad(parts, v):
    return jax.vmap(lambda row: value_and_gradient(lambda r: _log_prob(parts, r), row))(v)


@jax.jit
def _hessian(parts, v):
    # one row after another: a batch of Hessians of a large data set would not fit into memory
    return jax.lax.map(lambda row: _hessian_at(parts, row), v)


def _hessian_at(parts, row):
    return hessian_of(lambda r: _log_prob(parts, r), row)


@jax.jit
def _hessian_product(parts, v_and_direction):
    def one(both):
        return hessian_times(lambda r: _log_prob(parts, r), *jnp.split(both, 2))

    return jax.vmap(one)(v_and_direction)
