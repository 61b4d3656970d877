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
MAX_QUANTILE_ERROR = (
    0.15  # of the 5, 50 and 95 % quantiles, in sds of a draw's being below: .03, .08 and .03 in probability
)

# What a fit is believed in, one by one, and the checks that each of them asks for beside those of the place.
_PLACE = ("modes", "far_mass", "evidence_agreement", "reference")
_OF_SDS = ("sd_error", "sd_tails", "far_tails", "sd_noise", "left_out_sd")
_NEEDS = {
    "means": ("tails", "mean_error", "max_mean_error", "spread"),
    "standard deviations": ("tails", "mean_error", "max_mean_error", "spread", *_OF_SDS),
    "quantiles": ("quantile_error",),
    "log evidence": ("evidence",),
}
_MEASURED = {
    "means": "mean_error",
    "standard deviations": "sd_error",
    "quantiles": "quantile_error",
    "log evidence": "evidence",
}
_FATAL = (*_PLACE, *_NEEDS["means"])
ADVICE = "Ask for engine='nuts', or look at the parametrisation."


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
        kind: "trust": means, standard deviations and quantiles; "means only"; or "do not trust".
        reasons: sentences, the weightiest first.
        covers: what was confirmed, one by one: of "means", "standard deviations", "quantiles" and "log evidence".
    """

    kind: Kind
    reasons: tuple[str, ...]
    covers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {' '.join(self.reasons)}"


def covered(checks: Sequence[Check]) -> tuple[str, ...]:
    """What of a fit was measured and found right: of "means", "standard deviations", "quantiles" and "log evidence"."""
    names, failed = {check.name for check in checks}, {check.name for check in checks if not check.passed}
    return tuple(
        what
        for what, needs in _NEEDS.items()
        if _MEASURED[what] in names and not failed.intersection((*_PLACE, *needs))
    )


def judge(checks: Sequence[Check], note: str = "", advice: str = ADVICE) -> Verdict:
    """The verdict that follows from the checks, and from nothing else.

    - A failed `modes`, `far_mass`, `evidence_agreement` or `reference`: "do not trust". Mass was seen elsewhere, or
      nothing independent of the fit confirms it.
    - A failed `tails`: "do not trust". There may be no mean; quantiles may be right, and then `covers` says so.
    - A failed `mean_error` or `max_mean_error`: "do not trust".
    - A failed `spread`: "do not trust". Errors of means are told in sds, which then say nothing.
    - A failed `sd_error`, `sd_tails`, `far_tails`, `sd_noise`, `left_out_sd` or `quantile_error`: "means only".
    - Else "trust". All other checks inform; Pareto k among them, since it fails on fits that are right, and passes on
      fits whose draws all lie in the wrong place. `evidence` decides whether log p(data) is among what is covered.

    Args:
        checks: of one fit.
        note: what to say first where the verdict is a good one.
        advice: what to do where it is a bad one.
    """
    failed = {check.name: check.sentence for check in checks if not check.passed}
    covers = covered(checks)
    fatal = tuple(failed[name] for name in _FATAL if name in failed)
    if fatal:
        stopped = (failed["engine"],) if "engine" in failed else ()
        rest = ("Its quantiles were confirmed all the same.",) if "quantiles" in covers else ()
        return Verdict("do not trust", (*fatal, *rest, *stopped, advice), covers)
    told = tuple(c.sentence for c in checks if c.passed and c.name in ("mean_error", "sd_error"))
    told = ((note,) if note else ()) + told
    told += (f"It covers {_listed(covers)}.",) if covers else ()
    told += (failed["evidence"],) if "evidence" in failed else ()
    lesser = tuple(failed[name] for name in (*_OF_SDS, "quantile_error") if name in failed)
    if lesser:
        return Verdict("means only", (*lesser, *told), covers)
    return Verdict("trust", told, covers)


def _listed(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
