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
    if not m.information < COLLAPSE_INFORMATION:
        return None
    return Finding(
        "posterior_collapse",
        "serious",
        max(m.information, 0.0),
        COLLAPSE_INFORMATION,
        f"The latent holds {max(m.information, 0.0):.2g} nats about the example it came from and {m.active} of "
        f"{m.latent_dim} dimensions are active: all examples get the same place on the map, and the model is no more "
        "than a distribution over all of them.",
        'Fit again with cure="auto", or with a longer KL warm-up (warm_up=0.5) or free bits; a beta of at most 1; a '
        "smaller decoder learns to use the latent more easily.",
    )


def find_collapsed_dimensions(m: Measurements) -> Finding | None:
    """A part of the dimensions does not move with the data; of a healthy model they are the surplus."""
    unused = m.latent_dim - m.active
    if unused == 0 or m.active == 0:
        return None
    return Finding(
        "collapsed_dimensions",
        "note",
        unused,
        0,
        f"{unused} of {m.latent_dim} latent dimensions do not move with the data (variance of the posterior's mean "
        f"below {ACTIVE_SHARE:g} of the prior's): the data were explained with {m.active}, and the others were pruned.",
        "Nothing has to be done. A smaller latent_dim gives the same map; if more dimensions were expected, try a "
        "longer KL warm-up or free bits.",
    )


def find_collapsed_layer(m: Measurements) -> Finding | None:
    """A layer of a hierarchy that the data do not move, or that adds nothing to the layer before."""
    if len(m.layers) < 2:
        return None
    unused = [
        layer
        for layer in m.layers
        if np.all(layer.unit_variance <= ACTIVE_SHARE) or abs(layer.rate) < COLLAPSE_LAYER_RATE
    ]
    if not unused or len(unused) == len(m.layers):
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
