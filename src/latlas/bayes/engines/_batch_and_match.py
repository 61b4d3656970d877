"""Batch and match: a normal whose score agrees with the posterior's, by closed-form steps."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import WorkError, host_rng
from latlas.distributions.families import AbstractFamily, FullGaussian

_ROUND = 20  # steps between two looks at whether it has settled
_MIN_BATCH = 64  # as many rows as the chains of the diagnosis have, so that one program serves both
_MAX_SPREAD = 1e6  # of the variances in whitened coordinates, downwards its square: beyond, it has run off


class BatchAndMatch(AbstractEngine):
    r"""Full-rank score matching with a proximal step in closed form.

    Each step draws a batch from q, and takes the normal that minimises
    $\hat D(q'; p) + \frac{2}{\lambda_t} KL(q \| q')$, where $\hat D$ is the batch's mean of
    $\|\nabla \log q' - \nabla \log p\|^2$ in the metric of the covariance of q'. It needs no learning rate; the steps
    $\lambda_t = B n / t$ shrink as the noise of the batches demands. For a normal posterior one large batch is exact.

    Ends when the means move by less than a quarter of the tolerance and the log standard deviations by less than half of
    it between two rounds of averaged steps.

    It fails far from the posterior, where scores say little about the bulk: hence the whitening; and where a normal cannot
    follow (funnels, several modes), in which case it does settle, and only the diagnosis tells.

    Attributes:
        max_steps: where it gives up.

    References:
        Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei, Saul 2024, ICML, arXiv:2402.14758, algorithm 1.
    """

    name: ClassVar[str] = "batch-and-match"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)
    max_steps: int = 300

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The normal that the steps settle at.

        Raises:
            WorkError: if the covariance runs off, or too few draws have a finite density.
        """
        rng, n = host_rng(key), density.dim
        batch = max(_MIN_BATCH, 1 << (2 * n - 1).bit_length())
        loc, covariance = np.zeros(n), np.eye(n)
        previous, converged, step = None, False, 0
        while step < self.max_steps and not converged:
            visited = []
            for _ in range(_ROUND):
                step += 1
                loc, covariance = _step(rng, density, loc, covariance, batch, batch * n / step)
                visited.append((loc, covariance))
            settled = tuple(np.mean([v[i] for v in visited], axis=0) for i in range(2))
            if previous is not None:
                scale, scale_before = (np.sqrt(np.diagonal(s[1])) for s in (settled, previous))
                moved = np.max(np.abs(settled[0] - previous[0]) / scale)
                stretched = np.max(np.abs(np.log(scale / scale_before)))
                converged = bool(moved < 0.25 * tolerance and stretched < 0.5 * tolerance)
            previous = settled
        assert previous is not None  # there is one round at least
        loc, covariance = previous
        approximation = FullGaussian.of(jnp.asarray(loc), jnp.asarray(np.linalg.cholesky(covariance)))
        message = f"settled after {step} steps" if converged else f"was still moving after {step} steps"
        return EngineResult(
            approximation, converged, message, details={"num_steps": step, "batch_size": batch}
        )


def _step(
    rng: np.random.Generator,
    density: Density,
    loc: Float[np.ndarray, " n"],
    covariance: Float[np.ndarray, "n n"],
    batch: int,
    rate: float,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
    n = len(loc)
    w = loc + rng.standard_normal((batch, n)) @ np.linalg.cholesky(covariance).T
    value, score = density.value_and_grad(w)
    usable = np.isfinite(value) & np.isfinite(score).all(axis=1)
    if usable.sum() < max(2, batch // 4):
        raise WorkError(
            f"Batch and match drew {batch} points of which {usable.sum()} have a finite log density and score; the fit has "
            "left the support of the posterior."
        )
    w, score = w[usable], score[usable]
    mean, mean_score = w.mean(0), score.mean(0)
    # the quadratic matrix equation of the step (equations 12 to 15): S U S + S = V
    u = rate * np.cov(score.T, bias=True).reshape(n, n) + rate / (1 + rate) * np.outer(mean_score, mean_score)
    v = covariance + rate * np.cov(w.T, bias=True).reshape(n, n)
    v += rate / (1 + rate) * np.outer(loc - mean, loc - mean)
    factor = np.linalg.cholesky(v)
    eigenvalues, vectors = np.linalg.eigh(np.eye(n) + 4.0 * factor.T @ u @ factor)
    half = factor @ vectors
    covariance = 2.0 * (half / (1.0 + np.sqrt(np.maximum(eigenvalues, 0.0)))) @ half.T
    covariance = 0.5 * (covariance + covariance.T)
    spread = np.diagonal(covariance)
    if not np.isfinite(covariance).all() or spread.max() > _MAX_SPREAD or spread.min() < 1.0 / _MAX_SPREAD**2:
        raise WorkError(
            "Batch and match ran off: its covariance is far outside of the scale that the search for modes found."
        )
    loc = loc / (1 + rate) + rate / (1 + rate) * (covariance @ mean_score + mean)
    return loc, covariance
