"""What a check is: a name of `FINDINGS`, a pure function of the measurements, and what it needs measured."""

from collections.abc import Callable
from dataclasses import dataclass

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements


@dataclass(frozen=True)
class Check:
    """One line of the table of checks.

    Attributes:
        name: of the finding.
        find: measurements -> finding, or `None` where there is nothing to find or it was not measured.
        needs: what is measured only for those that need it, of `WEIGHTS` (many draws per example), `OTHERS` (every
            example against the others), `RESIDUALS`, `TRAIN` and `REFINEMENT` in `_measurements`.
    """

    name: str
    find: Callable[[Measurements], Finding | None]
    needs: frozenset[str] = frozenset()
