"""A decoder that gives the same whatever z is, or is not helped by the z of the example itself."""

import numpy as np

from latlas.evaluation.diagnosis._checks_of_latent import COLLAPSE_INFORMATION
from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements

# nats per example: the same size as the information below which a posterior counts as collapsed
DECODER_GAIN = 0.1
# standard errors that a gain has to stand above zero to be one
_STANDARD_ERRORS = 2.0

_REMEDY = (
    'Fit again with cure="auto" or a longer KL warm-up, check that beta is not far above 1 and that the data were not '
    "shuffled against their inputs; a decoder with fewer or narrower layers has to ask the latent."
)


def find_decoder_ignores_latent(m: Measurements) -> Finding | None:
    """Log p(x | z) is about the same with the example's own z and with another's."""
    difference = m.own[:, None] - m.others
    if not np.isfinite(difference).all():
        return None
    moved, gain = float(np.mean(np.abs(difference))), np.mean(difference, axis=1)
    if moved < DECODER_GAIN:
        meaning = (
            f"Exchanging the latent of an example for another's changes the log-likelihood of its data by {moved:.2g} "
            "nats: the decoder gives the same whatever the latent says."
        )
        return Finding("decoder_ignores_latent", "serious", moved, DECODER_GAIN, meaning, _REMEDY)
    error = np.std(gain) / np.sqrt(len(gain))
    mean = float(np.mean(gain))
    if m.information < COLLAPSE_INFORMATION or mean - _STANDARD_ERRORS * error >= DECODER_GAIN:
        return None
    meaning = (
        f"The data of an example are {mean:.2g} nats likelier with its own latent than with another's, though the "
        f"latent holds {m.information:.2g} nats about the example: the decoder does not use what the encoder says."
    )
    return Finding("decoder_ignores_latent", "serious", mean, DECODER_GAIN, meaning, _REMEDY)
