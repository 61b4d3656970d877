"""Deterministic ADVI of independent normals: the objective in NumPy around the density's one compiled program."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._linear_response import MAX_DENSE_DIM, MeanFieldResponse
from latlas.distributions.families import LOG_2PI, DiagonalGaussian

_LOG_SCALE_RANGE = 8.0  # of a log standard deviation around that of the curvature at the origin
_MIN_DRAWS = 16


class MeanFieldProblem:
    r"""min over m, s of $-\frac1M \sum_k \log p(m + e^s z_k) - \sum_i s_i$, preconditioned, its quadratic part exact.

    The optimiser's variables are x = (a, b) with m = m_0 + L a and s = s_0 + b / sqrt 2, where L L' is the inverse of the
    curvature at the origin, or under the q of the last `recentre`: the loss of a normal posterior has the identity as its
    Hessian in them. With fewer than 2 n draws the average of a quadratic function with correlations is not exact; the
    curvature says by how much, and that is taken off (a control variate, with expectation zero for every q).
    """

    def __init__(self, density: Density):
        n = density.dim
        self.density = density
        self.min_draws = _MIN_DRAWS
        self.loc, self.log_scale, self.factor = np.zeros(n), np.zeros(n), np.eye(n)
        self.curvature = None
        if n <= MAX_DENSE_DIM:
            self._precondition(density.hessian(np.zeros((1, n)))[0])
        self.start = np.zeros(2 * n)
        limit = np.concatenate([np.full(n, np.inf), np.full(n, _LOG_SCALE_RANGE * np.sqrt(2.0))])
        self.bounds = np.stack([-limit, limit], axis=1)

    def use(self, noise: Float[np.ndarray, "draws n"]) -> None:
        """Take these draws from now on."""
        self.noise = noise
        self.excess = None
        if self.curvature is not None and len(noise) < 2 * self.density.dim:
            self.excess = self.curvature * (noise.T @ noise / len(noise) - np.eye(self.density.dim))

    def unpack(self, x: Float[np.ndarray, " p"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """(m, s)."""
        n = self.density.dim
        return self.loc + self.factor @ x[:n], self.log_scale + x[n:] / np.sqrt(2.0)

    def loss(self, x: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """The negative ELBO in nats and its gradient."""
        loc, log_scale = self.unpack(x)
        scale = np.exp(log_scale)
        value, grad = self.density.value_and_grad(loc + scale * self.noise)
        elbo = np.mean(value) + np.sum(log_scale) + 0.5 * len(loc) * (1.0 + LOG_2PI)
        along_loc = np.mean(grad, axis=0)
        along_log_scale = np.mean(grad * self.noise, axis=0) * scale + 1.0
        if self.excess is not None:
            pull = self.excess @ scale
            elbo += 0.5 * scale @ pull
            along_log_scale += scale * pull
        return -elbo, -np.concatenate([self.factor.T @ along_loc, along_log_scale / np.sqrt(2.0)])

    def error(self, x: Float[np.ndarray, " p"]) -> tuple[float, float]:
        """Standard errors that the choice of draws leaves in means (in sds) and log sds, each rms over all coordinates.

        The sandwich estimate H^-1 S H^-1 over antithetic pairs, H being the curvature.
        """
        loc, log_scale = self.unpack(x)
        offset = np.exp(log_scale) * self.noise
        _, grad = self.density.value_and_grad(loc + offset)
        half = len(grad) // 2
        known = self.curvature is not None
        factor = self.factor if known else np.diag(np.exp(log_scale))
        pairs = 0.5 * (grad[:half] + grad[half:]) @ factor
        moves = (pairs - pairs.mean(0)) @ factor.T / np.sqrt(np.sum(factor**2, axis=1))
        # of the scales' gradient what the curvature explains is exact
        explained = offset @ self.curvature if known else offset * np.exp(-2.0 * log_scale)
        stretches = 0.5 * (grad[:half] - grad[half:]) * offset[:half] + explained[:half] * offset[:half]
        return rms_error(moves), rms_error(0.5 * (stretches - stretches.mean(0)))

    def approximation(self, x: Float[np.ndarray, " p"]) -> DiagonalGaussian:
        """The distribution at `x`."""
        loc, log_scale = self.unpack(x)
        return DiagonalGaussian(jnp.asarray(loc), jnp.asarray(log_scale))

    def response(self, x: Float[np.ndarray, " p"]) -> MeanFieldResponse:
        """How the optimum answers to a change of the posterior."""
        return MeanFieldResponse(self.density, *self.unpack(x), self.noise)

    def recentre(self, x: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        """Precondition by the mean Hessian under q at `x` from now on; returns the same q in the new variables."""
        n = self.density.dim
        if n > MAX_DENSE_DIM:
            return x
        self.loc, self.log_scale = self.unpack(x)
        pair = self.noise[[0, len(self.noise) // 2]]
        keep = self.log_scale
        self._precondition(self.density.hessian(self.loc + np.exp(self.log_scale) * pair).mean(0))
        self.use(self.noise)
        return np.concatenate([np.zeros(n), np.sqrt(2.0) * (keep - self.log_scale)])

    def _precondition(self, hessian):
        if not np.isfinite(hessian).all():
            return
        curvature = -0.5 * (hessian + hessian.T)
        diagonal = np.diagonal(curvature)
        self.log_scale = -0.5 * np.log(np.clip(np.abs(diagonal), 1e-2, 1e8))
        try:
            self.factor = np.linalg.inv(np.linalg.cholesky(curvature)).T
            self.curvature = curvature
        except np.linalg.LinAlgError:
            # not a maximum: scales alone, and no control variate from a curvature that is none
            self.factor, self.curvature = np.diag(np.exp(self.log_scale)), None


def rms_error(deviations: Float[np.ndarray, "pairs n"]) -> float:
    """Standard error of the mean of the rows, whose mean is zero, as the root mean square over columns."""
    rows = len(deviations)
    return float(np.sqrt(np.mean(np.sum(deviations**2, axis=0)) / (rows * (rows - 1.0))))
