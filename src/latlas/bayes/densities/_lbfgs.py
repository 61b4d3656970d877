"""One L-BFGS for every search here: where a function is not finite, its line search steps back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import optimize

from latlas.bayes.densities._density import Density

HISTORY = 20  # steps from which the inverse Hessian is made
_REJECTED = 1e100  # stands for a value that is not finite
Loss = Callable[[Float[np.ndarray, " p"]], tuple[float, Float[np.ndarray, " p"]]]


@dataclass(frozen=True)
class Minimum:
    """Where a search ended.

    Attributes:
        x: the point.
        value: of the function there.
        gradient: there.
        settled: whether one of the criteria ended the search, not a limit or the arithmetic.
        num_evaluations: of the value and gradient.
    """

    x: Float[np.ndarray, " p"]
    value: float
    gradient: Float[np.ndarray, " p"]
    settled: bool
    num_evaluations: int

    @property
    def rejected(self) -> bool:
        """Whether the function is not finite where the search began, which then never left."""
        return self.value >= _REJECTED


def minimise(
    loss: Loss,
    start: Float[np.ndarray, " p"],
    *,
    max_iterations: int,
    change: float,
    gradient: float = 1e-5,
    history: int = HISTORY,
    bounds: Float[np.ndarray, "p 2"] | None = None,
    max_line_steps: int = 20,
    max_evaluations: int = 15_000,
    callback: Callable[[Float[np.ndarray, " p"]], None] | None = None,
) -> Minimum:
    """A local minimum by L-BFGS-B.

    Args:
        loss: value and gradient; a point where either is not finite counts as far worse than any other.
        start: where the search begins.
        max_iterations: line searches.
        change: a step that lowers the value by a smaller share of it ends the search.
        gradient: so does a gradient without a larger entry.
        history: steps from which the inverse Hessian is made.
        bounds: of each variable, below and above.
        max_line_steps: evaluations of one line search.
        max_evaluations: of all.
        callback: called with each iterate.
    """
    options = {
        "maxiter": max_iterations,
        "maxfun": max_evaluations,
        "maxls": max_line_steps,
        "maxcor": history,
        "ftol": change,
        "gtol": gradient,
    }
    found = optimize.minimize(
        rejecting(loss),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        callback=callback,
        options=options,
    )
    # a rejected start looks flat, which SciPy takes for a minimum
    settled = bool(found.success and found.fun < _REJECTED)
    return Minimum(found.x, float(found.fun), found.jac, settled, int(found.nfev))


def rejecting(loss: Loss) -> Loss:
    """The loss with a huge value and no slope where either of its own is not finite."""

    def guarded(x):
        with np.errstate(all="ignore"):
            value, slope = loss(x)
        if np.isfinite(value) and np.isfinite(slope).all():
            return value, slope
        return _REJECTED, np.zeros_like(x)

    return guarded


def negative_log_prob(density: Density) -> Loss:
    """-log p and its gradient at one point, in nats."""

    def loss(w):
        value, grad = density.value_and_grad(w[None])
        return -value[0], -grad[0]

    return loss
