"""What stands between the ELBO and log p(x): weights that cannot be believed, and an encoder that is the bottleneck."""

import numpy as np

from latlas.core import PARETO_K_LIMIT
from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements

# with fewer draws the tail of the weights cannot be told
_FEWEST_SAMPLES = 21
# k is estimated, and of good ones up to a tenth lie above the limit by chance
UNRELIABLE_SHARE = 0.2

# nats that refining has to gain, as a share of the rate, standard errors that it has to stand above zero, and a floor
AMORTIZATION_SHARE = 0.1
_STANDARD_ERRORS = 3.0
_SMALLEST_GAP = 0.5


def find_unreliable_evidence(m: Measurements) -> Finding | None:
    """Importance weights with so heavy a tail that their mean, the evidence, is too low by an unknown amount."""
    if m.pareto_k is None or m.num_samples < _FEWEST_SAMPLES:
        return None
    share = float(np.mean(m.pareto_k >= PARETO_K_LIMIT))
    if share <= UNRELIABLE_SHARE:
        return None
    return Finding(
        "unreliable_evidence",
        "warning",
        share,
        UNRELIABLE_SHARE,
        f"For {share:.0%} of the examples the importance weights have a tail with Pareto k above {PARETO_K_LIMIT} (median "
        f"{np.median(m.pareto_k):.2g}): log p(x) of these is too low, and its error bar too small.",
        "Refine the posteriors, take more samples, or measure with annealed importance sampling "
        "(`latlas evaluate --bound ais`); compare models by a bracket and not by this number.",
    )


def find_amortization_gap(m: Measurements) -> Finding | None:
    """A posterior of its own for each example is much better than the one that the encoder guesses for it."""
    gains = m.amortization
    if gains is None or len(gains) < 2 or not np.isfinite(gains).all():
        return None
    gain, error = float(np.mean(gains)), float(np.std(gains, ddof=1) / np.sqrt(len(gains)))
    threshold = max(_SMALLEST_GAP, AMORTIZATION_SHARE * float(np.mean(m.rate)))
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
