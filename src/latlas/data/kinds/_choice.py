"""Which likelihood suits the data, and why, in a sentence a scientist can check."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from latlas.data.kinds._summary import Summary, summarise

# a count's largest value is rare: in a scale that ends there it is common
_TOP_SHARE, _TOP_COUNT = 1e-3, 5
# far past this a Poisson's relative spread is too small for anything that was measured
_LARGEST_COUNT = 10**6


@dataclass(frozen=True)
class Choice:
    """A likelihood and the reason for it.

    Attributes:
        name: as `Atlas(likelihood=...)` takes it.
        reason: one plain sentence.
    """

    name: str
    reason: str


def choose_likelihood(x: Shaped[np.ndarray, "examples ..."]) -> Choice:
    """The likelihood that `likelihood="auto"` stands for.

    Two values, 0 and 1: `bernoulli`. A scale of up to 256 equal steps that ends where the data end (grey levels, also
    those scaled to [0, 1]; ratings), and whole numbers up to 255 that are the pixels of pictures:
    `discretised_logistic`, whose log-likelihood is the probability of the levels themselves. Other whole numbers from 0
    to a million: `poisson`. Anything else: `gaussian`, with a learned scale per feature. The storage type says nothing,
    and pictures may come flat: they are told by pixels that resemble their neighbours in both directions.

    >>> choose_likelihood(np.array([[0, 1], [1, 1]])).name
    'bernoulli'
    """
    return _chosen(summarise(x))


def _chosen(summary: Summary) -> Choice:
    low, high = summary.minimum, summary.maximum
    if summary.integer and low >= 0 and high <= 1:
        return Choice("bernoulli", "The data hold nothing but 0 and 1, so each entry is a yes or a no.")
    if _is_scale(summary):
        assert summary.step is not None  # a scale has one
        kind = "whole numbers" if summary.step == 1 else f"levels {summary.step:.4g} apart"
        told = summary.integer and not _are_two_apart(summary)
        why = (
            " that pile up at the largest value or fill an image, as grey levels do and counts do not"
            if told
            else ""
        )
        return Choice(
            "discretised_logistic",
            f"The data are {kind} from {low:g} to {high:g}{why}, so each entry is one of {summary.num_levels} "
            "ordered levels.",
        )
    if summary.integer and 0 <= low and high <= _LARGEST_COUNT:
        return Choice(
            "poisson",
            f"The data are whole numbers from {low:g} to {high:g} without an upper end that they pile up at, so each "
            "entry is a count.",
        )
    kind = "whole numbers, some negative or very large," if summary.integer else "real numbers"
    return Choice(
        "gaussian",
        f"The data are {kind} from {low:.4g} to {high:.4g}, so each feature is a value with a noise of its own, "
        "learned from the data.",
    )


def _is_scale(summary: Summary) -> bool:
    """Whether the entries are levels of a scale with two ends."""
    if summary.num_levels is None or summary.num_levels < 2 or summary.minimum < 0:
        return False
    if not summary.integer:
        # measurements that were rounded lie on a grid as well; grey levels were scaled to [0, 1]
        return summary.maximum <= 1
    if summary.pictures or _are_two_apart(summary):
        return True
    common = summary.grid.top >= max(_TOP_COUNT, _TOP_SHARE * summary.size)
    return common and summary.grid.top >= 0.5 * summary.grid.below_top


def _are_two_apart(summary: Summary) -> bool:
    """Whether there are two values with others between them, as 0 and 255 of masks: they count nothing."""
    return summary.num_levels == 2 and summary.step is not None and summary.step > 1
