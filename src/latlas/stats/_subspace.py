"""How two subspaces lie to each other."""

import numpy as np
from jaxtyping import Array, Float


def principal_angles(
    a: Float[np.ndarray | Array, "..."], b: Float[np.ndarray | Array, "..."]
) -> Float[np.ndarray, " angles"]:
    """Principal angles between the spans of the columns of two matrices.

    Cosines lose all digits near zero degrees, so small angles come from their sines (Björck and Golub).

    Args:
        a: a basis of the first subspace, shape `(features, first)`; need not be orthogonal.
        b: a basis of the second, shape `(features, second)`.

    Returns:
        `min(first, second)` angles in degrees, the largest first, in float64; all 0 if one subspace holds
        the other.

    Raises:
        ValueError: if the matrices have different numbers of rows, or columns that are not independent.

    References:
        Björck and Golub 1973, Mathematics of Computation 27(123), algorithm 2 and eq. 13.

    >>> import numpy as np
    >>> x, y = np.eye(3)[:, :1], np.eye(3)[:, 1:2]
    >>> float(principal_angles(x, x + y)[0].round(6))
    45.0
    """
    qa, qb = _orthonormal(a, "a"), _orthonormal(b, "b")
    if len(qa) != len(qb):
        raise ValueError(
            f"Subspaces of one space are compared; these have {len(qa)} and {len(qb)} rows. Give one basis "
            f"vector per column."
        )
    if qa.shape[1] < qb.shape[1]:
        qa, qb = qb, qa
    cosines = np.clip(np.linalg.svd(qa.T @ qb, compute_uv=False), 0.0, 1.0)
    sines = np.clip(np.linalg.svd(qb - qa @ (qa.T @ qb), compute_uv=False)[::-1], 0.0, 1.0)
    angles = np.where(cosines**2 > 0.5, np.arcsin(sines), np.arccos(cosines))
    return np.degrees(angles[::-1])


def _orthonormal(basis: np.ndarray | Array, name: str) -> np.ndarray:
    basis = np.asarray(basis, dtype=np.float64)
    if basis.ndim != 2:
        raise ValueError(
            f"{name} must be a matrix of basis vectors, one per column; its shape is {basis.shape}."
        )
    u, singular, _ = np.linalg.svd(basis, full_matrices=False)
    if (
        basis.shape[1] > basis.shape[0]
        or singular[-1] <= singular[0] * max(basis.shape) * np.finfo(np.float64).eps
    ):
        raise ValueError(
            f"The columns of {name} must be independent; the rank of this {basis.shape} matrix is smaller. "
            "Leave out the superfluous ones."
        )
    return u
