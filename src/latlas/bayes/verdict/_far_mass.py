"""Mass and tails that a fit's own draws do not show: a wide component that no chain entered, a mean that does not exist."""

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from numpyro.diagnostics import effective_sample_size

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import Search
from latlas.bayes.targets._coordinates import judged_names, judged_parameters
from latlas.bayes.verdict._posterior import Posterior
from latlas.bayes.verdict._verdict import MAX_SD_ERROR, Check
from latlas.bayes.verdict._wide_draws import SMALL_SHAPE, wide_draws
from latlas.core import PARETO_K_LIMIT, host_rng
from latlas.sampling import Chains

MAX_TAIL = PARETO_K_LIMIT  # from 1 on there is no mean, and from 0.7 on it takes more draws than anyone has
MAX_SD_TAIL = 0.5  # of the shape and two standard errors: from 0.5 on there is no sd, and below not much it takes many draws
MAX_SD_NOISE = 0.1  # two of these standard errors are more than an sd may be off
MAX_FAR_MASS = 0.03
_TAIL = 0.1  # of the draws: the part that shapes are read off
_LOOKED_AT = 20  # parameters with the heaviest tails
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


def tail_checks(
    values: Float[np.ndarray, "draws m"],
    num_effective: float,
    num_chains: int | None = None,
    names: tuple[str, ...] = (),
    far: Float[np.ndarray, " m"] | None = None,
) -> tuple[Check, Check, Check]:
    """Whether these draws tell means, and whether they tell standard deviations: see `heavy_tails` and `sd_noise`.

    Args:
        values: of each parameter.
        num_effective: see `heavy_tails`.
        num_chains: see `heavy_tails`.
        names: of the parameters.
        far: shapes of tails that the density itself told, nan where it did not. They stand in for the draws' own, and
            `sd_tails` leaves such parameters out.
    """
    shapes, errors, places = heavy_tails(values, num_effective, num_chains)
    uppers, of_mean = shapes + 2.0 * errors, shapes
    if far is not None and places:
        told = np.isfinite(far)
        uppers = np.where(told[places], 0.0, uppers)
        of_mean = np.concatenate([np.where(told[places], 0.0, shapes), far[told]])
        places = [*places, *np.flatnonzero(told).tolist()]
    first, worst = int(np.argmax(of_mean)), int(np.argmax(uppers))
    k, upper = float(of_mean[first]), float(uppers[worst])
    heaviest, doubtful = (_whose(names, places, i) for i in (first, worst))
    mean = f"The heaviest tail of a parameter{heaviest} has shape {k:.2f}"
    mean += "." if k < MAX_TAIL else ": draws do not tell its mean, if it has one; look at quantiles."
    sd = f"The tail of a parameter{doubtful} has shape {shapes[worst]:.2f} +- {errors[worst]:.2f}"
    sd += (
        "." if upper < MAX_SD_TAIL else ": draws do not tell its sd, which may be larger; look at quantiles."
    )
    return (
        Check("tails", k, MAX_TAIL, k < MAX_TAIL, mean),
        Check("sd_tails", upper, MAX_SD_TAIL, upper < MAX_SD_TAIL, sd),
        _noise_check(values, num_effective, num_chains, names),
    )


def _noise_check(values, num_effective, num_chains, names):
    noise, place = sd_noise(values, num_effective, num_chains)
    whose = _whose(names, [place], 0)
    sentence = f"The standard error of the sd of a parameter{whose} is {100.0 * noise:.2g} % by the draws' fourth moments"
    sentence += (
        "." if noise < MAX_SD_NOISE else ": a few draws make the sd, which may be larger; look at quantiles."
    )
    return Check("sd_noise", noise, MAX_SD_NOISE, noise < MAX_SD_NOISE, sentence)


def _whose(names: tuple[str, ...], places: list[int], i: int) -> str:
    return f", {names[places[i]]}," if names and places else ""


def sd_in_doubt(values: Float[np.ndarray, "draws m"], num_chains: int) -> bool:
    """Whether more draws of chains are to tell standard deviations: at three errors, since chains reach far tails late."""
    shapes, errors, _ = heavy_tails(values, 1.0, num_chains)
    doubtful = np.max(shapes + 3.0 * errors) > MAX_SD_TAIL
    return bool(doubtful or sd_noise(values, 1.0, num_chains)[0] > MAX_SD_NOISE)


