"""What holds on the training data and not on others."""

import numpy as np

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements

# standard errors of the difference by which the two means have to differ
_STANDARD_ERRORS = 3.0
# as a share of what the model explains better than one prediction for all: of two nats one was learnt by heart
OVERFITTING_SHARE = 0.5
# nats below which a gap is of no consequence, whatever the rate is
_SMALLEST_GAP = 0.5


def find_overfitting(m: Measurements) -> Finding | None:
    """The ELBO of the training data is well above that of held-out data."""
    if m.train_elbo is None:
        return None
    held_out = m.elbo
    if not (np.isfinite(held_out).all() and np.isfinite(m.train_elbo).all()):
        return None
    if min(len(held_out), len(m.train_elbo)) < 2:
        return None
    gap = float(np.mean(m.train_elbo) - np.mean(held_out))
    error = float(np.sqrt(sum(np.var(part, ddof=1) / len(part) for part in (held_out, m.train_elbo))))
    won = float(np.mean(m.train_elbo)) - m.constant_log_likelihood
    threshold = max(_SMALLEST_GAP, OVERFITTING_SHARE * won if np.isfinite(won) else 0.0)
    if gap <= threshold or gap <= _STANDARD_ERRORS * error:
        return None
    return Finding(
        "overfitting",
        "warning",
        gap,
        threshold,
        f"The ELBO is {gap:.3g} +- {error:.2g} nats per example higher on the training data ({np.mean(m.train_elbo):.4g}) "
        f"than on held-out data ({np.mean(held_out):.4g}). Of the {won:.3g} nats that the model wins over one prediction "
        "for all, that much was learnt by heart.",
        "Stop early on validation data (validation_fraction, patience), take a smaller network or more data, or weight "
        "decay; figures are those of held-out data only.",
    )
