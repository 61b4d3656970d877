"""Natural-gradient Gaussian variational inference with a step that keeps the precision positive definite."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import WorkError, host_rng
from latlas.distributions.families import AbstractFamily, DiagonalGaussian, FullGaussian, MeanField
from latlas.stats import fixed_draws

_MIN_BATCH = 32
_MIN_AVERAGED = 8  # iterates before their scatter says anything
_NEAR = 0.5  # sds and relative change of the precision: within it, iterates are averaged
_STEP = 0.5  # the first of those that are averaged
_MAX_SPREAD = 1e8  # of the precision's diagonal in whitened coordinates: beyond, it has run off


class NaturalGradient(AbstractEngine):
    r"""Maximises the ELBO of a normal $N(m, P^{-1})$ along natural gradients.

    $m \leftarrow m + \rho P^{-1} E_q[\nabla \log p]$ and $P \leftarrow P + \rho G + \frac{\rho^2}{2} G P^{-1} G$ with
    $G = -E_q[\nabla^2 \log p] - P$; the last term keeps P positive definite whatever the step. The mean Hessian comes from
    gradients alone, by Stein's identity $E_q[\nabla^2 \log p] = P E_q[(w - m) \nabla \log p^T]$, over fresh moment-matched
    draws: for a normal posterior that is exact.

    The step is as long as moves of one standard deviation allow until the fit is near its optimum, then shrinks, and the
    iterates are averaged until their noise leaves less than a quarter of the tolerance in the means and log scales.

    It fails as reverse KL does, on several modes and in funnels; and where gradients at single draws are huge (heavy
    curvature outside of the bulk) its averages need many rounds.

    Attributes:
        max_steps: where it gives up.

    References:
        Khan, Nielsen 2018, arXiv:1807.04489; Lin, Schmidt, Khan 2020, ICML, arXiv:2002.10060, section 4.
    """

    name: ClassVar[str] = "natural-gradient"
    families: ClassVar[tuple[str, ...]] = ("full-rank", "mean-field")
    max_steps: int = 500

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The normal that the averaged iterates settle at.

        Raises:
            WorkError: if the precision runs off, or too few draws have a finite density.
        """
        rng, n = host_rng(key), density.dim
        independent = isinstance(family, MeanField)
        batch = max(_MIN_BATCH, 1 << (2 * n - 1).bit_length())
        loc, precision = np.zeros(n), np.eye(n)
        visited, noises, near, error, step = [], [], False, np.inf, 0
        while step < self.max_steps and not error < 0.25 * tolerance:
            step += 1
            factor = _upper_factor_of_inverse(precision)
            slope, excess = _expectations(density, fixed_draws(rng, batch, n), loc, factor, independent)
            distance = max(np.max(np.abs(slope)), np.max(np.abs(np.linalg.eigvalsh(excess))))
            near = near or distance < _NEAR
            # near the optimum shorter and shorter, as the noise of the averages demands
            size = min(1.0, 1.0 / distance)
            if near:
                size = min(size, _STEP * (1.0 + len(visited) / 8.0) ** -0.6)
            loc, precision = _move(loc, precision, factor, slope, excess, size)
            if near:
                visited.append((loc, precision))
                noises.append(np.concatenate([slope, 0.5 * np.diagonal(excess)]))
                error, drifts = _error(np.stack(noises), 0.1 * tolerance)
                if drifts:
                    visited, noises = [], []
        if visited:
            # what came first still carries where it came from
            kept = visited[len(visited) // 2 :]
            loc, precision = (np.mean([v[i] for v in kept], axis=0) for i in range(2))
        converged = bool(error < 0.25 * tolerance)
        message = f"settled after {step} steps" if converged else f"was still moving after {step} steps"
        details = {"num_steps": step, "batch_size": batch, "error": float(error)}
        return EngineResult(_approximation(loc, precision, independent), converged, message, details=details)


def _expectations(density, noise, loc, factor, independent):
    """E[gradient] and -E[Hessian] - 1 in coordinates z, w = loc + factor z, in which q is a standard normal."""
    half = len(noise) // 2
    value, grad = density.value_and_grad(loc + noise @ factor.T)
    usable = np.isfinite(value) & np.isfinite(grad).all(axis=1)
    usable = np.tile(usable[:half] & usable[half:], 2)
    if usable.sum() < max(2, half):
        raise WorkError(
            f"Natural-gradient inference drew {2 * half} points of which {usable.sum()} have a finite log density and "
            "gradient on both sides of the mean; the fit has left the support of the posterior."
        )
    noise, along = noise[usable], grad[usable] @ factor
    hessian = noise.T @ along / len(noise)
    excess = -0.5 * (hessian + hessian.T) - np.eye(len(loc))
    return along.mean(0), np.diag(np.diagonal(excess)) if independent else excess


def _move(loc, precision, factor, slope, excess, size):
    loc = loc + size * factor @ slope
    root = np.linalg.inv(factor).T
    precision = precision + root @ (size * excess + 0.5 * size**2 * excess @ excess) @ root.T
    precision = 0.5 * (precision + precision.T)
    diagonal = np.diagonal(precision)
    if not np.isfinite(precision).all() or diagonal.max() > _MAX_SPREAD or diagonal.min() < 1.0 / _MAX_SPREAD:
        raise WorkError(
            "Natural-gradient inference ran off: its precision is far outside of the scale that the coordinates were "
            "whitened to."
        )
    return loc, precision


def _error(noises, negligible):
    """How far the averaged means and log scales are off, rms in sds, and whether they still drift.

    What moved the iterates is, on average, what is still missing; it drifts where that is beyond its own noise.
    """
    kept = noises[len(noises) // 2 :]
    if len(kept) < _MIN_AVERAGED:
        return np.inf, False
    drift = np.mean(kept, axis=0) ** 2
    noise = np.var(kept, axis=0, ddof=1) / len(kept)
    error = np.sqrt(max(np.mean(part) for part in np.split(drift + noise, 2)))
    drifts = any(
        np.mean(d) > max(4.0 * np.mean(e), negligible**2)
        for d, e in zip(np.split(drift, 2), np.split(noise, 2), strict=True)
    )
    return (np.inf, True) if drifts else (float(error), False)


def _upper_factor_of_inverse(precision):
    """F with F F' = the inverse of the precision."""
    return np.linalg.inv(np.linalg.cholesky(precision)).T


def _approximation(loc, precision, independent):
    if independent:
        return DiagonalGaussian(jnp.asarray(loc), jnp.asarray(-0.5 * np.log(np.diagonal(precision))))
    return FullGaussian.of(jnp.asarray(loc), jnp.asarray(np.linalg.cholesky(np.linalg.inv(precision))))
