"""What the page of a Bayesian fit shows, as plain values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latlas.report.data._data import RunDetails

MAX_R_HAT = 1.05  # beyond, chains disagree
MOST_SHOWN = 6  # parameters in the figures: of more, a pair plot cannot be read


@dataclass(frozen=True, kw_only=True, eq=False)
class BayesReportData:
    """Everything the page of a Bayesian fit shows.

    Attributes:
        title: what was fitted.
        evaluation: what `latlas.bayes.fitting.record_of` gives.
        draws: entry of a parameter -> `(draws,)`, for the figures.
        reference: the same by NUTS; empty where it was not run.
        r_hats: entry of a parameter -> split R-hat of its NUTS chains; empty where it was not run.
        shown: the entries in the figures.
        predictive: what `latlas.report.predictive_checks` gives; empty where it was not measured.
        run: what was asked for and with what, and the directory for the commands that the page suggests.
    """

    title: str
    evaluation: Mapping[str, Any]
    draws: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray] = field(default_factory=dict)
    r_hats: Mapping[str, float] = field(default_factory=dict)
    shown: Sequence[str] = ()
    predictive: Mapping[str, Any] = field(default_factory=dict)
    run: RunDetails = field(default_factory=RunDetails)

    def __post_init__(self) -> None:
        for name in ("draws", "reference"):
            columns = {entry: np.asarray(x, dtype=float) for entry, x in getattr(self, name).items()}
            object.__setattr__(self, name, columns)

    @property
    def reference_r_hat(self) -> float:
        """The largest R-hat of all entries; NaN where NUTS was not run."""
        return max(self.r_hats.values(), default=math.nan)

    @property
    def kind(self) -> str:
        """The verdict: "trust", "means only" or "do not trust"."""
        return str(self.evaluation.get("verdict", "")).partition(":")[0]


def disagreement(draws: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """How far a mean is from NUTS's in NUTS's standard deviations, and the ratio of the standard deviations."""
    scale = float(np.std(reference)) or np.nan
    return float(np.mean(draws) - np.mean(reference)) / scale, float(np.std(draws)) / scale


def site(name: str) -> str:
    """The parameter that an entry belongs to."""
    return name.partition("[")[0]
