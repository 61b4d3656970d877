"""Certificates: how far q can be from the posterior, from the ELBO and an upper estimate of log p(x)."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from latlas.core import finite_or_none, number_or_nan, object_of
from latlas.evaluation.evidence._bracket import Bracket
from latlas.evaluation.evidence._elbo import ElboPerExample
from latlas.evaluation.evidence._importance import EvidencePerExample

Basis = Literal["exact", "bound", "estimate"]
_MEANING = {
    "exact": "log p(x) is exact, so these are the divergences themselves, up to the error of the ELBO",
    "bound": "the upper side bounds log p(x) in expectation, and the standard errors cover chance",
    "estimate": "the upper side is an estimate and no bound: read the width on simulated data beside it",
}


@dataclass(frozen=True)
class Certificate:
    r"""How far q(z | x) can be from p(z | x), per example.

    $\mathrm{KL}(q \,\|\, p(z | x)) = \log p(x) - \mathrm{ELBO} \le \mathrm{upper} - \mathrm{ELBO}$, and by Pinsker's
    inequality the total variation distance is at most $\sqrt{\mathrm{KL} / 2}$. Every distance of that kind is at most
    1, so that a bound above 1 says nothing: it is vacuous.

    Attributes:
        kl: bound on KL(q || posterior) in nats, at least 0.
        kl_standard_error: of it: that of the upper side and that of the ELBO.
        basis: what it rests on: an exact log p(x), a bound, or an estimate.
        reliable: whether the weights behind the upper side are tame enough for the errors to mean what they say.
    """

    kl: Float[np.ndarray, " examples"]
    kl_standard_error: Float[np.ndarray, " examples"]
    basis: Basis
    reliable: bool

    @property
    def total_variation(self) -> Float[np.ndarray, " examples"]:
        """Bound on the total variation distance between q and the posterior, vacuous above 1."""
        return np.sqrt(self.kl / 2)

    @property
    def vacuous(self) -> Bool[np.ndarray, " examples"]:
        """Where the bound on the total variation is above 1 and says nothing."""
        return self.total_variation > 1

    def total_variation_within(
        self, num_errors: float = 2.0
    ) -> tuple[Float[np.ndarray, " examples"], Float[np.ndarray, " examples"]]:
        """The bound on the total variation at so many standard errors of the KL below and above.

        Args:
            num_errors: standard errors to either side.
        """
        away = num_errors * self.kl_standard_error
        return np.sqrt(np.maximum(self.kl - away, 0.0) / 2), np.sqrt((self.kl + away) / 2)

    def summary(self) -> str:
        """What was found, in two sentences that say when they say nothing."""
        empty, total = int(np.sum(self.vacuous)), len(self.kl)
        bounded = self.total_variation[~self.vacuous]
        if empty == total:
            found = (
                f"Vacuous: KL(q || posterior) may be {np.median(self.kl):.2f} nats (median), and for all {total} "
                "examples the bound on the total variation is above 1 and says nothing."
            )
        else:
            rest = (
                f", over {total - empty} of {total} examples; for the other {empty} the bound is above 1: vacuous, it "
                "says nothing."
                if empty
                else f", over all {total} examples."
            )
            found = f"Total variation between q and the posterior of at most {np.median(bounded):.2f} (median){rest}"
        doubt = "" if self.reliable else " The weights of the upper side are unreliable, and so is all this."
        return f"{found} Here {_MEANING[self.basis]}.{doubt}"

    def figures(self) -> "CertificateSummary":
        """The same over the examples, in numbers."""
        low, high = self.total_variation_within()
        return CertificateSummary(
            OverExamples.of(self.kl, _rms(self.kl_standard_error)),
            OverExamples.of(self.total_variation),
            (OverExamples.of(low), OverExamples.of(high)),
            int(np.sum(self.vacuous)),
            len(self.kl),
            self.basis,
            self.reliable,
        )

    def to_dict(self) -> dict[str, Any]:
        """Figures over the examples as plain values, ready for JSON; `meaning` is the summary."""
        return self.figures().to_dict() | {"meaning": self.summary()}


@dataclass(frozen=True)
class OverExamples:
    """One number per example, in short.

    Attributes:
        mean: over the examples; infinite ones make it so.
        median: of them.
        largest: of them.
        standard_error: of the mean; nan where it was not estimated.
    """

    mean: float
    median: float
    largest: float
    standard_error: float = math.nan

    @classmethod
    def of(cls, values: Float[np.ndarray, " examples"], standard_error: float = math.nan) -> "OverExamples":
        """Of these numbers."""
        return cls(float(np.mean(values)), float(np.median(values)), float(np.max(values)), standard_error)

    def to_dict(self) -> dict[str, float | None]:
        """Plain values; `value` is the mean, what is not finite `None`, and an error that was not estimated left out."""
        figures = {"value": self.mean, "median": self.median, "largest": self.largest}
        figures |= {} if math.isnan(self.standard_error) else {"standard_error": self.standard_error}
        return {name: finite_or_none(x) for name, x in figures.items()}

    @classmethod
    def from_dict(cls, values: Any) -> "OverExamples":
        """The inverse of `to_dict`; of a file that has a mean alone, this stands for the median too.

        Raises:
            ValueError: if it has another form.
        """
        values = {} if values is None else object_of(values)
        mean, largest, error = (number_or_nan(values.get(n)) for n in ("value", "largest", "standard_error"))
        return cls(mean, number_or_nan(values["median"]) if "median" in values else mean, largest, error)


@dataclass(frozen=True)
class CertificateSummary:
    """How far q can be from the posterior, over the examples.

    Attributes:
        kl: bound on KL(q || posterior), nats.
        total_variation: bound on the total variation distance.
        within: the same bound at two standard errors of the KL below and above.
        num_vacuous: for how many examples it is above 1 and says nothing.
        num_examples: how many examples there are; 0 in a file that does not say it.
        basis: what it rests on.
        reliable: whether the errors mean what they say.
    """

    kl: OverExamples
    total_variation: OverExamples
    within: tuple[OverExamples, OverExamples]
    num_vacuous: int
    num_examples: int
    basis: Basis
    reliable: bool

    @property
    def vacuous(self) -> float:
        """Share of the examples of which it says nothing; of a file without their number, whether the mean is above 1."""
        return (
            self.num_vacuous / self.num_examples
            if self.num_examples
            else float(self.total_variation.mean > 1)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; `vacuous` says where the mean lies."""
        return {
            "kl": self.kl.to_dict(),
            "total_variation": self.total_variation.to_dict(),
            "total_variation_low": self.within[0].to_dict(),
            "total_variation_high": self.within[1].to_dict(),
            "vacuous": self.total_variation.mean > 1,
            "num_vacuous": self.num_vacuous,
            "num_examples": self.num_examples,
            "basis": self.basis,
            "reliable": self.reliable,
        }

    @classmethod
    def from_dict(cls, values: Any) -> "CertificateSummary":
        """The inverse of `to_dict`; a number that is `None` becomes nan.

        Raises:
            ValueError: if a part has another form.
        """
        values = object_of(values)
        basis = values.get("basis")
        return cls(
            OverExamples.from_dict(values.get("kl")),
            OverExamples.from_dict(values.get("total_variation")),
            (
                OverExamples.from_dict(values.get("total_variation_low")),
                OverExamples.from_dict(values.get("total_variation_high")),
            ),
            int(number_or_nan(values.get("num_vacuous") or 0)),
            int(number_or_nan(values.get("num_examples") or 0)),
            basis if basis in tuple(_MEANING) else "estimate",
            values.get("reliable") is not False,
        )


