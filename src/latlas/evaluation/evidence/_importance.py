"""log p(x) by importance sampling, and whether its weights can be trusted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.core import PARETO_K_LIMIT, Evidence, Example, Progress, in_precision_of_model
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.models import AbstractLatentModel
from latlas.stats import weight_statistics

# nats: the log of a mean with a relative error of a half is about an eighth too low
_LARGEST_ERROR = 0.5


@dataclass(frozen=True)
class EvidencePerExample:
    """Importance-weighted estimates of log p(x), one per example.

    Attributes:
        log_evidence: log of the mean weight, in nats.
        standard_error: of each, by the delta method, in nats. Too short where the weights have a heavy tail: see `pareto_k`.
        effective_sample_size: 1 / sum(w^2) of the normalised weights, between 1 and `num_samples`.
        pareto_k: tail shape of the weights. Below 0.5 the two above mean what they say. From there on the weights have no
            variance: up to 0.7 the estimate is still near the truth, and its standard error too short (of examples with k
            about 0.45, 0.56 and 0.67 two of them covered 97, 83 and 76 %). Beyond 0.7 neither means anything.
        num_samples: importance samples per example.
        pooled_pareto_k: tail shape of the weights of all examples together, each relative to the median of its
            example's others, where an example has too few for a shape of its own (chains); else `None`.
    """

    log_evidence: Float[np.ndarray, " examples"]
    standard_error: Float[np.ndarray, " examples"]
    effective_sample_size: Float[np.ndarray, " examples"]
    pareto_k: Float[np.ndarray, " examples"]
    num_samples: int
    pooled_pareto_k: float | None = None

    def summary(self) -> Evidence:
        r"""The mean over the examples and its verdict.

        The standard error is $\sqrt{\max(s^2, \overline{e^2}) / n}$: $s^2$ the variance of the n estimates,
        which in expectation is the spread of log p(x) over examples plus the mean of their squared Monte
        Carlo errors $e^2$; and never less than the Monte Carlo error alone, which is all there is for one
        example.

        Reliable is what has a Pareto k below 0.7 for 95 % of the examples. Where k is that of all examples'
        weights pooled, it must be below 0.7 and 95 % of the standard errors below 0.5 nats: beyond, one weight
        dominates its example, the delta method fails, and the estimate is too low.
        """
        n = len(self.log_evidence)
        spread = np.var(self.log_evidence, ddof=1, dtype=np.float64) if n > 1 else np.inf
        monte_carlo = np.mean(np.square(self.standard_error, dtype=np.float64))
        known = [variance for variance in (spread, monte_carlo) if np.isfinite(variance)]
        # whole values rather than interpolated ones: some may be infinite
        worst = float(np.quantile(self.pareto_k, 0.95, method="higher"))
        tame = worst < PARETO_K_LIMIT
        if self.pooled_pareto_k is not None:
            worst = self.pooled_pareto_k
            largest_error = np.quantile(self.standard_error, 0.95, method="higher")
            tame = worst < PARETO_K_LIMIT and largest_error < _LARGEST_ERROR
        return Evidence(
            value=float(np.mean(self.log_evidence, dtype=np.float64)),
            standard_error=float(np.sqrt(max(known) / n)) if known else float("inf"),
            num_samples=self.num_samples,
            effective_sample_size=float(np.median(self.effective_sample_size)),
            pareto_k=worst,
            reliable=bool(tame),
        )


@in_precision_of_model
def importance_log_evidence(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    num_samples: int = 5000,
    chunk_size: int = 500,
    proposal: Callable[[Example], Any] | None = None,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> EvidencePerExample:
    r"""Importance-weighted log p(x) of every example: $\log \frac1K \sum_k p(x, z_k) / r(z_k)$, $z_k \sim r$.

    In expectation a lower bound that rises to log p(x) with K (Burda et al. 2016, arXiv:1509.00519, eq. 8 and
    9). One compiled program; memory grows with `chunk_size` and with `num_samples` numbers per example,
    whatever their number. The same key gives the same draws whatever `chunk_size` is; sums then differ by
    rounding only.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`.
        model: any latent-variable model.
        batch: examples with a leading axis, on the host or on a device.
        num_samples: K, importance samples per example; the Pareto k needs at least 21.
        chunk_size: draws decoded at once. On a CPU a few hundred stay in the cache; a GPU likes tens of
            thousands.
        proposal: example -> r; the model's posterior by default.
        prepare: `(key, batch) -> batch` as in training (conversion, binarisation), applied to each example by
            itself.
        progress: called with the examples done and the examples in all.

    Returns:
        One estimate per example; `.summary()` is their mean with its error and verdict.

    Raises:
        ValueError: if a count is below one, or there are no examples.

    References:
        Rezende, Mohamed and Wierstra 2014, arXiv:1401.4082, appendix E; Vehtari et al. 2024,
        arXiv:1507.02646.
    """
    sampling = Sampling(num_samples, chunk_size)
    measure = _MeasureEvidence(sampling, proposal)
    found = map_examples(measure, key, model, batch, sampling, prepare, progress)
    return EvidencePerExample(*found, num_samples=num_samples)


class _MeasureEvidence(eqx.Module):
    sampling: Sampling
    proposal: Callable[[Example], Any] | None

    def __call__(self, key, model, example):
        q = model.posterior(example) if self.proposal is None else self.proposal(example)
        terms = self.sampling.terms(key, model, example, q)
        return weight_statistics(terms.log_likelihood + terms.log_ratio)
