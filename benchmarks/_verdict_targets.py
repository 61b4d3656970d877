"""Densities whose means and standard deviations are known without sampling: what a verdict is held against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import PyTree
from numpyro.distributions import constraints
from scipy.special import digamma, polygamma


@dataclass(frozen=True)
class Known:
    """A log density with its exact moments.

    Attributes:
        log_density: of the constrained parameters, as `latlas.bayes.fit` takes it.
        start: unconstrained parameters to begin at.
        mean: of every entry, in the order of the pytree's leaves; nan where there is none.
        sd: of every entry; infinite where it is.
        bijections: by parameter name.
    """

    log_density: Callable[[Any], Any]
    start: PyTree
    mean: np.ndarray
    sd: np.ndarray
    bijections: Mapping[str, Any] = field(default_factory=dict)


def normal(correlation: float, dim: int) -> Known:
    """Equally correlated, with sds from 0.1 to 10."""
    sd, mean = np.geomspace(0.1, 10.0, dim), np.arange(dim) - 1.0
    inverse = np.linalg.inv(correlation + (1.0 - correlation) * np.eye(dim))

    def log_density(x):
        z = (x - mean) / sd
        return -0.5 * z @ inverse @ z

    return Known(log_density, jnp.zeros(dim), mean, sd)


def student(freedom: float, dim: int) -> Known:
    """A multivariate Student t with unit scale."""

    def log_density(x):
        return -0.5 * (freedom + dim) * jnp.log1p(jnp.sum((x - 1.0) ** 2) / freedom)

    mean = 1.0 if freedom > 1 else np.nan
    sd = np.sqrt(freedom / (freedom - 2.0)) if freedom > 2 else np.inf
    return Known(log_density, jnp.zeros(dim), np.full(dim, mean), np.full(dim, sd))


def log_gamma(*shapes: float) -> Known:
    """Logarithms of gamma variables."""
    a = np.array(shapes)
    return Known(
        lambda x: jnp.sum(a * x - jnp.exp(x)), jnp.zeros(len(a)), digamma(a), np.sqrt(polygamma(1, a))
    )


def funnel(scale: float, dim: int) -> Known:
    """Neal's: x_i of variance e^v, and v normal with this scale."""

    def log_density(x):
        v, rest = x[0], x[1:]
        return -0.5 * (v / scale) ** 2 - 0.5 * jnp.exp(-v) * jnp.sum(rest**2) - 0.5 * v * (dim - 1)

    sd = np.array([scale] + [np.exp(scale**2 / 4)] * (dim - 1))
    return Known(log_density, jnp.zeros(dim), np.zeros(dim), sd)


def banana(bend: float, scale: float) -> Known:
    """A twisted normal: the second coordinate follows a parabola of the first."""

    def log_density(x):
        return -0.5 * (x[0] / scale) ** 2 - 0.5 * (x[1] - bend * (x[0] ** 2 - scale**2)) ** 2

    return Known(
        log_density, jnp.zeros(2), np.zeros(2), np.array([scale, np.sqrt(1 + 2 * bend**2 * scale**4)])
    )


def modes(share: float, distance: float, dim: int) -> Known:
    """Two unit normals that far apart along the first axis; the right-hand one has this share."""
    centres = np.zeros((2, dim))
    centres[:, 0] = [-0.5 * distance, 0.5 * distance]

    def log_density(x):
        return logsumexp(jnp.log(jnp.array([1 - share, share])) - 0.5 * jnp.sum((x - centres) ** 2, axis=1))

    mean, sd = np.zeros(dim), np.ones(dim)
    mean[0] = (share - 0.5) * distance
    sd[0] = np.sqrt(1 + share * (1 - share) * distance**2)
    return Known(log_density, jnp.full(dim, 0.3), mean, sd)


def spike_and_slab(share: float, width: float, dim: int) -> Known:
    """A unit normal and a wide one, with this share, about the same centre."""
    scales = np.array([1.0, width])

    def log_density(x):
        return logsumexp(
            jnp.log(jnp.array([1 - share, share])) - dim * jnp.log(scales) - 0.5 * jnp.sum(x**2) / scales**2
        )

    return Known(
        log_density, jnp.full(dim, 0.3), np.zeros(dim), np.full(dim, np.sqrt(1 - share + share * width**2))
    )


