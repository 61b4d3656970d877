"""What stands between the ELBO and log p(x): weights that cannot be believed, and an encoder that is the bottleneck."""

import numpy as np

from latlas.core import PARETO_K_LIMIT
from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._levels import MOST_LEVELS as FEW_LEVELS
from latlas.evaluation.diagnosis._measurements import Measurements

# with fewer draws the tail of the weights cannot be told
_FEWEST_SAMPLES = 21
# k is estimated, and of good ones up to a tenth lie above the limit by chance
UNRELIABLE_SHARE = 0.2

# standard errors that a difference of means has to stand above zero, and nats below which it is of no consequence
_STANDARD_ERRORS = 3.0
_SMALLEST_GAP = 0.5

# nats that refining has to gain, as a share of the rate
AMORTIZATION_SHARE = 0.1


def find_unreliable_evidence(m: Measurements) -> Finding | None:
    """Importance weights with so heavy a tail that their mean, the evidence, is too low by an unknown amount."""
    if m.bound.pareto_k is None or m.bound.num_samples < _FEWEST_SAMPLES:
        return None
    share = float(np.mean(m.bound.pareto_k >= PARETO_K_LIMIT))
    if share <= UNRELIABLE_SHARE:
        return None
    return Finding(
        "unreliable_evidence",
        "warning",
        share,
        UNRELIABLE_SHARE,
        f"For {share:.0%} of the examples the importance weights have a tail with Pareto k above {PARETO_K_LIMIT} (median "
        f"{np.median(m.bound.pareto_k):.2g}): log p(x) of these is too low, and its error bar too small.",
        "Refine the posteriors, take more samples, or measure with annealed importance sampling "
        "(`latlas evaluate --bound ais`); compare models by a bracket and not by this number.",
    )


def find_amortization_gap(m: Measurements) -> Finding | None:
    """A posterior of its own for each example is much better than the one that the encoder guesses for it."""
    gains = m.bound.amortization
    if gains is None or len(gains) < 2 or not np.isfinite(gains).all():
        return None
    gain, error = float(np.mean(gains)), float(np.std(gains, ddof=1) / np.sqrt(len(gains)))
    threshold = max(_SMALLEST_GAP, AMORTIZATION_SHARE * float(np.mean(m.bound.rate)))
    if gain <= threshold or gain <= _STANDARD_ERRORS * error:
        return None
    return Finding(
        "amortization_gap",
        "warning",
        gain,
        threshold,
        f"Refining the posterior of each example raises its ELBO by {gain:.3g} +- {error:.2g} nats ({len(gains)} examples): "
        "the encoder places examples less well than the map allows.",
        "Refine where it matters (evaluation.refine, `latlas encode --refine`); train with a wider encoder, several encoder "
        "steps per decoder step, or on more data.",
    )


# squared ratio of mean distances, in either direction: error bars wrong by a factor of 1.4
SCALE_RATIO = 2.0


def find_wrong_likelihood_scale(m: Measurements) -> Finding | None:
    """Data lie further from the reconstruction than the likelihood's own draws, or nearer."""
    off = {name: max(ratio, 1.0 / ratio) for name, ratio in m.decoder.residual_ratio.items() if ratio > 0}
    if not off or max(off.values()) <= SCALE_RATIO:
        return None
    worst = max(off, key=lambda name: off[name])
    ratio = m.decoder.residual_ratio[worst]
    where = "" if len(off) == 1 else f" of {worst}"
    # distances and not squares were measured: of laws of different shapes their ratio squared is not that of the variances
    said = f"{np.sqrt(ratio):.3g} times as far as the likelihood's own draws do (squared: {ratio:.3g}): "
    if ratio > 1:
        said += "it is too narrow (for counts, the data are overdispersed), and claims to know the data better than it does"
    else:
        said += "it is too wide, and its draws are noisier than the data"
    return Finding(
        "wrong_likelihood_scale",
        "warning",
        ratio,
        SCALE_RATIO if ratio > 1 else 1.0 / SCALE_RATIO,
        f"The data{where} lie off their reconstruction, on average, {said}.",
        "Let the scale be learnt (Gaussian(LearnedScale()), LearnedScale(x.shape) for one per feature, PredictedScale() for "
        "one per entry), or take a likelihood that can be as wide as the data (Student-t for outliers; for counts one "
        "of your own, such as a negative binomial).",
    )


def find_few_distinct_values(m: Measurements) -> Finding | None:
    """Entries of few distinct values under a density, which grows without end as its scale shrinks onto them."""
    if not m.decoder.few_levels:
        return None
    name, few = max(m.decoder.few_levels.items(), key=lambda item: item[1].entries)
    where = "" if len(m.decoder.few_levels) == 1 and name == "x" else f" of {name}"
    return Finding(
        "few_distinct_values",
        "warning",
        float(few.levels),
        float(FEW_LEVELS),
        f"{few.entries} of {few.total} entries{where} hold few distinct values (one of them {few.levels}) and are scored by "
        "a density, which has no largest value there: the ELBO rises as long as the scale shrinks, and says nothing of how "
        "good the model is.",
        "Give these entries probabilities (bernoulli, categorical, discretised_logistic), in a table of their own or as "
        "a part of a Mixed head; training longer only raises the figure. Compare the scores of densities with no "
        "probabilities.",
    )


# as a share of what the model explains better than one prediction for all: of two nats one was learnt by heart
OVERFITTING_SHARE = 0.5


def find_overfitting(m: Measurements) -> Finding | None:
    """The ELBO of the training data is well above that of held-out data."""
    if m.training.elbo is None:
        return None
    held_out = m.bound.elbo
    if not (np.isfinite(held_out).all() and np.isfinite(m.training.elbo).all()):
        return None
    if min(len(held_out), len(m.training.elbo)) < 2:
        return None
    gap = float(np.mean(m.training.elbo) - np.mean(held_out))
    error = float(np.sqrt(sum(np.var(part, ddof=1) / len(part) for part in (held_out, m.training.elbo))))
    won = float(np.mean(m.training.elbo)) - m.training.constant_log_likelihood
    threshold = max(_SMALLEST_GAP, OVERFITTING_SHARE * won if np.isfinite(won) else 0.0)
    if gap <= threshold or gap <= _STANDARD_ERRORS * error:
        return None
    return Finding(
        "overfitting",
        "warning",
        gap,
        threshold,
        f"The ELBO is {gap:.3g} +- {error:.2g} nats per example higher on the training data "
        f"({np.mean(m.training.elbo):.4g}) than on held-out data ({np.mean(held_out):.4g}). Of the {won:.3g} nats that the "
        "model wins over one prediction for all, that much was learnt by heart.",
        "Stop early on validation data (validation_fraction, patience), take a smaller network or more data, or weight "
        "decay; figures are those of held-out data only.",
    )
