"""Certificates: how far q can be from the posterior, from the ELBO and an upper estimate of log p(x)."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

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

    def to_dict(self) -> dict[str, Any]:
        """Figures over the examples as plain values, ready for JSON; `meaning` is the summary."""
        low, high = self.total_variation_within()
        return {
            "kl": _over_examples(self.kl) | {"standard_error": _finite(_rms(self.kl_standard_error))},
            "total_variation": _over_examples(self.total_variation),
            "total_variation_low": _over_examples(low),
            "total_variation_high": _over_examples(high),
            "vacuous": bool(np.mean(self.total_variation) > 1),
            "num_vacuous": int(np.sum(self.vacuous)),
            "num_examples": len(self.kl),
            "basis": self.basis,
            "reliable": self.reliable,
            "meaning": self.summary(),
        }


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


def _over_examples(values: Float[np.ndarray, " examples"]) -> dict[str, float | None]:
    """Mean (`value`), median and largest; `None` for what is not finite."""
    figures = {"value": np.mean(values), "median": np.median(values), "largest": np.max(values)}
    return {name: _finite(x) for name, x in figures.items()}


def _rms(errors: Float[np.ndarray, " examples"]) -> float:
    """Standard error of the mean over the examples, whose Monte Carlo errors are independent."""
    return float(np.sqrt(np.mean(np.square(errors)) / len(errors)))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
