"""Coordinates in which a posterior is easier: differentiable bijections of R^n."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from latlas.distributions.families._factor import AbstractFactor, ArrayT, Diagonal, Triangular


class AbstractBijection(eqx.Module):
    """A bijection w -> u of R^n."""

    @abc.abstractmethod
    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""

    @abc.abstractmethod
    def inverse_and_log_det(self, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], Scalar]:
        """The w of which `u` is the image, and log |dw / du| there, in nats: what a density needs, in one pass."""

    def inverse(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """The w of which `u` is the image."""
        return self.inverse_and_log_det(u)[0]

    @abc.abstractmethod
    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """log |du / dw| at `w`, in nats."""


class Affine(AbstractBijection):
    """u = loc + L w.

    Attributes:
        loc: shape `(n,)`.
        factor: L, diagonal or triangular.
    """

    loc: Float[Array | np.ndarray, " n"]
    factor: AbstractFactor

    @classmethod
    def identity(cls, dim: int) -> "Affine":
        """u = w."""
        return cls(jnp.zeros(dim), Diagonal(jnp.ones(dim)))

    def __call__(self, w: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """u at `w`, or of each of its rows where all are NumPy arrays."""
        return self.factor.times(w) + self.loc

    def inverse_and_log_det(self, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], Scalar]:
        """By substitution."""
        return self.factor.solve(u - self.loc), -self.factor.log_det

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """The same everywhere."""
        return self.factor.log_det

    def after(self, inner: "Affine") -> "Affine":
        """The affine map that applies the inner one first, on the host."""
        return Affine(self(np.asarray(inner.loc)), self.factor.after(inner.factor))

    def inverse_rows(self, u: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """w of each row, on the host."""
        return self.factor.solve_rows(u - np.asarray(self.loc))

    def on_host(self) -> "Affine":
        """The same with NumPy arrays."""
        return jax.tree.map(np.asarray, self)


class Composed(AbstractBijection):
    """u = outer(inner(w))."""

    outer: AbstractBijection
    inner: AbstractBijection

    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""
        return self.outer(self.inner(w))

    def inverse_and_log_det(self, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], Scalar]:
        """Of the outer, then of the inner."""
        v, outer_log_det = self.outer.inverse_and_log_det(u)
        w, inner_log_det = self.inner.inverse_and_log_det(v)
        return w, outer_log_det + inner_log_det

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """The sum of both."""
        return self.inner.log_det(w) + self.outer.log_det(self.inner(w))


_MIN_DRAWS = 10  # per coordinate: with fewer a covariance is worse than variances


def affine_of(draws: Float[np.ndarray, "draws n"]) -> Affine:
    """The map from the standard normal to one with the draws' mean and covariance, or variances where the draws are few."""
    loc, n = draws.mean(0), draws.shape[1]
    if len(draws) < _MIN_DRAWS * n:
        return Affine(loc, Diagonal(np.maximum(draws.std(0), 1e-300)))
    covariance = np.atleast_2d(np.cov(draws.T))
    covariance += 1e-12 * np.trace(covariance) / n * np.eye(n)
    return Affine(loc, Triangular(np.linalg.cholesky(covariance)))
