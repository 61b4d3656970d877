"""Deterministic ADVI: the ELBO over draws that stay fixed, minimised like any other function."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._lbfgs import minimise, rejecting
from latlas.bayes.engines._dadvi_mean_field import MeanFieldProblem
from latlas.bayes.engines._dadvi_transport import TransportProblem
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import RequestError, WorkError, host_rng
from latlas.distributions.families import AbstractFamily, AbstractTransport, DiagonalGaussian
from latlas.stats import fixed_draws

_NUM_DRAWS = 32
_NUM_PAIRS = 2  # of draws at which a Hessian is taken
_MAX_STEP = 3.0  # sds in any coordinate: beyond, the quadratic that the step rests on is not to be believed


def newton_step(
    rng: np.random.Generator,
    density: Density,
    loc: Float[np.ndarray, " n"],
    covariance: Float[np.ndarray, "n n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]] | None:
    """Mean and covariance after one step from a normal; None where the step cannot be taken.

    The best normal N(m, S) has E[grad log p] = 0 and S^-1 = -E[Hessian of log p]; so m moves by S E[grad log p], and S
    follows; the gradient's expectation is under the given normal, the Hessian's under it moved to the new mean.

    Args:
        rng: for the draws.
        density: of the posterior.
        loc: m.
        covariance: S.

    References:
        Opper, Archambeau 2009, Neural Computation 21(3), equations 7 and 8.
    """
    n = len(loc)
    try:
        factor = np.linalg.cholesky(covariance)
        _, score = density.value_and_grad(loc + fixed_draws(rng, _NUM_DRAWS, n) @ factor.T)
        step = covariance @ score.mean(0)
        if not np.max(np.abs(step) / np.sqrt(np.diagonal(covariance))) < _MAX_STEP:
            return None
        # of the noise the signs are enough for second moments, so that few Hessians are
        signs = np.where(rng.random((_NUM_PAIRS, n)) < 0.5, -1.0, 1.0)
        at = loc + step + np.concatenate([signs, -signs]) @ factor.T
        root = np.linalg.inv(np.linalg.cholesky(-density.hessian(at).mean(0)))
    except np.linalg.LinAlgError:
        return None
    return loc + step, root.T @ root


MAX_ITERATIONS = 500
_FEW_DRAWS = 8  # of the first approach
_ROUGH = 0.3  # sds: where that ends
_ROUNDS = 5
_UNUSABLE = 0.5  # sds: with an error beyond it no covariances are worked out
_ITERATIONS_A_ROUND = 100
_SHARE = 0.02  # of the tolerance that a Newton step may still promise to move when the optimiser stops


class DeterministicAdvi(AbstractEngine):
    r"""Maximises the ELBO averaged over a set of draws that never changes, by a quasi-Newton method.

    The draws are antithetic and moment matched. Their number begins small and grows until the errors that they leave in
    the means and (halved) in the log scales, by the sandwich estimate, are below the tolerance. With mean-field the
    result carries linear-response covariances (up to 500 dimensions), which repair the variances that mean-field takes
    too small, and means that one Newton step with them moved.

    It fails where reverse KL does: several modes, funnels, heavy tails. In a steep funnel there is no linear response,
    and the result says so.

    Attributes:
        max_draws: the number of draws does not grow beyond it.
        linear_response: whether a mean-field fit comes with the covariances.

    References:
        Giordano, Ingram, Broderick 2024, JMLR 25(18), arXiv:2304.05527.
    """

    name: ClassVar[str] = "dadvi"
    families: ClassVar[tuple[str, ...]] = ("mean-field", "full-rank", "low-rank", "block", "structured")
    max_draws: int = 1024
    linear_response: bool = True

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The member of the family with the highest ELBO on draws that are enough.

        Raises:
            RequestError: for a family that is no map of noise, such as a mixture.
            WorkError: if the density is not finite where the fit begins.
        """
        rng, n = host_rng(key), density.dim
        initial = family.init(key, n)
        if not isinstance(initial, AbstractTransport):
            raise RequestError(
                f"The engine {self.name!r} needs a family that maps noise to draws, and {family.name!r} does not; take "
                f"one of {', '.join(self.families)}."
            )
        independent = isinstance(initial, DiagonalGaussian)
        problem = MeanFieldProblem(density) if independent else TransportProblem(density, initial)
        draws = problem.min_draws
        x, evaluations = _approach(rng, problem) if independent else (problem.start, 0)
        while True:
            problem.use(fixed_draws(rng, draws, n))
            found, settled, num_turns = _settle(problem, x, _SHARE * tolerance)
            x, evaluations = found.x, evaluations + draws * num_turns
            mean_error, scale_error = problem.error(x)
            # the tolerance is of the means; variances are linear response's or may be off by twice as much
            error = max(mean_error, 0.5 * scale_error)
            if not error > tolerance or 2 * draws > self.max_draws:
                break
            # the error falls as one over the square root of the number; its estimate from few draws is rough
            wanted = draws * min((error / tolerance) ** 2, 8.0)
            draws = min(max(2 * draws, 1 << int(np.ceil(np.log2(wanted)))), self.max_draws)
        converged = settled and error <= tolerance
        message = _sentence(settled, draws, error)
        details = {
            "num_draws": draws,
            "num_gradients": evaluations,
            "mean_error": mean_error,
            "scale_error": scale_error,
            "fixed_draw_elbo": -found.value,
        }
        covariance = mean = None
        usable = self.linear_response and settled and error < _UNUSABLE
        if isinstance(problem, MeanFieldProblem) and usable:
            response = problem.response(x).covariance()
            covariance, message = response.covariance, f"{message}; {response.end.value}"
            details["num_hessians"] = response.num_draws
            loc = np.asarray(problem.approximation(x).loc)
            if covariance is not None and (moved := newton_step(rng, density, loc, covariance)) is not None:
                mean, covariance = moved
                message += " and a Newton step"
        elif independent and self.linear_response:
            message = f"{message}; no linear response around what is no optimum"
        approximation = problem.approximation(x)
        return EngineResult(
            approximation, converged, message, covariance=covariance, mean=mean, details=details
        )


