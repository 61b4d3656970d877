r"""The gap between the ELBO and log p(x), split by cause.

log p(x) - ELBO(q) = [log p(x) - ELBO(q*)] + [ELBO(q*) - ELBO(q)]: what the best member q* of the family misses
(approximation), and what the encoder's q misses of q* (amortisation).
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import random as jr
from jaxtyping import Float, PRNGKeyArray, Scalar

from latlas.core import (
    PARETO_K_LIMIT,
    Estimate,
    Example,
    Progress,
    in_precision_of_model,
    num_examples,
    number_or_nan,
    object_of,
)
from latlas.evaluation.evidence._elbo import mean_estimate
from latlas.evaluation.evidence._exact import exact_log_evidence
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.evaluation.inference._refine import Refined, Refinement, refine
from latlas.models import AbstractLatentModel
from latlas.stats import WeightStatistics, weight_statistics


@dataclass(frozen=True)
class GapSummary:
    """Means over the examples, in nats per example, each with its standard error.

    Attributes:
        total: log p(x) - ELBO(q): the mean of KL(q || posterior).
        approximation: log p(x) - ELBO(q*): a richer family shrinks it.
        amortization: ELBO(q*) - ELBO(q): a better encoder, or refining, shrinks it.
        between: the figures that these are differences of.
        num_examples: how many examples were measured.
        converged: share of them whose refinement ended by itself.
        reliable: whether log p(x) is exact, or estimated from weights that are tame enough; where it is not, it and
            the approximation gap are too small.
    """

    total: Estimate
    approximation: Estimate
    amortization: Estimate
    between: "GapBounds"
    num_examples: int
    converged: float
    reliable: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, in one object; what is not finite is `None`."""
        estimates = {name: getattr(self, name) for name in _DIFFERENCES} | vars(self.between)
        return {name: estimate.to_dict() for name, estimate in estimates.items()} | {
            "num_examples": self.num_examples,
            "converged": self.converged,
            "reliable": self.reliable,
        }

    @classmethod
    def from_dict(cls, values: Any) -> "GapSummary":
        """The inverse of `to_dict`; a number that is `None` becomes nan.

        Raises:
            ValueError: if a part has another form.
        """
        values = object_of(values)
        total, approximation, amortization = (Estimate.from_dict(values.get(name)) for name in _DIFFERENCES)
        bounds = {field.name: Estimate.from_dict(values.get(field.name)) for field in fields(GapBounds)}
        return cls(
            total,
            approximation,
            amortization,
            GapBounds(**bounds),
            int(number_or_nan(values.get("num_examples") or 0)),
            number_or_nan(values.get("converged")),
            values.get("reliable") is not False,
        )


@dataclass(frozen=True)
class GapBounds:
    """The figures that a gap lies between, means over the examples in nats.

    Attributes:
        log_evidence: log p(x).
        elbo: of the model's own posteriors.
        refined_elbo: of the refined ones.
    """

    log_evidence: Estimate
    elbo: Estimate
    refined_elbo: Estimate


_DIFFERENCES = ("total", "approximation", "amortization")


@dataclass(frozen=True)
class Gap:
    """The gap of every example and its parts, in nats: `total = approximation + amortization`.

    Attributes:
        elbo: of the model's own posterior of each example.
        refined_elbo: of its refined posterior.
        log_evidence: log p(x) of each example.
        pareto_k: tail shape of the weights behind each estimate of log p(x); `None` where it was given or exact.
        refined: the refined posteriors, to be used further.
    """

    elbo: Float[np.ndarray, " examples"]
    refined_elbo: Float[np.ndarray, " examples"]
    log_evidence: Float[np.ndarray, " examples"]
    pareto_k: Float[np.ndarray, " examples"] | None
    refined: Refined

    @property
    def total(self) -> Float[np.ndarray, " examples"]:
        """log p(x) - ELBO(q) = KL(q || posterior)."""
        return self.log_evidence - self.elbo

    @property
    def approximation(self) -> Float[np.ndarray, " examples"]:
        """log p(x) - ELBO(q*) = KL(q* || posterior)."""
        return self.log_evidence - self.refined_elbo

    @property
    def amortization(self) -> Float[np.ndarray, " examples"]:
        """ELBO(q*) - ELBO(q)."""
        return self.refined_elbo - self.elbo

    def summary(self) -> GapSummary:
        """The means over the examples with their standard errors: the spread over examples, Monte Carlo noise within."""
        worst = -np.inf if self.pareto_k is None else np.quantile(self.pareto_k, 0.95, method="higher")
        return GapSummary(
            **{name: mean_estimate(getattr(self, name)) for name in _DIFFERENCES},
            between=GapBounds(
                **{field.name: mean_estimate(getattr(self, field.name)) for field in fields(GapBounds)}
            ),
            num_examples=len(self.elbo),
            converged=float(np.mean(self.refined.converged)),
            reliable=bool(worst < PARETO_K_LIMIT),
        )

    def to_dict(self) -> dict:
        """The summary as plain values, ready for JSON."""
        return self.summary().to_dict()


