"""Stand-ins until the verdict lands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    kind: str
    reasons: tuple[str, ...]

    def __str__(self):
        return f"{self.kind}: {' '.join(self.reasons)}"


@dataclass(frozen=True)
class Rung:
    engine: str
    family: str
    verdict: str
    seconds: float
    num_evaluations: int
    elbo: float


@dataclass(frozen=True)
class Check:
    name: str
    value: float
    limit: float
    passed: bool
    sentence: str
