"""What a diagnosis says: findings with stable names, each a measurement, its meaning and its remedy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["note", "warning", "serious"]

# The names are an interface: scripts read them. Each is explained in docs/guides/diagnosis.md.
FINDINGS = (
    "posterior_collapse",
    "collapsed_dimensions",
    "collapsed_layer",
    "decoder_ignores_latent",
    "vanishing_posterior_variance",
    "support_mismatch",
    "aggregate_posterior_mismatch",
    "overfitting",
    "kl_underfitting",
    "wrong_likelihood_scale",
    "unreliable_evidence",
    "amortization_gap",
    "too_few_epochs",
    "unstable_gradients",
)


@dataclass(frozen=True)
class Finding:
    """One thing that a diagnosis found.

    Attributes:
        name: one of `FINDINGS`.
        severity: "note" (worth knowing, nothing to do), "warning" (figures or samples suffer) or "serious" (the
            model is not what it was meant to be).
        measured: the number that gave it away; infinite where that is what is wrong.
        threshold: the number it was held against.
        meaning: what was measured and what it means, in a sentence.
        remedy: what to do, in a sentence.
    """

    name: str
    severity: Severity
    measured: float
    threshold: float
    meaning: str
    remedy: str

    def __post_init__(self) -> None:
        """Refuses a name that no document explains."""
        if self.name not in FINDINGS:
            raise ValueError(f"A finding has one of the names {', '.join(FINDINGS)}; got {self.name!r}.")

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; an infinite number is `None`."""
        values = asdict(self)
        numbers = {name: float(values[name]) for name in ("measured", "threshold")}
        return values | {name: x if abs(x) < float("inf") else None for name, x in numbers.items()}


@dataclass(frozen=True)
class Diagnosis:
    """All findings on one model and its data.

    Attributes:
        findings: the most severe first.
    """

    findings: Sequence[Finding]

    @property
    def healthy(self) -> bool:
        """Whether nothing is worse than a note."""
        return all(finding.severity == "note" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """`findings` and `healthy` as plain values, ready for JSON."""
        return {"findings": [finding.to_dict() for finding in self.findings], "healthy": self.healthy}
