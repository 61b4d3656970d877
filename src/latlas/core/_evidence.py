"""An estimate and how far to trust it, and how numbers become JSON, which knows none that is not finite."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Vehtari, Simpson, Gelman, Yao, Gabry 2024 (arXiv:1507.02646), section 3.2.4: with k below 0.7 the estimate's error is
# finite in practice. The standard error of a single example is honest below 0.5 (docs/guides/evidence.md).
PARETO_K_LIMIT = 0.7


@dataclass(frozen=True)
class Estimate:
    """A mean over examples with its standard error, both in the unit of the quantity (nats per example)."""

    value: float
    standard_error: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; what is not finite is `None`."""
        return {"value": finite_or_none(self.value), "standard_error": finite_or_none(self.standard_error)}

    @classmethod
    def from_dict(cls, values: Any) -> "Estimate":
        """The inverse of `to_dict`; `None` becomes nan, also in place of the whole.

        Raises:
            ValueError: if there is something else than numbers.
        """
        values = {} if values is None else object_of(values)
        return cls(number_or_nan(values.get("value")), number_or_nan(values.get("standard_error")))


@dataclass(frozen=True)
class Evidence:
    """An importance-weighted estimate of log p(x), and whether to believe it.

    Attributes:
        value: nats per example, mean over the examples.
        standard_error: of that mean: the spread over examples and the Monte Carlo error of each, in nats.
        num_samples: importance samples per example.
        effective_sample_size: median over examples of 1 / sum(w^2), w the normalised weights; between 1 and `num_samples`.
        pareto_k: 95 % quantile over examples of the tail shape of the weights (Vehtari et al. 2024); of annealing that of
            all examples' weights together.
        reliable: whether the weights are tame enough (`pareto_k` below 0.7, and of annealing 95 % of the examples' errors
            below half a nat) for `standard_error` to mean what it says.
    """

    value: float
    standard_error: float
    num_samples: int
    effective_sample_size: float
    pareto_k: float
    reliable: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; what is not finite is `None`."""
        return {
            "value": finite_or_none(self.value),
            "standard_error": finite_or_none(self.standard_error),
            "num_samples": self.num_samples,
            "effective_sample_size": finite_or_none(self.effective_sample_size),
            "pareto_k": finite_or_none(self.pareto_k),
            "reliable": self.reliable,
        }

    @classmethod
    def from_dict(cls, values: Any) -> "Evidence":
        """The inverse of `to_dict`; `None` becomes nan.

        Raises:
            ValueError: if a number is something else, or it is not said whether it is reliable.
        """
        values = object_of(values)
        if not isinstance(values.get("reliable"), bool):
            raise ValueError(f"Evidence says whether it is reliable; got {values.get('reliable')!r}.")  # noqa: TRY004 - a file's content
        return cls(
            number_or_nan(values.get("value")),
            number_or_nan(values.get("standard_error")),
            int(number_or_nan(values.get("num_samples") or 0)),
            number_or_nan(values.get("effective_sample_size")),
            number_or_nan(values.get("pareto_k")),
            values["reliable"],
        )


def finite_or_none(value: float) -> float | None:
    """The number for JSON; `None` where it is not finite."""
    return float(value) if math.isfinite(value) else None


def number_or_nan(value: Any) -> float:
    """The number that JSON held; nan for `None`.

    Raises:
        ValueError: for what is no number.
    """
    if value is None:
        return math.nan
    if not isinstance(value, int | float):
        raise ValueError(f"A number was expected; got {value!r}.")  # noqa: TRY004 - a file's content, no argument
    return float(value)


def object_of(values: Any) -> Mapping[str, Any]:
    """The object that JSON held.

    Raises:
        ValueError: for what is no object.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"An object was expected; got {values!r}.")  # noqa: TRY004 - a file's content, no argument
    return values
