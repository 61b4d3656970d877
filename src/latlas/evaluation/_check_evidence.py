"""Whether log p(x) from importance samples can be believed."""

import numpy as np

from latlas.core import PARETO_K_LIMIT
from latlas.evaluation._finding import Finding
from latlas.evaluation._measurements import Measurements

# with fewer draws the tail of the weights cannot be told
_FEWEST_SAMPLES = 21
# k is estimated, and of good ones a few lie above the limit by chance
UNRELIABLE_SHARE = 0.1


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
