"""The loss of a deterministic autoencoder."""

from typing import Any

from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import Example
from latlas.objectives._objective import AbstractObjective, Terms, mean_over_batch


class ReconstructionLoss(AbstractObjective):
    """-log p(x | z(x)) at the posterior's mean, mean over the batch, in nats per example.

    For a `Gaussian` head of fixed scale it is the squared error over 2 scale^2 plus a constant.
    """

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `log_likelihood`."""

        def log_likelihood(key, model, example):
            z = model.posterior(example).mean
            return model.likelihood(z, example.condition).log_prob(example.x, example.observed)

        value = mean_over_batch(key, log_likelihood, model, batch)
        return -value, {"log_likelihood": value}
