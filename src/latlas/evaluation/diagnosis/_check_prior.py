"""The codes of all examples against the prior that they are to fill."""

import numpy as np

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements

# standard errors by which the estimate has to exceed the threshold
_STANDARD_ERRORS = 3.0
# nats; codes that fill a share s of the prior evenly have -log s: two nats are an eighth
AGGREGATE_KL = 2.0


def find_aggregate_posterior_mismatch(m: Measurements) -> Finding | None:
    """The codes of the data leave much of the prior empty, or lie outside it."""
    kl = m.aggregate_kl
    if kl is None or kl.value - _STANDARD_ERRORS * kl.standard_error <= AGGREGATE_KL:
        return None
    share = float(np.exp(-min(kl.value, 700.0)))
    return Finding(
        "aggregate_posterior_mismatch",
        "warning",
        kl.value,
        AGGREGATE_KL,
        f"The codes of all examples together differ from the prior by at least {kl.value:.3g} nats, as if they filled "
        f"{share:.1g} of it: what is sampled from the prior comes mostly from places where no data are.",
        "Take a prior that follows the codes (a mixture, a VampPrior, a flow), a larger beta, or sample from codes of data "
        "instead of from the prior.",
    )
