"""Stand-ins until the verdict lands."""

from dataclasses import dataclass

from latlas.core import Estimate


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
    note: str
    elbo: Estimate | None
    seconds: float
    num_evaluations: int

    def __str__(self):
        elbo = "" if self.elbo is None else f", ELBO {self.elbo.value:.2f}"
        return f"{self.engine} ({self.family}){elbo}: {self.note} [{self.seconds:.1f} s, {self.num_evaluations} gradients]"


@dataclass(frozen=True)
class Check:
    name: str
    value: float
    limit: float
    passed: bool
    sentence: str
