"""Affine couplings: bijections that keep half of the entries and move the others by a network of these."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.distributions.families._bijection import AbstractBijection

# a coupling stretches an entry by at most e^2
_LOG_STRETCH_LIMIT = 2.0


class AffineCoupling(AbstractBijection):
    r"""Keeps half of the entries, a, and moves the others: $b \mapsto b \odot e^{s(a)} + t(a)$.

    s and t are the outputs of a network with one hidden layer.

    Attributes:
        inner: weights from the entries that stay to the hidden units.
        inner_bias: of the hidden units.
        outer: weights from the hidden units to s and t.
        outer_bias: of s and t.
        moves_first: whether the first half moves; else the second one does.

    References:
        Dinh et al. 2017, arXiv:1605.08803, section 3.2.
    """

    inner: Float[Array, "width staying"]
    inner_bias: Float[Array, " width"]
    outer: Float[Array, "2 moving width"]
    outer_bias: Float[Array, "2 moving"]
    moves_first: bool = eqx.field(static=True)

    @classmethod
    def identity(cls, key: PRNGKeyArray, dim: int, width: int, *, moves_first: bool) -> "AffineCoupling":
        """One that does nothing yet: its outer weights are zero.

        Args:
            key: for the inner weights, which will do as long as they differ from one another.
            dim: entries.
            width: hidden units.
            moves_first: as the attribute.
        """
        first = dim // 2
        staying, moving = (dim - first, first) if moves_first else (first, dim - first)
        inner = jr.normal(key, (width, staying)) / max(staying, 1) ** 0.5
        return cls(
            inner, jnp.zeros(width), jnp.zeros((2, moving, width)), jnp.zeros((2, moving)), moves_first
        )

    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""
        stays, moves = self._parts(w)
        log_stretch, shift = self._stretch_and_shift(stays)
        return self._joined(stays, moves * jnp.exp(log_stretch) + shift)

    def inverse_and_log_det(self, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], Scalar]:
        """By the same network: what it reads has stayed."""
        stays, moved = self._parts(u)
        log_stretch, shift = self._stretch_and_shift(stays)
        return self._joined(stays, (moved - shift) * jnp.exp(-log_stretch)), -jnp.sum(log_stretch)

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """The sum of the log stretches."""
        return jnp.sum(self._stretch_and_shift(self._parts(w)[0])[0])

    @property
    def units(self) -> "AffineCoupling":
        """One for a hidden unit's weights altogether, less for those that sum over many."""
        width, staying = self.inner.shape
        return AffineCoupling(
            jnp.full_like(self.inner, max(staying, 1) ** -0.5),
            jnp.full_like(self.inner_bias, width**-0.5),
            jnp.full_like(self.outer, 1.0 / width),
            jnp.full_like(self.outer_bias, width**-0.5),
            self.moves_first,
        )

    def _parts(self, vector):
        """(what stays, what moves)."""
        first, second = vector[: vector.size // 2], vector[vector.size // 2 :]
        return (second, first) if self.moves_first else (first, second)

    def _joined(self, stays, moves):
        return jnp.concatenate([moves, stays] if self.moves_first else [stays, moves])

    def _stretch_and_shift(self, stays):
        hidden = jnp.tanh(self.inner @ stays + self.inner_bias)
        raw, shift = self.outer @ hidden + self.outer_bias
        return _LOG_STRETCH_LIMIT * jnp.tanh(raw / _LOG_STRETCH_LIMIT), shift
