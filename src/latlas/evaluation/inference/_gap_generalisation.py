"""What the bound loses from training data to new data, and whether the model or the inference loses it."""

from dataclasses import dataclass

from latlas.core import Estimate
from latlas.evaluation.inference._gap import Gap


@dataclass(frozen=True)
class Generalisation:
    """Training data minus test data, in nats per example: `bound = evidence + approximation + amortization`.

    Attributes:
        bound: what the ELBO loses.
        evidence: what log p(x) loses: the decoder has overfitted.
        inference: what the gap gains: `approximation + amortization`.
        approximation: what the approximation gap gains.
        amortization: what the amortisation gap gains: the encoder has overfitted, and refining makes it good.
    """

    bound: Estimate
    evidence: Estimate
    inference: Estimate
    approximation: Estimate
    amortization: Estimate

    def to_dict(self) -> dict:
        """The same as plain values, ready for JSON."""
        return {name: value.to_dict() for name, value in vars(self).items()}


def generalisation(train: Gap, test: Gap) -> Generalisation:
    """Splits the loss of the bound from training to test data into the model's part and the inference's.

    ELBO(train) - ELBO(test) = [log p(train) - log p(test)] + [gap(test) - gap(train)]. The errors are those of two
    independent means.

    Args:
        train: the gap on examples that were trained on.
        test: the gap on examples that were not, by the same refinement.

    References:
        Cremer, Li and Duvenaud 2018, arXiv:1801.03558, section 5.5; Zhang, Hayes and Barber 2022, arXiv:2205.11640.
    """
    a, b = train.summary(), test.summary()
    return Generalisation(
        bound=_difference(a.elbo, b.elbo),
        evidence=_difference(a.log_evidence, b.log_evidence),
        inference=_difference(b.total, a.total),
        approximation=_difference(b.approximation, a.approximation),
        amortization=_difference(b.amortization, a.amortization),
    )


def _difference(a: Estimate, b: Estimate) -> Estimate:
    return Estimate(a.value - b.value, (a.standard_error**2 + b.standard_error**2) ** 0.5)
