"""Renyi bounds: the ELBO, the importance-weighted bound, and what lies between and above."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import PRNGKeyArray

from latlas.core import Example, Progress, in_precision_of_model
from latlas.evaluation.evidence._importance import EvidencePerExample
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.models import AbstractLatentModel
from latlas.stats import (
    WeightStatistics,
    effective_sample_size,
    log_mean_exp_standard_error,
    pareto_k,
    renyi_log_mean,
    standard_error,
)


@in_precision_of_model
def renyi_bound(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    alpha: float,
    num_samples: int = 5000,
    chunk_size: int = 500,
    proposal: Callable[[Example], Any] | None = None,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> EvidencePerExample:
    r"""The variational Renyi bound of order alpha of every example, by Monte Carlo.

    $L_\alpha = \frac{1}{1-\alpha} \log E_q[w^{1-\alpha}]$ with $w = p(x, z) / q(z)$; estimated by the mean of the
    draws' $w^{1-\alpha}$. Which side of log p(x) it lies on:

    | alpha | name | $L_\alpha$ | the estimate, in expectation |
    |---|---|---|---|
    | above 1 | | below the ELBO | between $L_\alpha$ and the ELBO: a lower bound |
    | 1 | ELBO | lower bound | the ELBO |
    | 0 to 1 | VR | lower bound, tighter as alpha falls | at most $L_\alpha$: a lower bound |
    | 0 | IWAE | log p(x) | at most log p(x): a lower bound, rising with `num_samples` |
    | below 0 | upper VR; CUBO of order 2 (chi) at -1 | upper bound | at most $L_\alpha$: **no bound** |

    For alpha below 0 the logarithm of a finite mean is too low on average (Jensen), and may lie below log p(x): it
    approaches the upper bound from below as draws are added, and never with a proposal that misses mass. The
    Pareto k is that of the weights that are averaged, $w^{1-\alpha}$: at alpha = -1 twice that of w, so that
    `reliable` asks twice as much.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`.
        model: any latent-variable model.
        batch: examples with a leading axis, on the host or on a device.
        alpha: the order.
        num_samples: draws of z per example; the Pareto k needs at least 21.
        chunk_size: draws decoded at once.
        proposal: example -> q; the model's posterior by default.
        prepare: `(key, batch) -> batch` as in training, applied to each example by itself.
        progress: called with the examples done and the examples in all.

    Returns:
        One estimate per example, in the field `log_evidence`.

    Raises:
        ValueError: if a count is below one, or there are no examples.

    References:
        Li and Turner 2016, arXiv:1602.02311, section 4; Dieng, Tran, Ranganath, Paisley and Blei 2017,
        arXiv:1611.00328.
    """
    sampling = Sampling(num_samples, chunk_size)
    measure = _MeasureRenyi(sampling, float(alpha), proposal)
    found = map_examples(measure, key, model, batch, sampling, prepare, progress)
    return EvidencePerExample(*found, num_samples=num_samples)


class _MeasureRenyi(eqx.Module):
    sampling: Sampling
    alpha: float
    proposal: Callable[[Example], Any] | None

    def __call__(self, key, model, example):
        q = model.posterior(example) if self.proposal is None else self.proposal(example)
        terms = self.sampling.terms(key, model, example, q)
        log_weights = terms.log_likelihood + terms.log_ratio
        powers = (1.0 - self.alpha) * log_weights
        error = (
            standard_error(log_weights)
            if self.alpha == 1.0
            else log_mean_exp_standard_error(powers) / abs(1.0 - self.alpha)
        )
        value = renyi_log_mean(log_weights, self.alpha)
        return WeightStatistics(value, error, effective_sample_size(powers), pareto_k(powers))
