"""Mass and tails that a fit's own draws do not show: a wide component that no chain entered, a mean that does not exist."""

import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import Search
from latlas.bayes.targets._coordinates import judged_names, judged_parameters
from latlas.bayes.verdict._posterior import Posterior
from latlas.bayes.verdict._tails import of_whom, tail_checks
from latlas.bayes.verdict._verdict import MAX_SD_ERROR, Check
from latlas.bayes.verdict._wide_draws import SMALL_SHAPE, wide_draws
from latlas.core import host_rng
from latlas.sampling import Chains

MAX_FAR_MASS = 0.03
_DRAWS_OF_MODE = 256
_QUANTILE = 0.99  # of the radii of the draws: what lies beyond is far


def far_checks(
    key: PRNGKeyArray,
    density: Density,
    posterior: Posterior,
    chains: Chains | None,
    search: Search | None = None,
) -> tuple[Check, ...]:
    """Checks of the draws that a fit is held against: chains that agree, else its own.

    `tails`, `sd_tails`, `sd_noise`, `left_out_sd`, `far_mass`, `far_tails`.

    A fit that is merely narrower than the chains is a matter of `sd_error`; these ask what the chains themselves missed.

    `tails`: the shape k of the generalised Pareto law of each parameter's distance from its median, the largest; moments up
    to 1/k exist. `sd_tails`: the same and twice its standard error, against a lower limit. The mean of 4,000 draws from an
    inverse gamma law of shape 2.2 (k = 0.45) is right, and their sd is a third too small. `sd_noise`: the standard error of
    the sd by the draws' own fourth moments, for a tail that begins beyond the tenth that shapes are read off.

    `left_out_sd`: what the modes that were found and that no draw is near would add to the sd. One in a hundred thirty sds
    away moves a mean by a third of an sd and makes the sd three times as large.

    `far_mass`: normals once to 300 times as wide as those draws are drawn from and weighted, and the mass beyond the radius
    that holds 99 % of those draws is compared with the 1 % there. A unit normal with a tenth of its mass in another
    one ten times as wide looks like a normal to every chain that begins within. The check is left out where the weights
    cannot be averaged, and in non-centred coordinates.

    `far_tails`: the shape of each parameter's tail by the same draws, beyond what chains reach. Short chains on a Student t
    law of two degrees of freedom have tails of shape 0.25. Where it tells a parameter's tail, it stands in for `sd_tails`
    and its shape in `tails` for that of the draws.
    """
    rng, num_chains = host_rng(key), None
    draws = posterior.draws
    if chains is not None and chains.converged:
        draws, num_chains = density.unconstrained(chains.draws.reshape(-1, density.dim)), len(chains.draws)
    elif posterior.weights is not None:
        draws = draws[rng.choice(len(draws), len(draws), p=posterior.weights)]
    flat = judged_parameters(posterior.target, draws)
    names = judged_names(posterior.target)
    wide = None
    if density.bijection is None:
        wide = wide_draws(rng, Density(density.target, None, None, density.count), draws)
    shapes, errors = (np.full(flat.shape[1], np.nan),) * 2 if wide is None else wide.tail_shapes(flat)
    size = min(posterior.num_effective, len(draws))
    checks = list(tail_checks(flat, size, num_chains, names, far=shapes))
    if search is not None and len(search.modes) > 1:
        checks.append(_left_out_sd(rng, posterior.target, search, draws, flat, names))
    if np.isfinite(shapes).any():
        checks.append(_far_tails(shapes, errors, names))
    if wide is not None and wide.usable:
        checks.append(_far_mass(wide))
    return tuple(checks)


def _left_out_sd(rng, target, search, draws, values, names):
    """By how much sds would grow with the modes that were found and that few draws are near, by Laplace's estimates."""
    apart = np.stack([np.linalg.norm(mode.whitening.inverse_rows(draws), axis=1) for mode in search.modes])
    near = np.bincount(apart.argmin(axis=0), minlength=len(search.modes)) / len(draws)
    mean, variance, left_out = values.mean(0), values.var(0), 0.0
    first, second = np.zeros_like(mean), np.zeros_like(mean)
    for mode, share, seen in zip(search.modes, search.weights, near, strict=True):
        if seen < 0.5 * share:
            z = rng.standard_normal((_DRAWS_OF_MODE, len(mode.location)))
            off = judged_parameters(target, mode.location + z @ mode.scale_tril.T) - mean
            left_out += share
            first, second = first + share * off.mean(0), second + share * np.mean(off**2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.sqrt(((1.0 - left_out) * variance + second - first**2) / variance) - 1.0
    growth = np.where(np.isfinite(growth), growth, 0.0)
    worst = int(np.argmax(growth))
    excess = float(growth[worst])
    sentence = (
        f"Modes that were found and left out would make the sd of a parameter{of_whom(names, [worst], 0)} "
    )
    sentence += f"{100.0 * excess:.2g} % larger."
    return Check("left_out_sd", excess, MAX_SD_ERROR, excess < MAX_SD_ERROR, sentence)


def _far_tails(shapes, errors, names):
    worst = int(np.nanargmax(shapes))
    k, whose = float(shapes[worst]), of_whom(names, [worst], 0)
    sentence = f"Beyond the draws the tail of a parameter{whose} has shape {k:.2f} +- {errors[worst]:.2f}"
    sentence += (
        "." if k < SMALL_SHAPE else ": draws do not tell its sd, which may be larger; look at quantiles."
    )
    return Check("far_tails", k, SMALL_SHAPE, k < SMALL_SHAPE, sentence)


def _far_mass(wide):
    """The mass beyond the radius that holds 99 % of the draws, against the 1 % there."""
    mass, error = wide.mass(wide.radii > np.quantile(wide.own_radii, _QUANTILE))
    excess = mass - (1.0 - _QUANTILE)
    sentence = (
        f"About {100 * max(excess, 0.0):.2g} % of the posterior's mass lies farther out than the draws say."
    )
    return Check("far_mass", excess, MAX_FAR_MASS, excess - 3.0 * error < MAX_FAR_MASS, sentence)