def _approach(rng, problem):
    """Where few draws lead to if the origin is not within a standard deviation of a peak, and what that cost.

    A search for the mode would run into the funnel of a hierarchical model; averages over draws do not. The
    curvature on arrival is the one to precondition with.
    """
    n = problem.density.dim
    problem.use(fixed_draws(rng, _FEW_DRAWS, n))
    if problem.curvature is not None and np.max(np.abs(rejecting(problem.loss)(problem.start)[1][:n])) < 1.0:
        return problem.start, _FEW_DRAWS
    found, _ = _minimise(problem, problem.start, _ROUGH, MAX_ITERATIONS)
    return problem.recentre(found.x), _FEW_DRAWS * found.num_evaluations


def _settle(problem, x, tolerance):
    """The optimum, whether it is one, and evaluations; preconditioned afresh where the first coordinates do not fit."""
    evaluations = 0
    for _ in range(_ROUNDS):
        found, settled = _minimise(problem, x, tolerance, _ITERATIONS_A_ROUND)
        evaluations += found.num_evaluations
        if settled:
            break
        x = problem.recentre(found.x)
        found = replace(found, x=x)
    return found, settled, evaluations


def _minimise(problem, start, tolerance, max_iterations):
    """The minimum, and whether it is one."""
    found = minimise(
        problem.loss,
        start,
        max_iterations=max_iterations,
        change=1e-15,
        gradient=tolerance,
        bounds=problem.bounds,
        max_line_steps=40,
    )
    if found.rejected:
        raise WorkError(
            "The log density or its gradient is not finite at draws from the normal with which deterministic ADVI "
            "begins; check the scale of the coordinates, or take another engine."
        )
    # at the limit of rounding the line search gives up; what counts is how far a Newton step would go
    return found, bool(np.max(np.abs(found.gradient)) <= 10.0 * tolerance)


def _sentence(settled, draws, error):
    how = f"{draws} fixed draws, which leave an error of {error:.2g} sds"
    return how if settled else f"{how}; the optimiser stopped short of its optimum"
