"""An estimate and how far to trust it."""

from dataclasses import asdict, dataclass

# Vehtari, Simpson, Gelman, Yao, Gabry 2024 (arXiv:1507.02646), section 3.2.4: with k below 0.7 the estimate's error is
# finite in practice and its standard error honest.
PARETO_K_LIMIT = 0.7


@dataclass(frozen=True)
class Estimate:
    """A mean over examples with its standard error, both in the unit of the quantity (nats per example)."""

    value: float
    standard_error: float

    def to_dict(self) -> dict:
        """The fields as plain Python values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """An importance-weighted estimate of log p(x), and whether to believe it.

    Attributes:
        value: nats per example, mean over the examples.
        standard_error: of that mean: the spread over examples and the Monte Carlo error of each, in nats.
        num_samples: importance samples per example.
        effective_sample_size: median over examples of 1 / sum(w^2), w the normalised weights; between 1 and `num_samples`.
        pareto_k: 95 % quantile over examples of the tail shape of the weights (Vehtari et al. 2024).
        reliable: whether the weights are tame enough (`pareto_k` below 0.7) for `standard_error` to mean what it says.
    """

    value: float
    standard_error: float
    num_samples: int
    effective_sample_size: float
    pareto_k: float
    reliable: bool

    def to_dict(self) -> dict:
        """The fields as plain Python values, ready for JSON."""
        return asdict(self)
