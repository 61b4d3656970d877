"""The scales of the model `patients` of `hierarchies`, exactly: all else is normal and integrates out, a grid does the rest.

The reference that comes with the data is of chains in centred coordinates, which do not enter the neck of the funnel: by it
the 5 % quantile of `s_b` is 0.58, and by the integral 0.24.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from latlas.distributions.families import LOG_2PI

PRIOR_SD = {"mu_a": 500.0, "mu_b": 3.0, "s_a": 100.0, "s_b": 3.0, "sigma": 100.0}
SIZES = {"s_a": 21, "s_b": 81, "sigma": 21}
RANGES = {"s_a": (300.0, 700.0), "s_b": (0.0, 8.0), "sigma": (115.0, 185.0)}


def patients_exactly(
    data: dict[str, np.ndarray], probabilities: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    """Mean, sd and quantiles of `s_a`, `s_b` and `sigma`, by the trapezium rule on a grid of all three."""
    axes = {name: np.linspace(*RANGES[name], SIZES[name]) for name in SIZES}
    s_a, s_b, sigma = np.meshgrid(*axes.values(), indexing="ij")
    log_p = log_likelihood(data, s_a.ravel(), np.maximum(s_b.ravel(), 1e-6), sigma.ravel()).reshape(s_a.shape)
    for name, value in zip(axes, (s_a, s_b, sigma), strict=True):
        log_p = log_p - 0.5 * (value / PRIOR_SD[name]) ** 2
    mass = np.exp(log_p - log_p.max())
    answers = {}
    for axis, (name, x) in enumerate(axes.items()):
        weights = mass.sum(tuple({0, 1, 2} - {axis}))
        weights[[0, -1]] *= 0.5
        weights /= weights.sum()
        mean = weights @ x
        below = np.concatenate([[0.0], np.cumsum(0.5 * (weights[1:] + weights[:-1]))])
        answers[name] = {
            "mean": float(mean),
            "sd": float(np.sqrt(weights @ (x - mean) ** 2)),
            "quantiles_05_50_95": np.interp(probabilities, below / below[-1], x).tolist(),
        }
    return answers


def log_likelihood(
    data: dict[str, np.ndarray],
    s_a: Float[np.ndarray, " grid"],
    s_b: Float[np.ndarray, " grid"],
    sigma: Float[np.ndarray, " grid"],
) -> Float[np.ndarray, " grid"]:
    """log p(volume | scales) in nats: intercepts, slopes and their means integrated out, two by two."""
    total = np.zeros(len(s_a))
    # of exp(-mu' A mu / 2 + b' mu): first the prior of mu, then each patient's
    a = np.diag([PRIOR_SD["mu_a"] ** -2.0, PRIOR_SD["mu_b"] ** -2.0]) + np.zeros((len(s_a), 2, 2))
    b = np.zeros((len(s_a), 2))
    total += 0.5 * np.linalg.slogdet(a)[1]
    inverse_prior = np.zeros((len(s_a), 2, 2))
    inverse_prior[:, 0, 0], inverse_prior[:, 1, 1] = s_a**-2.0, s_b**-2.0
    for patient in np.unique(data["patient"]):
        rows = data["patient"] == patient
        x = np.column_stack([np.ones(rows.sum()), data["week"][rows]])
        y = data["volume"][rows]
        gram, moment = x.T @ x / sigma[:, None, None] ** 2, x.T @ y / sigma[:, None] ** 2
        precision = inverse_prior + gram
        # of the patient's own line, given mu; then what is left depends on mu alone
        solved = np.linalg.solve(precision, np.concatenate([inverse_prior, moment[:, :, None]], axis=2))
        a += inverse_prior - inverse_prior @ solved[:, :, :2]
        b += np.einsum("gij,gj->gi", inverse_prior, solved[:, :, 2])
        total += 0.5 * (np.einsum("gi,gi->g", moment, solved[:, :, 2]) - y @ y / sigma**2)
        total += 0.5 * (np.linalg.slogdet(inverse_prior)[1] - np.linalg.slogdet(precision)[1])
        total -= len(y) * (np.log(sigma) + 0.5 * LOG_2PI)
    return total + 0.5 * (
        np.einsum("gi,gi->g", b, np.linalg.solve(a, b[:, :, None])[:, :, 0]) - np.linalg.slogdet(a)[1]
    )