def heavy_tails(
    values: Float[np.ndarray, "draws m"], num_effective: float, num_chains: int | None = None
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"], list[int]]:
    """The shapes of the heaviest tails, the first of them first, their standard errors, and whose they are.

    Args:
        values: of each parameter.
        num_effective: independent draws that they are worth, where they are of no chains.
        num_chains: of chains that these are the draws of, one after the other. How often a chain has been in the tail and
            back is counted for itself: it goes there less often than it crosses the middle.
    """
    median = np.median(values, axis=0)
    distances = np.abs(values - median)
    varying = np.flatnonzero(distances.max(axis=0) > 1e-9 * np.abs(median))  # a constant has no tail
    distances = distances[:, varying]
    if not distances.size:
        return np.zeros(1), np.zeros(1), []
    shapes = tail_shapes(distances)
    heaviest = np.argsort(-shapes)[:_LOOKED_AT]
    sizes = _tail_sizes(distances[:, heaviest], num_effective, num_chains)
    # asymptotically (Dekkers, Einmahl, de Haan 1989, corollary 3.2), with the tenth that is looked at
    errors = np.sqrt((1.0 + np.maximum(shapes[heaviest], 0.0) ** 2) / np.maximum(_TAIL * sizes, 1.0))
    return shapes[heaviest], errors, varying[heaviest].tolist()


def sd_noise(
    values: Float[np.ndarray, "draws m"], num_effective: float, num_chains: int | None = None
) -> tuple[float, int]:
    """The largest relative standard error of an sd of these columns, sqrt((kurtosis - 1) / n) / 2, and whose it is.

    Args:
        values: of each parameter.
        num_effective: independent draws that they are worth, where they are of no chains.
        num_chains: of chains that these are the draws of: see `heavy_tails`.
    """
    centred = values - values.mean(axis=0)
    variance = np.mean(centred**2, axis=0)
    varying = np.flatnonzero(variance > (1e-9 * np.median(values, axis=0)) ** 2)  # a constant has no sd
    if not len(varying):
        return 0.0, 0
    kurtosis = np.mean(centred[:, varying] ** 4, axis=0) / variance[varying] ** 2
    looked_at = np.argsort(-kurtosis)[:_LOOKED_AT]
    sizes = _tail_sizes(np.abs(centred[:, varying[looked_at]]), num_effective, num_chains)
    noise = 0.5 * np.sqrt((kurtosis[looked_at] - 1.0) / sizes)
    worst = int(np.argmax(noise))
    return float(noise[worst]), int(varying[looked_at[worst]])


def _tail_sizes(distances, num_effective, num_chains):
    """Independent visits of the outer tenth that each column is worth."""
    sizes = np.full(distances.shape[1], num_effective)
    if num_chains is not None:
        beyond = distances > np.quantile(distances, 1.0 - _TAIL, axis=0)
        visits = beyond.astype(float).reshape(num_chains, -1, distances.shape[1])
        with np.errstate(invalid="ignore"):  # a tail that no chain leaves has no size
            sizes = np.clip(np.nan_to_num(effective_sample_size(visits)), 1.0, len(distances))
    return sizes


def tail_shapes(distances: Float[np.ndarray, "draws m"]) -> Float[np.ndarray, " m"]:
    """Extreme value index k of each column's largest tenth: moments below 1/k exist; 0 for exponential tails.

    References:
        Dekkers, Einmahl, de Haan 1989, Annals of Statistics 17(4), equation 1.7.
    """
    count = max(int(_TAIL * len(distances)), 2)
    largest = np.sort(distances, axis=0)[-count - 1 :]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(largest[1:] / largest[0])
        first, second = logs.mean(0), (logs**2).mean(0)
        shapes = first + 1.0 - 0.5 / (1.0 - first**2 / second)
    return np.where(np.isfinite(shapes), shapes, 0.0)


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
        f"Modes that were found and left out would make the sd of a parameter{_whose(names, [worst], 0)} "
    )
    sentence += f"{100.0 * excess:.2g} % larger."
    return Check("left_out_sd", excess, MAX_SD_ERROR, excess < MAX_SD_ERROR, sentence)


def _far_tails(shapes, errors, names):
    worst = int(np.nanargmax(shapes))
    k, whose = float(shapes[worst]), _whose(names, [worst], 0)
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
