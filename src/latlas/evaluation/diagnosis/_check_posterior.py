"""Posteriors that shrink to points, and densities that are zero where they are needed."""

import numpy as np

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements

# A posterior a thousand times narrower than the prior writes ten bits into one dimension: more than a map is read with,
# and -log of its scale is a term of the KL that has no bound.
VANISHING_SCALE = 1e-3
# ... and four orders of magnitude are near the end of float32 and of the encoder's own range
VANISHED_SCALE = 1e-4


def find_vanishing_posterior_variance(m: Measurements) -> Finding | None:
    """The posterior of at least one dimension is becoming a point."""
    if np.isnan(m.rate).all():  # without a prior the posterior is a point on purpose
        return None
    scales = np.concatenate([layer.scale for layer in m.layers])
    scales = scales[np.isfinite(scales)]
    if scales.size == 0 or scales.min() >= VANISHING_SCALE:
        return None
    narrow = int(np.sum(scales < VANISHING_SCALE))
    return Finding(
        "vanishing_posterior_variance",
        "serious" if scales.min() < VANISHED_SCALE else "warning",
        float(scales.min()),
        VANISHING_SCALE,
        f"In {narrow} of {scales.size} latent dimensions the posterior is {scales.min():.1g} times as wide as the prior: "
        "it is becoming a point, the KL grows as -log of its width without a bound, and places between the examples "
        "mean nothing.",
        "Give the likelihood noise that the data have (a learned scale with a larger minimum; real values that are "
        "exact, such as counts or grey levels, need a likelihood of their own), or a beta above 1; an autoencoder "
        "is the model of a posterior that is a point on purpose.",
    )


def find_support_mismatch(m: Measurements) -> Finding | None:
    """The prior has no density where the posterior has mass, or the likelihood none where the data lie."""
    if m.point_prior:
        return Finding(
            "support_mismatch",
            "serious",
            float("inf"),
            0.0,
            "The prior is a Dirac: all its mass lies on points, every other latent has density zero, and the KL of any "
            "posterior to it is infinite. Such a model has no ELBO.",
            "Soften the prior: a normal with a small but positive scale in place of the Dirac (for a latent that is to "
            "be constant, leave it out of the model).",
        )
    if m.outside_prior > 0:
        return Finding(
            "support_mismatch",
            "serious",
            float("inf"),
            0.0,
            f"For {m.outside_prior:.1%} of the latents that the posterior gives, the prior's density is zero: the KL is "
            "infinite and there is no ELBO.",
            "Take a prior that is positive everywhere the posterior can go (a normal in place of a uniform), or a "
            "posterior with the prior's support.",
        )
    if m.outside_data > 0:
        return Finding(
            "support_mismatch",
            "serious",
            m.outside_data,
            0.0,
            f"{m.outside_data:.2%} of the entries of the data lie where the likelihood gives no probability (a negative or "
            "broken count, a value outside [0, 1], a level that there is not): log p(x) is minus infinity, whatever its "
            "formula says.",
            "Choose a likelihood whose support holds the data (poisson for counts, gaussian or student_t for real numbers), "
            "or correct those entries or mark them as not observed.",
        )
    if m.outside_likelihood > 0:
        return Finding(
            "support_mismatch",
            "serious",
            float("inf"),
            0.0,
            f"For {m.outside_likelihood:.1%} of the examples log p(x | z) is minus infinity or not a number: the "
            "likelihood gives density zero to data that were seen, or its parameters are not numbers.",
            "Look for values that are not finite in the data and in the model; a run that diverged needs a lower learning "
            "rate.",
        )
    return None