@in_precision_of_model
def gap(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    refinement: Refinement = Refinement(),  # noqa: B008 - immutable
    log_evidence: Float[Any, " examples"] | None = None,
    num_samples: int = 5000,
    num_elbo_samples: int = 1000,
    chunk_size: int = 500,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> Gap:
    """How far the ELBO of each example lies below its log p(x), and which part of it is whose fault.

    Both ELBOs are means of log-weights over draws of the same noise, so that their difference is known better than
    either. Where log p(x) is not given, it is the model's own where that
    is exact (`exact_log_evidence`); elsewhere it is estimated by importance weights with the model's own posterior as
    proposal and with the refined one, and of the two estimates the one with the tamer weights counts (the smaller
    Pareto k): both are lower bounds in expectation, but the larger of two is not, and a wild proposal's few lucky
    draws would be picked by it.

    The names are those of Gaussian encoders; where the model's own posterior lies outside the family (a chain, a
    flow), the second part is what the family gains over it, and may be negative.

    Args:
        key: draws the latents.
        model: any latent-variable model whose posterior has a mean and a variance.
        batch: examples with a leading axis.
        refinement: the family of q* and how it is sought.
        log_evidence: log p(x) of each example where it is known (exact, or by annealing).
        num_samples: draws per example and posterior where log p(x) is estimated; its ELBOs are taken from them too.
        num_elbo_samples: draws per example and posterior for the ELBOs where log p(x) is known.
        chunk_size: draws decoded at once; memory grows with it.
        prepare: as in `refine`.
        progress: called with the examples done and the examples in all: while refining, and again while measuring.

    Raises:
        ValueError: if `log_evidence` does not hold one number per example, a count is below one, or there are no examples.

    References:
        Cremer, Li and Duvenaud 2018, arXiv:1801.03558, section 3 and eq. 7.
    """
    total = num_examples(batch)
    if log_evidence is not None and np.shape(log_evidence) != (total,):
        raise ValueError(
            f"log_evidence needs one number for each of the {total} examples; got an array of "
            f"shape {np.shape(log_evidence)}."
        )
    refine_key, measure_key = jr.split(key)
    refined = refine(
        refine_key,
        model,
        batch,
        refinement=refinement,
        chunk_size=chunk_size,
        prepare=prepare,
        progress=progress,
    )
    known = log_evidence is not None or exact_log_evidence(model) is not None
    sampling = Sampling(num_elbo_samples if known else num_samples, chunk_size)
    rows = (refined.batch, batch.index)
    found = map_examples(
        _MeasureGap(sampling, known), measure_key, refined.model, rows, sampling, None, progress
    )
    elbo, refined_elbo = found.elbo.astype(np.float64), found.refined_elbo.astype(np.float64)
    if known:
        truth = np.asarray(found.exact if log_evidence is None else log_evidence, np.float64)
        return Gap(elbo, refined_elbo, truth, None, refined)
    own, star = found.weights
    tamer = star.pareto_k <= own.pareto_k
    value = np.where(tamer, star.log_evidence, own.log_evidence).astype(np.float64)
    return Gap(elbo, refined_elbo, value, np.where(tamer, star.pareto_k, own.pareto_k), refined)


class _Measured(NamedTuple):
    """Of one example: both bounds, what their weights say where log p(x) is not known, and log p(x) where it is exact."""

    elbo: Scalar
    refined_elbo: Scalar
    weights: tuple[WeightStatistics, WeightStatistics] | None
    exact: Scalar | None


class _MeasureGap(eqx.Module):
    sampling: Sampling
    known: bool = eqx.field(static=True)

    def __call__(self, key, refined_model, row):
        example, own_index = row
        model = refined_model.model
        own = model.posterior(
            Example(example.x, example.observed, example.condition, example.label, own_index)
        )
        # the same key, so the same noise behind both
        found = [
            self.sampling.terms(key, refined_model, example, q)
            for q in (own, refined_model.posterior(example))
        ]
        own_weights, weights = (terms.log_likelihood + terms.log_ratio for terms in found)
        exact = exact_log_evidence(model)
        return _Measured(
            jnp.mean(own_weights),
            jnp.mean(weights),
            None if self.known else (weight_statistics(own_weights), weight_statistics(weights)),
            None if exact is None else exact(example),
        )


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
        bound=_difference(a.between.elbo, b.between.elbo),
        evidence=_difference(a.between.log_evidence, b.between.log_evidence),
        inference=_difference(b.total, a.total),
        approximation=_difference(b.approximation, a.approximation),
        amortization=_difference(b.amortization, a.amortization),
    )


def _difference(a: Estimate, b: Estimate) -> Estimate:
    return Estimate(a.value - b.value, (a.standard_error**2 + b.standard_error**2) ** 0.5)
