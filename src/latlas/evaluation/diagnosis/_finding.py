"""What a diagnosis says: findings with stable names, each a measurement, its meaning and its remedy."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from latlas.core import finite_or_none, number_or_nan, object_of

Severity = Literal["note", "warning", "serious"]
SEVERITIES = ("serious", "warning", "note")  # the worst first

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
    "few_distinct_values",
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

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; an infinite number is `None`."""
        return asdict(self) | {
            name: finite_or_none(getattr(self, name)) for name in ("measured", "threshold")
        }

    @classmethod
    def from_dict(cls, values: Any) -> "Finding":
        """The inverse of `to_dict`; a number that is `None` is infinite. A later version may know more names.

        Raises:
            ValueError: if it is no object, or a number is something else.
        """
        values = object_of(values)
        measured, threshold = (
            math.inf if values.get(name) is None else number_or_nan(values[name])
            for name in ("measured", "threshold")
        )
        severity = values.get("severity")
        return cls(
            str(values.get("name") or "unnamed"),
            severity if severity in SEVERITIES else "note",
            measured,
            threshold,
            str(values.get("meaning") or ""),
            str(values.get("remedy") or ""),
        )


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

    @classmethod
    def from_dict(cls, values: Any) -> "Diagnosis":
        """The inverse of `to_dict`, the most severe first.

        Raises:
            ValueError: if it has another form.
        """
        found = object_of(values).get("findings")
        if not isinstance(found, list | tuple):
            raise ValueError(f"A diagnosis has a list of findings; got {found!r}.")  # noqa: TRY004 - a file's content
        return cls.of(Finding.from_dict(finding) for finding in found)

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Diagnosis":
        """Of these findings, brought into the order of their severity."""
        return cls(tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))))
