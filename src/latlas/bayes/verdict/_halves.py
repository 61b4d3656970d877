"""Chains that are the answer themselves: their later half held against the earlier one."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from latlas.bayes.densities._density import Density
from latlas.bayes.targets._coordinates import judged_parameters
from latlas.bayes.verdict._moments import Moments
from latlas.sampling import R_HAT_LIMIT
from latlas.stats import rank_normalised_r_hat

MAX_DIVERGENT = (
    0.001  # share of NUTS's trajectories: a thin banana passed R-hat and halves with 0.0035, 0.3 sds off
)
_MIN_STEPS = 8  # of each chain, for two halves of which each has a spread


def halves(
    density: Density,
    draws: Float[np.ndarray, "chains steps n"],
    num_effective: float,
    num_divergences: int = 0,
) -> tuple[Moments, Moments] | None:
    """Moments of the earlier half, as a reference, and of the later one; None where chains disagree or were thrown off.

    Each half holds the same chains, which miss the same places: so the chains must agree with one another as well. That
    is a weaker test than an independent one.
    """
    steps = draws.shape[-2]
    if steps < _MIN_STEPS or rank_normalised_r_hat(draws) >= R_HAT_LIMIT:
        return None
    if num_divergences / np.prod(draws.shape[:-1]) > MAX_DIVERGENT:
        return None
    early, late = (
        judged_parameters(density.target, density.unconstrained(part.reshape(-1, density.dim)))
        for part in (draws[..., : steps // 2, :], draws[..., steps // 2 :, :])
    )
    early, late = (replace(Moments.of(part), num_effective=0.5 * num_effective) for part in (early, late))
    return early, late
