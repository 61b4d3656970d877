"""The exact log p(x), where a model has one."""

from collections.abc import Callable

from jaxtyping import Scalar

from latlas.core import Example
from latlas.models import AbstractExactModel, AbstractLatentModel, WithRecognition


def exact_model(model: AbstractLatentModel) -> AbstractExactModel | None:
    """The model with exact evidence and posterior of the same p(x, z), whatever recognition stands before it."""
    while isinstance(model, WithRecognition):
        model = model.model
    return model if isinstance(model, AbstractExactModel) else None


def exact_log_evidence(model: AbstractLatentModel) -> Callable[[Example], Scalar] | None:
    """The function example -> log p(x), exact and in nats, or `None` where a model has none.

    A model has one if it is an `AbstractExactModel` (probabilistic PCA, latent classes), also behind another
    recognition: log p(x) does not depend on q.

    Args:
        model: any latent-variable model.
    """
    exact = exact_model(model)
    return None if exact is None else exact.log_evidence