def truncated() -> Known:
    """A half-normal and a uniform variable."""

    def log_density(params):
        return -0.5 * params["half"] ** 2 + 0.0 * params["uniform"]

    start = {"half": jnp.zeros(()), "uniform": jnp.zeros(())}
    mean, sd = np.array([np.sqrt(2 / np.pi), 0.5]), np.array([np.sqrt(1 - 2 / np.pi), np.sqrt(1 / 12)])
    return Known(
        log_density, start, mean, sd, {"half": constraints.positive, "uniform": constraints.unit_interval}
    )


def steps() -> Known:
    """Half a normal, half a staircase whose gradient is zero; moments by quadrature."""

    def log_density(x, xp=jnp):
        return xp.sum(-0.25 * x**2 - 0.25 * (xp.round(2 * x) / 2) ** 2)

    grid = np.linspace(-9, 9, 200_001)
    p = np.exp(-0.25 * grid**2 - 0.25 * (np.round(2 * grid) / 2) ** 2)
    sd = np.sqrt(np.sum(p * grid**2) / p.sum())
    return Known(log_density, jnp.zeros(2), np.zeros(2), np.full(2, sd))


def hierarchy(num_groups: int) -> Known:
    """Centred group means y_j ~ N(theta_j, 10), theta_j ~ N(mu, tau), mu ~ N(0, 5), tau half-normal of scale 5.

    Given tau all is normal, so its moments are a quadrature over tau alone.
    """
    y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])[:num_groups]
    noise = 10.0

    def log_density(params):
        mu, tau, theta = params["mu"], params["tau"], params["theta"]
        return (
            -0.5 * (mu / 5) ** 2
            - 0.5 * (tau / 5) ** 2
            - num_groups * jnp.log(tau)
            - 0.5 * jnp.sum(((theta - mu) / tau) ** 2)
            - 0.5 * jnp.sum(((y - theta) / noise) ** 2)
        )

    tau = np.linspace(1e-4, 40.0, 40_001)
    variance = noise**2 + tau**2  # of y_j given mu
    precision = 1 / 25 + num_groups / variance
    mu_mean, mu_variance = y.sum() / variance / precision, 1 / precision
    spread = np.sum((y[:, None] / variance) * y[:, None], axis=0) - mu_mean**2 * precision
    log_weight = (
        -0.5 * (tau / 5) ** 2 - 0.5 * num_groups * np.log(variance) + 0.5 * np.log(mu_variance) - 0.5 * spread
    )
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    shrink = noise**2 / variance  # weight of mu in theta_j
    theta_mean = shrink * mu_mean + (1 - shrink) * y[:, None]
    theta_variance = shrink * tau**2 + shrink**2 * mu_variance
    means = np.vstack([mu_mean, tau, theta_mean])  # leaves of a dict are in the order of its sorted names
    variances = np.vstack([mu_variance, np.zeros_like(tau), np.tile(theta_variance, (num_groups, 1))])
    mean = means @ weight
    sd = np.sqrt((variances + means**2) @ weight - mean**2)
    start = {"mu": jnp.zeros(()), "tau": jnp.zeros(()), "theta": jnp.zeros(num_groups)}
    return Known(log_density, start, mean, sd, {"tau": constraints.positive})


TARGETS: dict[str, Callable[[], Known]] = {
    "normal": lambda: normal(0.5, 5),
    "correlation 0.999": lambda: normal(0.999, 2),
    "Student t 5": lambda: student(5.0, 3),
    "Student t 3": lambda: student(3.0, 3),
    "Student t 2": lambda: student(2.0, 3),
    "Cauchy": lambda: student(1.0, 2),
    "log gamma": lambda: log_gamma(0.3, 1.0, 5.0),
    "funnel, scale 1": lambda: funnel(1.0, 10),
    "funnel, scale 3": lambda: funnel(3.0, 10),
    "banana": lambda: banana(0.5, 2.0),
    "two modes, equal": lambda: modes(0.5, 6.0, 2),
    "two modes, 95 to 5": lambda: modes(0.05, 6.0, 2),
    "two modes, 20 sds apart": lambda: modes(0.5, 20.0, 5),
    "spike and slab": lambda: spike_and_slab(0.1, 10.0, 3),
    "truncated": truncated,
    "steps": steps,
    "hierarchy of 8": lambda: hierarchy(8),
    "hierarchy of 3": lambda: hierarchy(3),
}  # fmt: skip
