"""How heavy tails are by draws, and whether these tell means and standard deviations."""

import numpy as np
from jaxtyping import Float
from numpyro.diagnostics import effective_sample_size

from latlas.bayes.verdict._verdict import Check
from latlas.core import PARETO_K_LIMIT

MAX_TAIL = PARETO_K_LIMIT  # from 1 on there is no mean, and from 0.7 on it takes more draws than anyone has
MAX_SD_TAIL = 0.5  # of the shape and two standard errors: from 0.5 on there is no sd, and below not much it takes many draws
MAX_SD_NOISE = 0.1  # two of these standard errors are more than an sd may be off
_TAIL = 0.1  # of the draws: the part that shapes are read off
_LOOKED_AT = 20  # parameters with the heaviest tails


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
    heaviest, doubtful = (of_whom(names, places, i) for i in (first, worst))
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
    whose = of_whom(names, [place], 0)
    sentence = f"The standard error of the sd of a parameter{whose} is {100.0 * noise:.2g} % by the draws' fourth moments"
    sentence += (
        "." if noise < MAX_SD_NOISE else ": a few draws make the sd, which may be larger; look at quantiles."
    )
    return Check("sd_noise", noise, MAX_SD_NOISE, noise < MAX_SD_NOISE, sentence)


def of_whom(names: tuple[str, ...], places: list[int], i: int) -> str:
    """`, name,` of the i-th of these places, to go into a sentence; nothing where there are no names."""
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
