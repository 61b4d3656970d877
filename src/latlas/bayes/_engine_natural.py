"""Natural-gradient Gaussian variational inference with a step that keeps the precision positive definite."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes._approximation import AbstractFamily
from latlas.bayes._density import Density
from latlas.bayes._engine import AbstractEngine, EngineResult
from latlas.bayes._family_gaussian import DiagonalGaussian, FullGaussian, MeanField
from latlas.bayes._fixed_draws import fixed_draws
from latlas.bayes._precision import host_rng
from latlas.core import WorkError

_MIN_BATCH = 32
_MIN_AVERAGED = 8  # iterates before their scatter says anything
_NEAR = 0.5  # sds and relative change of the precision: within it, iterates are averaged
_STEP = 0.5  # while they are
_MAX_SPREAD = 1e8  # of the precision's diagonal in whitened coordinates: beyond, it has run off


class NaturalGradient(AbstractEngine):
    r"""Maximises the ELBO of a normal $N(m, P^{-1})$ along natural gradients.

    $m \leftarrow m + \rho P^{-1} E_q[\nabla \log p]$ and $P \leftarrow P + \rho G + \frac{\rho^2}{2} G P^{-1} G$ with
    $G = -E_q[\nabla^2 \log p] - P$; the last term keeps P positive definite whatever the step. The mean Hessian comes from gradients
    alone, by Stein's identity $E_q[\nabla^2 \log p] = P E_q[(w - m) \nabla \log p^T]$, over fresh moment-matched draws: for a
    normal posterior that is exact.

    The step is as long as moves of one standard deviation allow until the fit is near its optimum, then constant, and the
    iterates are averaged until their scatter leaves less than a quarter of the tolerance in the means.

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
        visited, near, error, step = [], False, np.inf, 0
        while step < self.max_steps and not error < 0.25 * tolerance:
            step += 1
            factor = _upper_factor_of_inverse(precision)
            slope, excess = _expectations(density, fixed_draws(rng, batch, n), loc, factor, independent)
            distance = max(np.max(np.abs(slope)), np.max(np.abs(np.linalg.eigvalsh(excess))))
            near = near or distance < _NEAR
            size = _STEP if near else min(1.0, 1.0 / distance)
            loc, precision = _move(loc, precision, factor, slope, excess, size)
            if near:
                visited.append((loc, precision))
                error = _error_of_mean(np.stack([v[0] for v in visited]), factor)
        if visited:
            # what came first still carries where it came from
            kept = visited[len(visited) // 4 :]
            loc, precision = (np.mean([v[i] for v in kept], axis=0) for i in range(2))
        converged = bool(error < 0.25 * tolerance)
        message = f"settled after {step} steps" if converged else f"still moving after {step} steps"
        details = {"num_steps": step, "batch_size": batch, "mean_error": float(error)}
        return EngineResult(_approximation(loc, precision, independent), converged, message, details=details)


def _expectations(density, noise, loc, factor, independent):
    """E[gradient] and -E[Hessian] - 1 in coordinates z, w = loc + factor z, in which q is a standard normal."""
    half = len(noise) // 2
    value, grad = density.value_and_grad(loc + noise @ factor.T)
    usable = np.isfinite(value) & np.isfinite(grad).all(axis=1)
    usable = np.tile(usable[:half] & usable[half:], 2)
    if usable.sum() < max(2, half):
        raise WorkError(
            f"Natural-gradient inference drew {2 * half} points of which {usable.sum()} have a finite log density and gradient "
            "on both sides of the mean; the fit has left the support of the posterior."
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


def _error_of_mean(locs, factor):
    """Standard error of the averaged means, rms in sds; steps of one half leave iterates that correlate with the next ones."""
    if len(locs) < _MIN_AVERAGED:
        return np.inf
    kept = locs[len(locs) // 4 :]
    spread = np.sqrt(np.sum(factor**2, axis=1))
    return float(np.sqrt((2.0 - _STEP) / _STEP * np.mean(np.var(kept / spread, axis=0, ddof=1)) / len(kept)))


def _upper_factor_of_inverse(precision):
    """F with F F' = the inverse of the precision."""
    return np.linalg.inv(np.linalg.cholesky(precision)).T


def _approximation(loc, precision, independent):
    if independent:
        return DiagonalGaussian(jnp.asarray(loc), jnp.asarray(-0.5 * np.log(np.diagonal(precision))))
    return FullGaussian.of(jnp.asarray(loc), jnp.asarray(np.linalg.cholesky(np.linalg.inv(precision))))
