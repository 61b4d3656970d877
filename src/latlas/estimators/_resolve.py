"""The one table from names to objects: what `Atlas` and the command line accept."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from latlas.core import RequestError
from latlas.data import AbstractUnits, AsGiven, Levels, Standardised, Summary, moments
from latlas.distributions import (
    AbstractHead,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Gaussian,
    InDataUnits,
    Laplace,
    LearnedScale,
    Poisson,
    StudentT,
)
from latlas.networks import CentredLevels, OneHot, log_counts, values

Settings = dict[str, Any]
Rows = Shaped[np.ndarray, "examples ..."]
Names = Sequence[str] | None

NETWORKS = ("mlp", "conv")
PRECISIONS = ("float32", "bfloat16")
CURES = ("auto",)
_MAX_CATEGORIES = 1024


@dataclass(frozen=True)
class Entry:
    """All that a likelihood's name stands for.

    Attributes:
        meaning: what it is for, in a few words.
        units: data, their summary and names of columns or `None` -> how they become what the head scores.
        settings: what the head scores -> the head's settings, as JSON.
        head: settings and shape of an item -> the head.
        bias: what the head scores and the settings -> the decoder's output that gives the data's mean.
        inputs: settings -> what the encoder sees.
        point: the head's mean -> one number per entry.
        constants: model -> the floating-point part that is never trained.
    """

    meaning: str
    units: Callable[[Rows, Summary, Names], AbstractUnits]
    head: Callable[[Settings, tuple[int, ...]], AbstractHead]
    bias: Callable[[Rows, Settings], Float[np.ndarray, "..."]]
    settings: Callable[[Rows, AbstractUnits], Settings] = lambda x, units: {}
    inputs: Callable[[Settings], Callable] = lambda settings: values
    point: Callable[[np.ndarray], np.ndarray] = lambda mean: mean
    constants: Callable[[Any], Any] | None = None


def _levels(x: Rows, summary: Summary, names: Names) -> AbstractUnits:
    if summary.num_levels is None or summary.step is None or summary.num_levels < 2:
        raise RequestError(
            f"discretised_logistic takes 2 to 256 levels in equal steps, and the data (from {summary.minimum:g} to "
            f"{summary.maximum:g}) have none such: choose gaussian without the columns that are constant, or round "
            "the data to equal steps."
        )
    return Levels(summary.lowest, summary.step, summary.num_levels)


def _codes(x: Rows, summary: Summary, names: Names) -> AbstractUnits:
    num_categories = int(summary.maximum - summary.minimum) + 1
    if not summary.integer or not 2 <= num_categories <= _MAX_CATEGORIES:
        raise RequestError(
            f"categorical takes whole numbers of 2 to {_MAX_CATEGORIES} categories, and the data reach from "
            f"{summary.minimum:g} to {summary.maximum:g}: number the categories from 0, or choose another likelihood."
        )
    return Levels(summary.minimum, 1.0, num_categories)


def _num_levels(x: Rows, units: AbstractUnits) -> Settings:
    assert isinstance(units, Levels)  # as `_levels` and `_codes` make them
    return {"num_levels": units.num_levels}


def _standardised(head: type) -> Entry:
    names = {Gaussian: "normal", Laplace: "Laplace (absolute errors)", StudentT: "Student-t (outliers)"}
    return Entry(
        meaning=f"real numbers with {names[head]} noise, its scale learned per feature",
        units=lambda x, summary, names: Standardised.of(x, names),
        head=lambda settings, shape: InDataUnits(head(LearnedScale(shape)), np.zeros(shape, np.float32)),
        bias=lambda x, settings: np.zeros(x.shape[1:], np.float32),
        constants=_log_scale,
    )


def _log_scale(model: Any) -> Any:
    return model.head.log_scale


def _logit_of_mean(x: Rows, settings: Settings) -> np.ndarray:
    # half a yes and half a no are added, so that no logit is infinite
    mean = (x.sum(axis=0, dtype=np.float64) + 0.5) / (len(x) + 1.0)
    return np.log(mean) - np.log1p(-mean)


def _log_of_mean(x: Rows, settings: Settings) -> np.ndarray:
    return np.log((x.sum(axis=0, dtype=np.float64) + 0.5) / (len(x) + 0.5))


def _moments_on_unit_scale(x: Rows, settings: Settings) -> np.ndarray:
    """Location and raw scale of the logistic with the data's mean and standard deviation on [-1, 1]."""
    half = 1.0 / (settings["num_levels"] - 1)
    mean, sd = moments(x)
    loc = 2.0 * half * mean - 1.0
    scale = 2.0 * half * sd * math.sqrt(3.0) / math.pi
    return np.stack([loc, np.log(np.expm1(np.maximum(scale, 0.05)))], axis=-1)


def _log_frequencies(x: Rows, settings: Settings) -> np.ndarray:
    categories = range(settings["num_levels"])
    counts = np.stack([(x == k).sum(axis=0) for k in categories], axis=-1)
    return np.log((counts + 0.5) / (len(x) + 0.5 * len(categories)))


LIKELIHOODS: dict[str, Entry] = {
    "bernoulli": Entry(
        "yes or no, as 1 and 0",
        lambda x, summary, names: AsGiven(0, 1, True),
        lambda s, shape: Bernoulli(),
        _logit_of_mean,
    ),
    "continuous_bernoulli": Entry(
        "intensities anywhere between 0 and 1",
        lambda x, summary, names: AsGiven(0, 1, False),
        lambda s, shape: ContinuousBernoulli(),
        _logit_of_mean,
    ),
    "gaussian": _standardised(Gaussian),
    "laplace": _standardised(Laplace),
    "student_t": _standardised(StudentT),
    "poisson": Entry(
        "counts",
        lambda x, summary, names: AsGiven(0, None, True),
        lambda s, shape: Poisson(s["max_log_rate"]),
        _log_of_mean,
        # e^3 times the largest count is far past any rate that explains the data
        lambda x, units: {
            "max_log_rate": float(np.ceil(max(12.0, math.log(max(float(x.max()), 1.0)) + 3.0)))
        },
        lambda s: log_counts,
    ),
    "categorical": Entry(
        "unordered categories, as whole numbers",
        _codes,
        lambda s, shape: Categorical(s["num_levels"]),
        _log_frequencies,
        _num_levels,
        lambda s: OneHot(s["num_levels"]),
        lambda mean: mean.argmax(axis=-1),
    ),
    "discretised_logistic": Entry(
        "up to 256 ordered levels, such as grey values",
        _levels,
        lambda s, shape: DiscretisedLogistic(s["num_levels"]),
        _moments_on_unit_scale,
        _num_levels,
        lambda s: CentredLevels(s["num_levels"]),
    ),
}
