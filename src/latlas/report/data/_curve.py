"""A path of betas, read from plain values."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from latlas.report.data._data import ReportData
from latlas.report.drawing._text import decimal


class Curve(NamedTuple):
    """Rate and distortion of one model per beta, the smallest beta first, in nats per example.

    Attributes:
        betas: prices of a nat of rate.
        rate: KL(q || prior).
        distortion: -E_q[log p(x | z)].
        rate_error: standard errors; NaN where unknown.
        distortion_error: likewise.
        on_hull: whether the point lies on the lower convex hull.
        chosen: position of the beta that was chosen; None for none.
        kl: KL of each latent dimension, `(betas, latent_dim)`; None where it was not measured.
    """

    betas: np.ndarray
    rate: np.ndarray
    distortion: np.ndarray
    rate_error: np.ndarray
    distortion_error: np.ndarray
    on_hull: np.ndarray
    chosen: int | None
    kl: np.ndarray | None


def read_curve(data: ReportData) -> Curve | None:
    """The points whose beta, rate and distortion are finite; None where there are none."""
    if not data.measures.curve:
        return None
    betas, rate, distortion = (
        _numbers(data.measures.curve, name) for name in ("betas", "rate", "distortion")
    )
    rate_error = _numbers(data.measures.curve, "rate_standard_error", len(betas))
    distortion_error = _numbers(data.measures.curve, "distortion_standard_error", len(betas))
    hull = data.measures.curve.get("on_hull")
    on_hull = np.zeros(len(betas), bool) if hull is None else np.asarray(hull, dtype=bool)
    kept = np.flatnonzero(np.isfinite(betas) & np.isfinite(rate) & np.isfinite(distortion))
    order = kept[np.argsort(betas[kept], kind="stable")]
    if len(order) == 0:
        return None
    chosen = decimal(data.measures.curve.get("chosen"))
    at = np.flatnonzero(np.isclose(betas[order], chosen)) if math.isfinite(chosen) else []
    columns = (betas, rate, distortion, rate_error, distortion_error, on_hull)
    return Curve(
        *(column[order] for column in columns),
        chosen=int(at[0]) if len(at) else None,
        kl=_per_dimension(data.measures.curve, order),
    )


def ranked_kl(curve: Curve) -> np.ndarray | None:
    """KL of the dimensions of each model, the largest first: one model's numbering says nothing of another's."""
    return None if curve.kl is None else -np.sort(-curve.kl, axis=1)


def beta_name(beta: float) -> str:
    """A beta as a person writes it."""
    return f"{beta:.3g}"


def _numbers(curve: Mapping[str, Any], name: str, count: int = 0) -> np.ndarray:
    values = curve.get(name)
    return np.full(count, np.nan) if values is None else np.array([decimal(value) for value in values])


def _per_dimension(curve: Mapping[str, Any], order: np.ndarray) -> np.ndarray | None:
    rows = curve.get("kl_per_dimension")
    if rows is None or any(row is None for row in rows):
        return None
    kl = np.array([[decimal(value) for value in row] for row in rows]).reshape(len(rows), -1)
    return np.nan_to_num(kl, nan=0.0, posinf=0.0)[order] if kl.size else None
