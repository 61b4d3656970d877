"""All measures of a model at once, from the same draws."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.core import Estimate, Evidence, Example, Progress, finite_or_none, in_precision_of_model
from latlas.evaluation.evidence._elbo import ElboPerExample, elbo_per_example, elbo_terms
from latlas.evaluation.evidence._importance import EvidencePerExample
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.evaluation.rate._active_units import ActiveUnits, count_active
from latlas.evaluation.rate._information import Information, latent_information
from latlas.models import AbstractLatentModel
from latlas.stats import weight_statistics


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found, of every example; its properties are means over the examples, in nats per example.

    Attributes:
        evidence_per_example: importance-weighted log p(x), its error and the state of its weights.
        elbo_per_example: the ELBO, rate and distortion.
        units: which latent dimensions the data move.
        information: how much of the rate tells examples apart, from at most 500 of them.
    """

    evidence_per_example: EvidencePerExample
    elbo_per_example: ElboPerExample
    units: ActiveUnits
    information: Information

    @property
    def evidence(self) -> Evidence:
        """Importance-weighted log p(x), its error and verdict."""
        return self.evidence_per_example.summary()

    @property
    def elbo(self) -> Estimate:
        """The lower bound, `-(rate + distortion)`."""
        return self.elbo_per_example.summary()

    @property
    def rate(self) -> float:
        """KL(q(z | x) || p(z)): the information of z on x, and how far the codes of all examples lie off the prior."""
        return float(np.mean(self.elbo_per_example.rate, dtype=np.float64))

    @property
    def distortion(self) -> float:
        """-E_q[log p(x | z)]."""
        return float(np.mean(self.elbo_per_example.distortion, dtype=np.float64))

    @property
    def kl_per_dimension(self) -> Float[np.ndarray, " latent"] | None:
        """The rate of each latent dimension, or `None` where q and p do not factorise."""
        return self.elbo_per_example.kl_per_dimension

    @property
    def active_units(self) -> int:
        """Number of latent dimensions that the data move."""
        return self.units.count

    @property
    def unit_variance(self) -> Any:
        """Var_x(E_q[z]) of each latent dimension, of the structure of the latent."""
        return self.units.variance

    @property
    def num_examples(self) -> int:
        """How many examples were measured."""
        return len(self.elbo_per_example.rate)

    def to_dict(self) -> dict:
        """The summary as plain values, ready for JSON; what is not finite (an unknown error) is `None`."""
        return {
            "log_evidence": self.evidence.to_dict(),
            "elbo": self.elbo.to_dict(),
            "rate": finite_or_none(self.rate),
            "distortion": finite_or_none(self.distortion),
            "information": self.information.to_dict(),
            "active_units": self.active_units,
            "num_examples": self.num_examples,
        }


@in_precision_of_model
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
    """Evidence, ELBO, rate, distortion, information and active units of a model on a batch, from one set of draws.

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
    information = latent_information(key, model, batch, prepare=prepare)
    return Evaluation(per_example, elbo_per_example(terms), count_active(means), information)


class _Measure(eqx.Module):
    sampling: Sampling

    def __call__(self, key, model, example):
        q, p = model.posterior(example), model.prior(example.condition)
        terms = self.sampling.terms(key, model, example, q)
        weights = weight_statistics(terms.log_likelihood + terms.log_ratio)
        return weights, elbo_terms(q, p, terms), q.mean
