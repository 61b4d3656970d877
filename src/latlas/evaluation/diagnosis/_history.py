"""The history of a training as arrays, one entry per report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Curves:
    """What the reports of a run say; nan where a report says nothing.

    Attributes:
        step: of each report.
        train: name of a term -> its mean since the report before.
        valid: the same on the validation data, with the full objective.
        skipped_steps: steps since the report before that were not finite.
    """

    step: Float[np.ndarray, " reports"]
    train: Mapping[str, Float[np.ndarray, " reports"]]
    valid: Mapping[str, Float[np.ndarray, " reports"]]
    skipped_steps: Float[np.ndarray, " reports"]

    @classmethod
    def of(cls, history: Sequence[Mapping[str, Any]] | None) -> "Curves | None":
        """Those of a trainer's history; `None` where there is none."""
        if not history:
            return None
        return cls(
            _numbers([report.get("step") for report in history]),
            _terms([report.get("train") or {} for report in history]),
            _terms([report.get("valid") or {} for report in history]),
            np.nan_to_num(_numbers([report.get("skipped_steps") for report in history])),
        )

    def judged(self, term: str) -> Float[np.ndarray, " reports"] | None:
        """A term on the validation data, which are free of the warm-up; where there are none, on the training data."""
        for terms in (self.valid, self.train):
            values = terms.get(term)
            if values is not None and np.isfinite(values).all():
                return values
        return None


def _terms(reports: list[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    names = sorted({name for report in reports for name in report})
    return {name: _numbers([report.get(name) for report in reports]) for name in names}


def _numbers(values: list[Any]) -> np.ndarray:
    return np.asarray([np.nan if value is None else float(value) for value in values])
