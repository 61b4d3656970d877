"""Latents that say nothing about the data: all of them, a layer, or a part of the dimensions."""

import numpy as np

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import ACTIVE_SHARE, Measurements

# A coin that is right seven times in ten says 0.08 nats: with less than 0.1 the latent tells examples apart hardly
# better than chance, whatever the number of dimensions.
COLLAPSE_INFORMATION = 0.1
# A layer of which every dimension is inactive, or that costs less than this many nats, adds nothing to the others.
COLLAPSE_LAYER_RATE = 0.01


def find_posterior_collapse(m: Measurements) -> Finding | None:
    """The posterior of every example is about the same: z says nothing about x."""
    latent = m.latent
    if not latent.information < COLLAPSE_INFORMATION:
        return None
    return Finding(
        "posterior_collapse",
        "serious",
        max(latent.information, 0.0),
        COLLAPSE_INFORMATION,
        f"The latent holds {max(latent.information, 0.0):.2g} nats about the example it came from and {latent.active} of "
        f"{latent.latent_dim} dimensions are active: all examples get the same place on the map, and the model is no more "
        "than a distribution over all of them.",
        'Fit again with cure="auto", or with a longer KL warm-up (warm_up=0.5) or free bits; a beta of at most 1; a '
        "smaller decoder learns to use the latent more easily.",
    )


def find_collapsed_dimensions(m: Measurements) -> Finding | None:
    """A part of the dimensions does not move with the data; of a healthy model they are the surplus."""
    latent = m.latent
    unused = latent.latent_dim - latent.active
    if unused == 0 or latent.active == 0:
        return None
    return Finding(
        "collapsed_dimensions",
        "note",
        unused,
        0,
        f"{unused} of {latent.latent_dim} latent dimensions do not move with the data (variance of the posterior's mean "
        f"below {ACTIVE_SHARE:g} of the prior's): the data were explained with {latent.active}, and the others were pruned.",
        "Nothing has to be done. A smaller latent_dim gives the same map; if more dimensions were expected, try a "
        "longer KL warm-up or free bits.",
    )


def find_collapsed_layer(m: Measurements) -> Finding | None:
    """A layer of a hierarchy that the data do not move, or that adds nothing to the layer before."""
    if len(m.latent.layers) < 2:
        return None
    unused = [
        layer
        for layer in m.latent.layers
        if np.all(layer.unit_variance <= ACTIVE_SHARE) or abs(layer.rate) < COLLAPSE_LAYER_RATE
    ]
    if not unused or len(unused) == len(m.latent.layers):
        return None
    names = " and ".join(layer.name for layer in unused)
    return Finding(
        "collapsed_layer",
        "warning",
        max(float(np.max(layer.unit_variance)) for layer in unused),
        ACTIVE_SHARE,
        f"The latent layer {names} says nothing about the data that the other layers do not: its posterior is what "
        "the model expects without data, so that the hierarchy is as shallow as one without it.",
        "Train with a longer KL warm-up or with free bits for each layer, or leave the layer out.",
    )


# nats per example: the same size as the information below which a posterior counts as collapsed
DECODER_GAIN = 0.1
# standard errors by which a gain has to exceed it
_GAIN_ERRORS = 2.0

_REMEDY = (
    'Fit again with cure="auto" or a longer KL warm-up, check that beta is not far above 1 and that the data were not '
    "shuffled against their inputs; a decoder with fewer or narrower layers has to ask the latent."
)


def find_decoder_ignores_latent(m: Measurements) -> Finding | None:
    """Log p(x | z) is about the same with the example's own z and with another's."""
    difference = m.decoder.own[:, None] - m.decoder.others
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
    if m.latent.information < COLLAPSE_INFORMATION or mean - _GAIN_ERRORS * error >= DECODER_GAIN:
        return None
    meaning = (
        f"The data of an example are {mean:.2g} nats likelier with its own latent than with another's, though the "
        f"latent holds {m.latent.information:.2g} nats about the example: the decoder does not use what the encoder says."
    )
    return Finding("decoder_ignores_latent", "serious", mean, DECODER_GAIN, meaning, _REMEDY)


# A posterior a thousand times narrower than the prior writes ten bits into one dimension: more than a map is read with,
# and -log of its scale is a term of the KL that has no bound.
VANISHING_SCALE = 1e-3
# ... and four orders of magnitude are near the end of float32 and of the encoder's own range
VANISHED_SCALE = 1e-4


def find_vanishing_posterior_variance(m: Measurements) -> Finding | None:
    """The posterior of at least one dimension is becoming a point."""
    if np.isnan(m.bound.rate).all():  # without a prior the posterior is a point on purpose
        return None
    scales = np.concatenate([layer.scale for layer in m.latent.layers])
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
    support = m.support
    if support.point_prior:
        return Finding(
            "support_mismatch",
            "serious",
            float("inf"),
            0.0,
            "The prior is a Dirac: all its mass lies on points, every other latent has density zero, and the KL of any "
            "posterior to it is infinite. Such a model has no ELBO.",
            "Soften the prior: a normal with a small but positive scale in place of the Dirac (for a latent that is to "
            "be constant, leave it out of the model). models.SoftenedPrior(prior, width) is such a prior, and "
            "evaluation.fit_with_cure takes it by itself.",
        )
    if support.outside_prior > 0:
        return Finding(
            "support_mismatch",
            "serious",
            float("inf"),
            0.0,
            f"For {support.outside_prior:.1%} of the latents that the posterior gives, the prior's density is zero: the KL "
            "is infinite and there is no ELBO.",
            "Take a prior that is positive everywhere the posterior can go (a normal in place of a uniform), or a "
            "posterior with the prior's support.",
        )
    if support.outside_data > 0:
        return Finding(
            "support_mismatch",
            "serious",
            support.outside_data,
            0.0,
            f"{support.outside_data:.2%} of the entries of the data lie where the likelihood gives no probability (a "
            "negative or broken count, a value outside [0, 1], a level that there is not): log p(x) is minus infinity, "
            "whatever its formula says.",
            "Choose a likelihood whose support holds the data (poisson for counts, gaussian or student_t for real numbers), "
            "or correct those entries or mark them as not observed.",
        )
    if support.outside_likelihood > 0:
        return Finding(
            "support_mismatch",
            "serious",
            float("inf"),
            0.0,
            f"For {support.outside_likelihood:.1%} of the examples log p(x | z) is minus infinity or not a number: the "
            "likelihood gives density zero to data that were seen, or its parameters are not numbers.",
            "Look for values that are not finite in the data and in the model; a run that diverged needs a lower learning "
            "rate.",
        )
    return None


# standard errors by which the estimate has to exceed the threshold
_AGGREGATE_ERRORS = 3.0
# nats; codes that fill a share s of the prior evenly have -log s: two nats are an eighth
AGGREGATE_KL = 2.0


def find_aggregate_posterior_mismatch(m: Measurements) -> Finding | None:
    """The codes of the data leave much of the prior empty, or lie outside it."""
    kl = m.latent.aggregate_kl
    if kl is None or kl.value - _AGGREGATE_ERRORS * kl.standard_error <= AGGREGATE_KL:
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
