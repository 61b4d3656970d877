"""Coordinates in which a posterior is easier: differentiable bijections of R^n."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, Scalar


class AbstractWarp(eqx.Module):
    """A bijection w -> u of R^n."""

    @abc.abstractmethod
    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""

    @abc.abstractmethod
    def inverse(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """The w of which `u` is the image."""

    @abc.abstractmethod
    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """log |du / dw| at `w`, in nats."""


class Affine(AbstractWarp):
    """u = loc + scale_tril w.

    Attributes:
        loc: shape `(n,)`.
        scale_tril: lower triangular with a positive diagonal, `(n, n)`; or `(n,)`, a diagonal alone.
    """

    loc: Float[Array, " n"]
    scale_tril: Float[Array, "n n"] | Float[Array, " n"]

    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""
        return self.loc + (self.scale_tril * w if self.scale_tril.ndim == 1 else self.scale_tril @ w)

    def inverse(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """By substitution."""
        if self.scale_tril.ndim == 1:
            return (u - self.loc) / self.scale_tril
        return solve_triangular(self.scale_tril, u - self.loc, lower=True)

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """The same everywhere."""
        return jnp.sum(jnp.log(self.diagonal))

    @property
    def diagonal(self) -> Float[Array, " n"]:
        """Of the factor."""
        return self.scale_tril if self.scale_tril.ndim == 1 else jnp.diagonal(self.scale_tril)

    @property
    def dense(self) -> Float[Array, "n n"]:
        """The factor as a matrix."""
        return np.diag(self.scale_tril) if self.scale_tril.ndim == 1 else self.scale_tril


class Composed(AbstractWarp):
    """u = outer(inner(w))."""

    outer: AbstractWarp
    inner: AbstractWarp

    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""
        return self.outer(self.inner(w))

    def inverse(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """Of the outer, then of the inner."""
        return self.inner.inverse(self.outer.inverse(u))

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """The sum of both."""
        return self.inner.log_det(w) + self.outer.log_det(self.inner(w))


_MIN_DRAWS = 10  # per coordinate: with fewer a covariance is worse than variances


def affine_of(draws: Float[np.ndarray, "draws n"]) -> Affine:
    """The map from the standard normal to one with the draws' mean and covariance, or variances where the draws are few."""
    loc, n = draws.mean(0), draws.shape[1]
    if len(draws) < _MIN_DRAWS * n:
        return Affine(loc, np.maximum(draws.std(0), 1e-300))
    covariance = np.atleast_2d(np.cov(draws.T))
    return Affine(loc, np.linalg.cholesky(covariance + 1e-12 * np.trace(covariance) / n * np.eye(n)))


def on_rows(affine: Affine, w: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... n"]:
    """u of each row, on the host."""
    factor = np.asarray(affine.scale_tril)
    return np.asarray(affine.loc) + (w * factor if factor.ndim == 1 else w @ factor.T)


def inverse_rows(affine: Affine, u: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
    """w of each row, on the host."""
    factor, apart = np.asarray(affine.scale_tril), u - np.asarray(affine.loc)
    return apart / factor if factor.ndim == 1 else np.linalg.solve(factor, apart.T).T


def pulled_back(affine: Affine, grad: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
    """Gradients with respect to w from those with respect to u, of each row, on the host."""
    factor = np.asarray(affine.scale_tril)
    return grad * factor if factor.ndim == 1 else grad @ factor
