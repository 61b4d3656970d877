"""Pathfinder: the normals that a quasi-Newton search passes on its way to a mode, the best of them by their ELBO."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._lbfgs import minimise, negative_log_prob
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import PARETO_K_LIMIT, WorkError, host_rng
from latlas.distributions.families import AbstractFamily, FullGaussian
from latlas.stats import pareto_k, psis_log_weights

HISTORY = 6
MAX_ITERATIONS = 1000
_MIN_CURVATURE = 1e-12  # of a step, below which it says nothing of the Hessian


class Pathfinder(AbstractEngine):
    """Multi-path Pathfinder; one path with `num_paths=1`.

    Each path runs L-BFGS from a draw of N(0, 4), estimates the inverse Hessian at every iterate from the last six steps, and
    keeps the normal with the largest ELBO, which need not be the one at the mode. Draws of all paths' normals are pooled,
    weighted by p over the mixture of those normals with Pareto-smoothed weights, and resampled. (The paper weights each draw
    by its own path's normal, which needs every one of them to be wide enough.)

    It minimises KL(q || p) over the normals along the paths: quick and rough. It fails where those miss the bulk (high
    dimension, narrow valleys, funnels) and where all paths end in the same wrong place, to which the weights are blind.

    Attributes:
        num_paths: searches.
        num_elbo_draws: for the ELBO of each candidate.
        num_draws: of each path's normal; as many are resampled as one path has.
        replace: resample with replacement; without, no draw comes twice.

    References:
        Zhang, Carpenter, Gelman, Vehtari 2022, JMLR 23(306), algorithms 1 to 4.
    """

    name: ClassVar[str] = "pathfinder"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)
    num_paths: int = 8
    num_elbo_draws: int = 25
    num_draws: int = 1000
    replace: bool = False

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The best path's normal, with draws resampled from all paths.

        Raises:
            WorkError: if no path has a normal of finite ELBO.
        """
        rng = host_rng(key)
        starts = 2.0 * rng.standard_normal((self.num_paths, density.dim))
        found = [self._along(rng, density, start) for start in starts]
        normals = [normal for normal in found if normal is not None]
        if not normals:
            raise WorkError(
                f"None of Pathfinder's {self.num_paths} paths passed a normal whose ELBO is finite; the log density is "
                "not finite where they ran, or rises without end."
            )
        draws = np.concatenate([normal.draw(rng, self.num_draws)[0] for normal in normals])
        # of their equal mixture: one narrow normal then makes no heavy tail, as weights by each path's own would
        log_q = logsumexp([normal.log_prob(draws) for normal in normals], axis=0) - np.log(len(normals))
        log_ratios = density.value(draws) - log_q
        log_ratios = np.where(np.isfinite(log_ratios), log_ratios, -np.inf)
        k = float(pareto_k(log_ratios))
        chosen = _resampled(rng, np.asarray(psis_log_weights(log_ratios)), self.num_draws, self.replace)
        best = max(normals, key=lambda normal: normal.elbo)
        elbos = [normal.elbo for normal in normals]
        message = (
            f"{len(normals)} of {self.num_paths} paths gave a normal, ELBOs {min(elbos):.2f} to {max(elbos):.2f} nats; "
            f"the tail of their weights has shape {k:.2f}"
        )
        return EngineResult(
            FullGaussian.of(best.loc, best.factor),
            k < PARETO_K_LIMIT,
            message,
            draws=draws[chosen],
            details={
                "pareto_k": k if np.isfinite(k) else None,
                "elbos": elbos,
                "num_distinct": len(set(chosen.tolist())),
            },
        )

    def _along(self, rng, density, start):
        """The normal of the largest ELBO along one path, None where there is none."""
        best = None
        for point, grad, covariance in _inverse_hessians(*_path(density, start)):
            normal = _Normal.at(point, grad, covariance)
            if normal is None:
                continue
            w, log_q = normal.draw(rng, self.num_elbo_draws)
            normal.elbo = float(np.mean(density.value(w) - log_q))
            if np.isfinite(normal.elbo) and (best is None or normal.elbo > best.elbo):
                best = normal
        return best


@dataclass
class _Normal:
    loc: Float[np.ndarray, " n"]
    factor: Float[np.ndarray, "n n"]
    elbo: float = -np.inf

    @classmethod
    def at(cls, point, grad, covariance):
        """Of one Newton step from an iterate."""
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return None
        return cls(point + covariance @ grad, factor)

    def log_prob(self, w):
        """Of each row."""
        return self._log_prob(solve_triangular(self.factor, (w - self.loc).T, lower=True).T)

    def draw(self, rng, count):
        """Draws with their log densities."""
        noise = rng.standard_normal((count, len(self.loc)))
        return self.loc + noise @ self.factor.T, self._log_prob(noise)

    def _log_prob(self, noise):
        constant = np.sum(np.log(np.diagonal(self.factor))) + 0.5 * len(self.loc) * np.log(2.0 * np.pi)
        return -0.5 * np.sum(noise**2, axis=1) - constant


def _path(density, start):
    """Iterates of L-BFGS with their gradients of log p."""
    points, seen, loss = [start], {}, negative_log_prob(density)

    def remembered(w):
        value, slope = loss(w)
        seen[w.tobytes()] = -slope
        return value, slope

    found = minimise(
        remembered,
        start,
        max_iterations=MAX_ITERATIONS,
        change=1e-13,
        gradient=1e-8,
        history=HISTORY,
        callback=lambda w: points.append(w.copy()),
    )
    if found.rejected:
        return [], []
    return points, [seen[w.tobytes()] for w in points]


def _inverse_hessians(points, grads):
    """Each iterate after the first with its gradient and the estimate of the inverse Hessian of -log p there."""
    steps, bends = [], []
    alpha = np.ones_like(points[0]) if points else None
    for number in range(1, len(points)):
        step, bend = points[number] - points[number - 1], grads[number - 1] - grads[number]
        if step @ bend > _MIN_CURVATURE * (bend @ bend):
            alpha = _diagonal(alpha, step, bend)
            steps, bends = [*steps, step][-HISTORY:], [*bends, bend][-HISTORY:]
        yield points[number], grads[number], _inverse_hessian(alpha, steps, bends)


def _diagonal(alpha, step, bend):
    """The diagonal estimate after one more step (algorithm 3 of the paper; Gilbert, Lemarechal 1989, equation 4.9)."""
    a, b, c = np.sum(alpha * bend**2), bend @ step, np.sum(step**2 / alpha)
    return 1.0 / (a / (b * alpha) + bend**2 / b - a * step**2 / (b * c * alpha**2))


def _inverse_hessian(alpha, steps, bends):
    """diag(alpha) + beta gamma beta^T (equation II.2 of the paper's appendix; Byrd, Nocedal, Schnabel 1994)."""
    if not steps:
        return np.diag(alpha)
    s, z = np.stack(steps, axis=1), np.stack(bends, axis=1)
    upper = np.triu(s.T @ z)
    inverse = solve_triangular(upper, np.eye(len(upper)))
    middle = inverse.T @ (np.diag(np.diagonal(upper)) + z.T @ (alpha[:, None] * z)) @ inverse
    cross = s @ inverse.T @ (alpha[:, None] * z).T
    covariance = np.diag(alpha) + s @ middle @ s.T - cross - cross.T
    return 0.5 * (covariance + covariance.T)


def _resampled(rng, log_weights, count, replace):
    """Row numbers, drawn in proportion to the weights."""
    if replace:
        weights = np.exp(log_weights)
        return rng.choice(len(weights), count, p=weights / weights.sum())
    # the largest of log weight plus Gumbel noise are a sample without replacement
    usable = np.isfinite(log_weights)
    order = np.argsort(-(log_weights + rng.gumbel(size=len(log_weights))))
    return order[: min(count, int(usable.sum()))]
