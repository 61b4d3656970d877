"""Two axes to look at the codes from."""

from typing import NamedTuple

import numpy as np


class Projection(NamedTuple):
    """Points to draw and what their axes are.

    Attributes:
        points: `(n, 1)` for one latent dimension, else `(n, 2)`; rows with NaN are left out.
        kept: which rows of the codes they are, `(n,)`.
        axes: a name per axis.
        is_pca: whether the axes are principal components; else they are the latent dimensions themselves.
        explained: share of the variance along each axis, between 0 and 1.
    """

    points: np.ndarray
    kept: np.ndarray
    axes: tuple[str, ...]
    is_pca: bool
    explained: tuple[float, ...]


def project(codes: np.ndarray) -> Projection:
    """The codes themselves in one or two dimensions, else their two leading principal components.

    Args:
        codes: posterior means, `(n, latent_dim)`.

    Returns:
        The points, with signs fixed so that the same codes always give the same picture.
    """
    codes = np.asarray(codes, dtype=float)
    kept = np.flatnonzero(np.isfinite(codes).all(axis=1))
    points = codes[kept]
    if codes.shape[1] <= 2:
        names = tuple(f"latent {axis + 1}" for axis in range(codes.shape[1]))
        return Projection(
            points, kept, names, is_pca=False, explained=_shares(points.var(axis=0)) if len(kept) else ()
        )
    if len(kept) == 0:
        return Projection(np.zeros((0, 2)), kept, ("PC 1", "PC 2"), is_pca=True, explained=(0.0, 0.0))
    centred = points - points.mean(axis=0)
    variances, axes = np.linalg.eigh(
        centred.T @ centred
    )  # latent_dim is small; the number of examples need not be
    shares, axes = _shares(np.clip(variances[::-1], 0.0, None)), axes[:, ::-1][:, :2]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    names = tuple(f"PC {axis + 1} ({100 * shares[axis]:.0f} % of variance)" for axis in range(2))
    return Projection(centred @ axes, kept, names, is_pca=True, explained=shares[:2])


def _shares(variances: np.ndarray) -> tuple[float, ...]:
    total = variances.sum()
    return tuple(float(share) for share in (variances / total if total > 0 else np.zeros_like(variances)))
