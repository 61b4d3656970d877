"""Factors of covariances: lower triangular matrices with a positive diagonal, each stored as small as it is."""

import abc
from typing import TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, Scalar

ArrayT = TypeVar("ArrayT", Array, np.ndarray)  # on the device or on the host, and what comes out is there too


class AbstractFactor(eqx.Module):
    """L of a covariance L L^T: lower triangular with a positive diagonal.

    A product takes one vector, or NumPy rows on the host; of NumPy arrays it is one as well, in their precision.
    """

    @property
    @abc.abstractmethod
    def diagonal(self) -> Float[Array | np.ndarray, " n"]:
        """Of L."""

    @property
    @abc.abstractmethod
    def dense(self) -> Float[Array | np.ndarray, "n n"]:
        """L as a matrix."""

    @property
    @abc.abstractmethod
    def row_norms(self) -> Float[Array | np.ndarray, " n"]:
        """Lengths of the rows of L: the standard deviations."""

    @property
    @abc.abstractmethod
    def unit_rows(self) -> Float[Array | np.ndarray, "n n"]:
        """L with each row divided by its diagonal entry, as a matrix."""

    @property
    @abc.abstractmethod
    def covariance(self) -> Float[Array | np.ndarray, "n n"]:
        """L L^T as a matrix."""

    @property
    def log_det(self) -> Scalar:
        """log |L|, in nats."""
        return jnp.sum(jnp.log(self.diagonal))

    @abc.abstractmethod
    def times(self, w: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """L w of each row."""

    @abc.abstractmethod
    def transpose_times(self, grad: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """L^T grad of each row: a gradient with respect to w from one with respect to L w."""

    @abc.abstractmethod
    def solve(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """L^-1 u of one vector."""

    @abc.abstractmethod
    def solve_rows(self, u: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """L^-1 u of each row, on the host."""

    @abc.abstractmethod
    def scaled(self, scale: Float[Array | np.ndarray, " n"]) -> "AbstractFactor":
        """diag(scale) L."""

    @abc.abstractmethod
    def after(self, inner: "AbstractFactor") -> "AbstractFactor":
        """The product L inner, which applies the inner factor first, on the host."""


class Diagonal(AbstractFactor):
    """Independent coordinates.

    Attributes:
        entries: positive, `(n,)`.
    """

    entries: Float[Array | np.ndarray, " n"]

    @property
    def diagonal(self) -> Float[Array | np.ndarray, " n"]:
        """The entries."""
        return self.entries

    @property
    def dense(self) -> Float[Array | np.ndarray, "n n"]:
        """With zeros off the diagonal."""
        return self.entries[:, None] * self.unit_rows

    @property
    def row_norms(self) -> Float[Array | np.ndarray, " n"]:
        """The entries."""
        return self.entries

    @property
    def unit_rows(self) -> Float[np.ndarray, "n n"]:
        """The identity, whatever the entries: those of a point may be zero."""
        return np.eye(len(self.entries), dtype=self.entries.dtype)

    @property
    def covariance(self) -> Float[Array | np.ndarray, "n n"]:
        """The squares of the entries on the diagonal."""
        return jnp.diag(self.entries**2)

    def times(self, w: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """Entry by entry."""
        return w * self.entries

    def transpose_times(self, grad: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """Entry by entry."""
        return grad * self.entries

    def solve(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """Entry by entry."""
        return u / self.entries

    def solve_rows(self, u: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """Entry by entry."""
        return u / np.asarray(self.entries)

    def scaled(self, scale: Float[Array | np.ndarray, " n"]) -> "Diagonal":
        """Diagonal as well."""
        return Diagonal(scale * self.entries)

    def after(self, inner: AbstractFactor) -> AbstractFactor:
        """Of the inner factor's kind."""
        return inner.scaled(self.entries)


class Triangular(AbstractFactor):
    """Coordinates with any covariance: its Cholesky factor.

    Attributes:
        matrix: lower triangular with a positive diagonal, `(n, n)`.
    """

    matrix: Float[Array | np.ndarray, "n n"]

    @property
    def diagonal(self) -> Float[Array | np.ndarray, " n"]:
        """Of the matrix."""
        return self.matrix.diagonal()

    @property
    def dense(self) -> Float[Array | np.ndarray, "n n"]:
        """The matrix."""
        return self.matrix

    @property
    def row_norms(self) -> Float[Array | np.ndarray, " n"]:
        """Of the matrix."""
        return (self.matrix**2).sum(axis=-1) ** 0.5

    @property
    def unit_rows(self) -> Float[Array | np.ndarray, "n n"]:
        """Of the matrix."""
        return self.matrix / self.diagonal[:, None]

    @property
    def covariance(self) -> Float[Array | np.ndarray, "n n"]:
        """By one product of matrices."""
        return self.matrix @ self.matrix.T

    def times(self, w: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """By one product of matrices."""
        return w @ self.matrix.T

    def transpose_times(self, grad: Float[ArrayT, "... n"]) -> Float[ArrayT, "... n"]:
        """By one product of matrices."""
        return grad @ self.matrix

    def solve(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """By substitution."""
        return solve_triangular(self.matrix, u, lower=True)

    def solve_rows(self, u: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """All rows at once."""
        return np.linalg.solve(np.asarray(self.matrix), u.T).T

    def scaled(self, scale: Float[Array | np.ndarray, " n"]) -> "Triangular":
        """Its rows scaled."""
        return Triangular(scale[:, None] * self.matrix)

    def after(self, inner: AbstractFactor) -> "Triangular":
        """Triangular, whatever the inner one is."""
        # a row r of this matrix becomes r L, which is L^T r
        return Triangular(inner.transpose_times(np.asarray(self.matrix)))