def certificate(elbo: ElboPerExample, upper: EvidencePerExample | Bracket) -> Certificate:
    """Bounds on the distance between q and the posterior, of every example.

    Args:
        elbo: of the q in question, on the same examples.
        upper: a bracket, whose exact log p(x) is used where it has one and else its upper side; or an upper estimate
            alone, which is taken for an estimate and no bound.

    Raises:
        ValueError: if the two are of different numbers of examples.
    """
    basis: Basis = "estimate"
    side = upper.upper if isinstance(upper, Bracket) else upper
    value, error, reliable = side.log_evidence, side.standard_error, side.summary().reliable
    if isinstance(upper, Bracket) and upper.exact is not None:
        basis, value, error, reliable = "exact", upper.exact, np.zeros_like(upper.exact), True
    elif isinstance(upper, Bracket) and upper.upper_is_bound:
        basis = "bound"
    if len(value) != len(elbo.elbo):
        raise ValueError(
            f"The ELBO is of {len(elbo.elbo)} examples and the upper side of {len(value)}; measure both on the same."
        )
    kl = np.maximum(np.asarray(value, np.float64) - elbo.elbo, 0.0)
    return Certificate(kl, np.hypot(error, elbo.standard_error), basis, reliable)


def _rms(errors: Float[np.ndarray, " examples"]) -> float:
    """Standard error of the mean over the examples, whose Monte Carlo errors are independent."""
    return float(np.sqrt(np.mean(np.square(errors)) / len(errors)))
