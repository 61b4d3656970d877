"""All measures of a model at once, from the same draws."""

import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.core import Estimate, Evidence, Example, Progress
from latlas.evaluation.evidence._elbo import ElboPerExample, elbo_per_example, elbo_terms
from latlas.evaluation.evidence._importance import EvidencePerExample
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.evaluation.rate._active_units import ActiveUnits, count_active
from latlas.models import AbstractLatentModel
from latlas.stats import weight_statistics


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found; all in nats per example, means over the examples.

    Attributes:
        evidence: importance-weighted log p(x), its error and verdict.
        elbo: the lower bound, `-(rate + distortion)`.
        rate: KL(q(z | x) || p(z)).
        distortion: -E_q[log p(x | z)].
        active_units: number of latent dimensions that the data move.
        num_examples: how many examples were measured.
        kl_per_dimension: the rate of each latent dimension, or `None` where q and p do not factorise.
        evidence_per_example: the estimates behind `evidence`.
        elbo_per_example: the ELBO, rate and distortion of every example.
        unit_variance: Var_x(E_q[z]) of each latent dimension, of the structure of the latent.
    """

    evidence: Evidence
    elbo: Estimate
    rate: float
    distortion: float
    active_units: int
    num_examples: int
    kl_per_dimension: Float[np.ndarray, " latent"] | None
    evidence_per_example: EvidencePerExample
    elbo_per_example: ElboPerExample
    unit_variance: Any

    def to_dict(self) -> dict:
        """The summary as plain values, ready for JSON; what is not finite (an unknown error) is `None`."""
        return _finite({
            "log_evidence": self.evidence.to_dict(),
            "elbo": self.elbo.to_dict(),
            "rate": self.rate,
            "distortion": self.distortion,
            "active_units": self.active_units,
            "num_examples": self.num_examples,
        })  # fmt: skip


def evaluate(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    num_samples: int = 5000,
    chunk_size: int = 500,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evidence, ELBO, rate, distortion and active units of a model on a batch, from one set of draws.

    One compiled program per shape. The same key gives the same draws whatever `chunk_size` is, and the first
    draws of more samples are those of fewer; figures then differ by rounding only.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`.
        model: any latent-variable model.
        batch: examples with a leading axis, on the host or on a device.
        num_samples: draws of z per example; the Pareto k, and with it a verdict, needs at least 21.
        chunk_size: draws decoded at once; memory grows with it.
        prepare: `(key, batch) -> batch` as in training (conversion, binarisation), applied to each example by
            itself.
        progress: called with the examples done and the examples in all.

    Raises:
        ValueError: if a count is below one, or there are no examples.
    """
    sampling = Sampling(num_samples, chunk_size)
    weights, terms, means = map_examples(_Measure(sampling), key, model, batch, sampling, prepare, progress)
    per_example = EvidencePerExample(*weights, num_samples=num_samples)
    bound = elbo_per_example(terms)
    units: ActiveUnits = count_active(means)
    return Evaluation(
        evidence=per_example.summary(),
        elbo=bound.summary(),
        rate=float(np.mean(bound.rate, dtype=np.float64)),
        distortion=float(np.mean(bound.distortion, dtype=np.float64)),
        active_units=units.count,
        num_examples=len(bound.rate),
        kl_per_dimension=bound.kl_per_dimension,
        evidence_per_example=per_example,
        elbo_per_example=bound,
        unit_variance=units.variance,
    )


def _finite(values: dict) -> dict:
    """The same with `None` for numbers that are not finite, which JSON cannot hold."""
    return {
        name: _finite(value) if isinstance(value, dict) else (value if math.isfinite(value) else None)
        for name, value in values.items()
    }


class _Measure(eqx.Module):
    sampling: Sampling

    def __call__(self, key, model, example):
        q, p = model.posterior(example), model.prior(example.condition)
        terms = self.sampling.terms(key, model, example, q)
        weights = weight_statistics(terms.log_likelihood + terms.log_ratio)
        return weights, elbo_terms(q, p, terms), q.mean
