"""Whether to believe a fit: what was checked, and what follows from it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["trust", "means only", "do not trust"]

# Posterior standard deviations, and excesses of ratios of standard deviations. Within the first three a fit says "trust";
# beyond the third "means only"; beyond the fourth not even those.
MAX_RMS_MEAN_ERROR = 0.1
MAX_MEAN_ERROR = 0.2
MAX_SD_ERROR = 0.15
MAX_SPREAD_ERROR = 1.5  # of sds that means are still measured in


@dataclass(frozen=True)
class Check:
    """One thing that was measured about a fit.

    Attributes:
        name: what; one word of the table in docs/guides/bayes_ladder.md.
        value: the number.
        limit: what it was held against.
        passed: whether it is on the right side.
        sentence: what was measured and what it means.
    """

    name: str
    value: float
    limit: float
    passed: bool
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; a number that is not finite is `None`."""
        values = asdict(self)
        return values | {
            n: v if abs(v := float(values[n])) < float("inf") else None for n in ("value", "limit")
        }


@dataclass(frozen=True)
class Verdict:
    """Whether to believe a fit, and why.

    Attributes:
        kind: "trust": means and standard deviations; "means only"; or "do not trust".
        reasons: sentences, the weightiest first.
    """

    kind: Kind
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {' '.join(self.reasons)}"


def judge(checks: Sequence[Check], note: str = "") -> Verdict:
    """The verdict that follows from the checks, and from nothing else.

    - A failed `modes`, `far_mass`, `evidence_agreement` or `reference`: "do not trust". Mass was seen elsewhere, or
      nothing independent of the fit confirms it.
    - A failed `tails`: "do not trust". There may be no mean.
    - A failed `mean_error` or `max_mean_error`: "do not trust".
    - A failed `spread`: "do not trust". Errors of means are told in sds, which then say nothing.
    - A failed `sd_error`: "means only".
    - Else "trust". All other checks inform; Pareto k among them, since it fails on fits that are right, and passes on
      fits whose draws all lie in the wrong place.

    Args:
        checks: of one fit.
        note: what to say first where the verdict is a good one.
    """
    failed = {check.name: check.sentence for check in checks if not check.passed}
    fatal = [
        failed[n]
        for n in (
            "modes",
            "far_mass",
            "evidence_agreement",
            "reference",
            "tails",
            "mean_error",
            "max_mean_error",
            "spread",
        )
        if n in failed
    ]
    if fatal:
        return Verdict("do not trust", (*fatal, "Ask for engine='nuts', or look at the parametrisation."))
    notes = (note,) if note else ()
    confirmed = notes + tuple(c.sentence for c in checks if c.passed and c.name in ("mean_error", "sd_error"))
    if "sd_error" in failed:
        return Verdict("means only", (failed["sd_error"], *confirmed))
    return Verdict("trust", confirmed)
