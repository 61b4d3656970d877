"""What is wrong with a fit: measured once, then held against a table of checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.core import Example, Progress, in_precision_of_model, num_examples
from latlas.evaluation.diagnosis._checks_of_fit import (
    find_amortization_gap,
    find_few_distinct_values,
    find_overfitting,
    find_unreliable_evidence,
    find_wrong_likelihood_scale,
)
from latlas.evaluation.diagnosis._checks_of_latent import (
    find_aggregate_posterior_mismatch,
    find_collapsed_dimensions,
    find_collapsed_layer,
    find_decoder_ignores_latent,
    find_posterior_collapse,
    find_support_mismatch,
    find_vanishing_posterior_variance,
)
from latlas.evaluation.diagnosis._checks_of_run import (
    find_kl_underfitting,
    find_too_few_epochs,
    find_unstable_gradients,
)
from latlas.evaluation.diagnosis._finding import FINDINGS, Diagnosis, Finding
from latlas.evaluation.diagnosis._measurements import (
    OTHERS,
    REFINEMENT,
    RESIDUALS,
    TRAIN,
    WEIGHTS,
    Measurements,
    measure,
)
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling


@dataclass(frozen=True)
class FindingCheck:
    """One line of the table of checks.

    Attributes:
        name: of the finding.
        find: measurements -> finding, or `None` where there is nothing to find or it was not measured.
        needs: what is measured only for those that need it, of `WEIGHTS` (many draws per example), `OTHERS` (every
            example against the others), `RESIDUALS`, `TRAIN` and `REFINEMENT` in `_measurements`.
    """

    name: str
    find: Callable[[Measurements], Finding | None]
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuses a name that no document explains."""
        if self.name not in FINDINGS:
            raise ValueError(f"A check is for one of the findings {', '.join(FINDINGS)}; got {self.name!r}.")


# enough for means over hundreds of examples; importance weights need more
_QUICK_SAMPLES = 16


def _check(name: str, find: Callable[[Measurements], Finding | None], *needs: str) -> FindingCheck:
    return FindingCheck(name, find, frozenset(needs))


ALL_CHECKS: tuple[FindingCheck, ...] = (
    _check("posterior_collapse", find_posterior_collapse, OTHERS),
    _check("collapsed_dimensions", find_collapsed_dimensions),
    _check("collapsed_layer", find_collapsed_layer),
    _check("decoder_ignores_latent", find_decoder_ignores_latent, OTHERS),
    _check("vanishing_posterior_variance", find_vanishing_posterior_variance),
    _check("support_mismatch", find_support_mismatch),
    _check("aggregate_posterior_mismatch", find_aggregate_posterior_mismatch, OTHERS),
    _check("overfitting", find_overfitting, TRAIN),
    _check("kl_underfitting", find_kl_underfitting),
    _check("wrong_likelihood_scale", find_wrong_likelihood_scale, RESIDUALS),
    _check("few_distinct_values", find_few_distinct_values),
    _check("unreliable_evidence", find_unreliable_evidence, WEIGHTS),
    _check("amortization_gap", find_amortization_gap, REFINEMENT),
    _check("too_few_epochs", find_too_few_epochs),
    _check("unstable_gradients", find_unstable_gradients),
)

QUICK_CHECKS: tuple[FindingCheck, ...] = tuple(
    check for check in ALL_CHECKS if not check.needs & {WEIGHTS, REFINEMENT}
)


@in_precision_of_model
def diagnose(
    key: PRNGKeyArray,
    model: Any,
    batch: Example,
    *,
    train: Example | None = None,
    history: Sequence[dict[str, Any]] | None = None,
    num_samples: int = 300,
    max_examples: int = 500,
    chunk_size: int = 500,
    checks: Sequence[FindingCheck] = ALL_CHECKS,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """What is wrong with a model, by name, with the number that shows it and what to do.

    What cannot be measured on a model (a KL without a prior, a scale without a variance) is left out; a sick model raises
    no error.

    Args:
        key: draws the latents and chooses the examples.
        model: any latent-variable model, or one without a prior (`models.Autoencoder`).
        batch: held-out examples with a leading axis.
        train: examples that the model was trained on; without them overfitting cannot be seen.
        history: the reports of the training (`FitResult.history`); without it nothing is said about the run.
        num_samples: draws per example, where importance weights are asked for; else at most 16.
        max_examples: more are thinned out to that many, drawn at random.
        chunk_size: draws decoded at once; memory grows with it.
        checks: `ALL_CHECKS`, `QUICK_CHECKS`, or some of them.
        prepare: `(key, batch) -> batch` as in training, applied to each example by itself.
        progress: called with the examples done and the examples in all.

    Raises:
        ValueError: if a count is below one (two for `num_samples`), or there are no examples.
    """
    if num_samples < 2:
        raise ValueError(f"num_samples must be at least 2 for a spread to be known; got {num_samples}.")
    needs = frozenset().union(*(check.needs for check in checks))
    sampling = Sampling(num_samples if WEIGHTS in needs else min(num_samples, _QUICK_SAMPLES), chunk_size)
    # a sick model is full of infinities, and each check says what it makes of them
    with np.errstate(all="ignore"):
        measured = measure(
            key,
            model,
            _thinned(key, batch, max_examples),
            sampling=sampling,
            needs=needs,
            train=None if train is None else _thinned(key, train, max_examples),
            history=history,
            prepare=prepare,
            progress=progress,
        )
        findings = [finding for check in checks if (finding := check.find(measured)) is not None]
    return Diagnosis.of(findings)


def _thinned(key: PRNGKeyArray, batch: Example, max_examples: int) -> Example:
    total = num_examples(batch)
    if total <= max_examples:
        return batch
    chosen = np.sort(np.asarray(jr.permutation(key, total)[:max_examples]))
    return jax.tree.map(lambda leaf: leaf[chosen], batch)
