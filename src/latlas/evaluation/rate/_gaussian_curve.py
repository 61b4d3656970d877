"""The one curve that is known exactly: that of a linear-Gaussian model."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from latlas.evaluation.rate._curve import RateDistortionCurve, checked_betas


def gaussian_rate_distortion(
    betas: Sequence[float],
    eigenvalues: Float[np.ndarray, " features"],
    noise_scale: float,
    latent_dim: int | None = None,
) -> RateDistortionCurve:
    r"""The best that any linear-Gaussian model reaches at each beta: reverse water-filling.

    With x | z ~ N(W z + loc, s^2 I), z ~ N(0, I), fixed s, and data whose covariance has the eigenvalues lambda_j, the
    minimum of distortion + beta * rate over W, loc and all Gaussian q(z | x) is
    $R = \sum_j \tfrac12 \log^+ \frac{\lambda_j}{\beta s^2}$ and
    $D = \tfrac{n}{2} \log 2 \pi s^2 + \sum_j \frac{\min(\lambda_j, \beta s^2)}{2 s^2}$,
    the sum of R and the minimum over the `latent_dim` largest eigenvalues (beyond them the minimum is lambda_j).
    Dimension j carries information as long as beta < lambda_j / s^2 and is dead from there on.

    Args:
        betas: positive and rising.
        eigenvalues: of the covariance of the data, all of them, in any order.
        noise_scale: s, the standard deviation of the noise.
        latent_dim: number of latent dimensions; by default as many as features.

    Returns:
        The curve, with standard errors of zero and the dimensions in the order of falling eigenvalues.

    References:
        Tipping and Bishop 1999 (the optimum at beta = 1); Cover and Thomas 2006, section 10.3.3 (reverse
        water-filling); Lucas et al. 2019, arXiv:1911.02469 (a linear VAE reaches it).
    """
    betas = checked_betas(betas)
    spread = np.sort(np.asarray(eigenvalues, np.float64))[::-1]
    latent_dim = len(spread) if latent_dim is None else latent_dim
    variance = float(noise_scale) ** 2
    level = betas[:, None] * variance
    kept, lost = spread[None, :latent_dim], spread[latent_dim:]
    kl = 0.5 * np.log(np.maximum(kept / level, 1.0))
    remaining = np.sum(np.minimum(kept, level), axis=1) + np.sum(lost)
    rate = np.sum(kl, axis=1)
    distortion = 0.5 * len(spread) * math.log(2 * math.pi * variance) + remaining / (2 * variance)
    nothing = np.zeros_like(betas)
    return RateDistortionCurve(betas, rate, distortion, -(rate + distortion), nothing, nothing, nothing, kl)
