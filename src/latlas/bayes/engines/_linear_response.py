"""Linear response: the covariances that an approximation's optimum implies, which its own spread does not show."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np
import scipy
from jaxtyping import Array, Float

from latlas.bayes.densities._density import Density
from latlas.core import WorkError, in_float64

MAX_DENSE_DIM = 500  # beyond it no dense Hessian
MAX_INFLATION = (
    2.0  # of an sd by the coupling of means and scales: beyond it the expansion is not to be trusted
)
_RELATIVE_ERROR = 0.03  # of the standard deviations, by the choice of draws
_MIN_PAIRS = 2
_MAX_PAIRS = 16


class ResponseEnd(enum.Enum):
    """What became of a linear response; the values are sentences without their full stops."""

    FOUND = "covariances by linear response"
    TOO_WIDE = f"no linear response of all coordinates in more than {MAX_DENSE_DIM} dimensions"
    HESSIAN_NOT_FINITE = "no linear response: a second derivative is not finite"
    COUPLING_NOT_FINITE = "no linear response: a derivative is not finite"
    NOT_CURVED = "no linear response: the ELBO is not curved downwards at the optimum"
    INFLATED = (
        f"no linear response: the coupling of means and scales would widen a standard deviation more than {MAX_INFLATION:g} "
        "times, as in a funnel, where it is known to overshoot"
    )


@dataclass(frozen=True)
class Response:
    """What linear response gives.

    Attributes:
        covariance: of the posterior, `(n, n)`; None where linear response cannot be trusted.
        end: why not, or that it was found.
        num_draws: at which a Hessian was taken.
    """

    covariance: Float[np.ndarray, "n n"] | None
    end: ResponseEnd
    num_draws: int


@dataclass(frozen=True)
class MeanFieldResponse:
    r"""Linear response around the mean-field optimum (m, s) of a density, s being log standard deviations.

    Tilt the posterior by $t f(w)$: the optimum's $E_q[f]$ then moves at the rate $J_f H^{-1} J_f^T$, with H the Hessian of
    the negative ELBO in (m, s) and J the gradient of $E_q[f]$; the exact posterior's mean moves at the rate Var f. So that
    rate estimates the variance, and it sees the correlations that q itself leaves out. Exact for normal posteriors.

    Attributes:
        density: the posterior.
        loc: m, `(n,)`.
        log_scale: s, `(n,)`.
        noise: the antithetic draws with which the optimum was found, `(draws, n)`.

    References:
        Giordano, Broderick, Jordan 2018, JMLR 19(51), theorem 2; Giordano, Ingram, Broderick 2024, JMLR 25(18), section 3.
    """

    density: Density
    loc: Float[np.ndarray, " n"]
    log_scale: Float[np.ndarray, " n"]
    noise: Float[np.ndarray, "draws n"]

    def covariance(self) -> Response:
        """The covariance of the coordinates, with Hessians at as many antithetic pairs as it takes."""
        blocks, end, num_draws = self._dense
        if blocks is None:
            return Response(None, end, num_draws)
        inverse = _inverse(*blocks)
        assert inverse is not None  # else there would be no blocks
        covariance, inflation = inverse
        if inflation > MAX_INFLATION:
            return Response(None, ResponseEnd.INFLATED, num_draws)
        scale = np.exp(self.log_scale)
        return Response(covariance * np.outer(scale, scale), end, num_draws)

    def covariance_of(self, function: Callable[[Array], Array]) -> Float[np.ndarray, "m m"]:
        """The posterior covariance of a vector-valued function of w; beyond 500 dimensions by conjugate gradients.

        Args:
            function: `(n,)` to `(m,)`, traceable, such as a parameter in its constrained space.

        Raises:
            WorkError: where the ELBO is not curved downwards at the optimum.
        """
        n = len(self.loc)
        # in units of q's standard deviations
        jacobian = self._jacobian(function) * np.concatenate([np.exp(self.log_scale), np.ones(n)])
        if n <= MAX_DENSE_DIM:
            blocks, end, _ = self._dense
            if blocks is None:
                raise WorkError(f"There are no covariances: {end.value}.")
            mean, coupling, scales = blocks
            solved = np.linalg.solve(np.block([[mean, coupling], [coupling.T, scales]]), jacobian.T)
        else:
            solved = np.stack([self._conjugate_gradients(row) for row in jacobian], axis=1)
        covariance = jacobian @ solved
        return 0.5 * (covariance + covariance.T)

    @cached_property
    def _dense(self):
        """(the blocks of H in units of q's standard deviations or None, why, at how many draws)."""
        n, half = len(self.loc), len(self.noise) // 2
        if n > MAX_DENSE_DIM:
            return None, ResponseEnd.TOO_WIDE, 0
        pairs: list[tuple[np.ndarray, np.ndarray]] = []
        num_pairs, coupling = min(_MIN_PAIRS, half), None
        while True:
            pairs += [self._pair(k) for k in range(len(pairs), num_pairs)]
            if not np.isfinite(pairs).all():
                return None, ResponseEnd.HESSIAN_NOT_FINITE, 2 * num_pairs
            blocks = _blocks(pairs, coupling)
            result = _inverse(*blocks)
            if _agree(result, pairs, coupling) or (
                coupling is not None and num_pairs >= min(half, _MAX_PAIRS)
            ):
                break
            if coupling is None:
                coupling = self._coupling()
                if not np.isfinite(coupling).all():
                    return None, ResponseEnd.COUPLING_NOT_FINITE, 2 * num_pairs
            else:
                num_pairs = min(2 * num_pairs, half, _MAX_PAIRS)
        if result is None:
            return None, ResponseEnd.NOT_CURVED, 2 * num_pairs
        return blocks, ResponseEnd.FOUND, 2 * num_pairs

    def _pair(self, k):
        """In units of q: the negative Hessian averaged over a pair of draws, and times the noise, columns by columns.

        The noise is reduced to its signs: then z_i^2 = 1 in each pair alone, and few pairs do.
        """
        scale = np.exp(self.log_scale)
        sign = np.where(self.noise[k] < 0.0, -1.0, 1.0)
        plus, minus = -self.density.hessian(self.loc + scale * np.stack([sign, -sign])) * np.outer(
            scale, scale
        )
        even = 0.5 * (plus + minus)
        return 0.5 * (even + even.T), 0.5 * (plus - minus) * sign

    def _coupling(self):
        """-E[d^3 log p / dw_i dw_j^2] in units of q, by the three-point Gauss-Hermite rule along each axis j.

        The pairs have the same expectation, but their error sums over all triples (i, j, l).
        """
        n, step = len(self.loc), np.sqrt(3.0)
        scale = np.exp(self.log_scale)
        axes = step * np.diag(scale)
        _, grad = self.density.value_and_grad(
            np.concatenate([self.loc + axes, self.loc - axes, self.loc[None]])
        )
        return -((grad[:n] + grad[n:-1] - 2.0 * grad[-1]) / step**2).T * scale[:, None]

    def _conjugate_gradients(self, row):
        n = len(self.loc)
        # the scales' block is twice the identity for a posterior without correlations
        root = np.concatenate([np.ones(n), np.full(n, np.sqrt(0.5))])
        operator = scipy.sparse.linalg.LinearOperator(
            (2 * n, 2 * n), matvec=lambda x: root * self._product(root * x), dtype=float
        )
        solution, failed = scipy.sparse.linalg.cg(operator, root * row, rtol=1e-6, maxiter=20 * n)
        if failed or solution @ (root * row) < 0.0:
            raise WorkError(
                "Linear response has no covariance here: the ELBO is not curved downwards at the optimum."
            )
        return root * solution

    def _product(self, x):
        """H x in units of q's standard deviations, all of it averaged over the draws."""
        scale = np.exp(self.log_scale)
        n = len(scale)
        direction = scale * (x[:n] + self.noise * x[n:])
        product = -self.density.hessian_product(self.loc + scale * self.noise, direction) * scale
        return np.concatenate([product.mean(0), np.mean(product * self.noise, axis=0) + x[n:]])

    @in_float64
    def _jacobian(self, function):
        scale = np.exp(self.log_scale)
        rows = np.asarray(jax.vmap(jax.jacobian(function))(self.loc + scale * self.noise))
        along_loc = rows.mean(0)
        along_log_scale = np.mean(rows * self.noise[:, None, :], axis=0) * scale
        return np.concatenate([along_loc, along_log_scale], axis=1)


def _blocks(pairs, coupling):
    """H's blocks, with the coupling from the pairs unless there is a better one.

    Of the scales' block only the diagonal is kept: the rest are fourth derivatives.
    """
    mean, noisy = (np.mean([pair[i] for pair in pairs], axis=0) for i in range(2))
    return mean, noisy if coupling is None else coupling, np.diag(np.diagonal(mean) + 1.0)


def _inverse(mean, coupling, scales):
    """(the inverse of H in the means, the largest inflation of an sd by the coupling); None if H has none."""
    diagonal = np.diagonal(scales)
    if diagonal.min() <= 0.0:
        return None
    try:
        alone = np.linalg.inv(np.linalg.cholesky(mean))
        root = np.linalg.inv(np.linalg.cholesky(mean - (coupling / diagonal) @ coupling.T))
    except np.linalg.LinAlgError:
        return None
    variances = np.sum(root**2, axis=0), np.sum(alone**2, axis=0)
    return root.T @ root, float(np.sqrt(np.max(variances[0] / variances[1])))


def _agree(result, pairs, coupling):
    """Whether the sds from two halves of the draws say that those from the whole are exact to the tolerance."""
    half = len(pairs) // 2
    parts = [_inverse(*_blocks(p, coupling)) for p in (pairs[:half], pairs[half:])]
    inverses = [found[0] for found in (result, *parts) if found is not None]
    if len(inverses) < 3:
        return False
    whole, first, second = (0.5 * np.log(np.diagonal(inverse)) for inverse in inverses)
    scatter = 0.5 * np.abs(first - second)
    bias = np.abs(0.5 * (first + second) - whole)
    return max(scatter.max(), bias.max()) < _RELATIVE_ERROR
