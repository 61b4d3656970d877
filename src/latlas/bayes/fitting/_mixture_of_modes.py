"""The mixture of the normals at several modes: Laplace's approximation where there is more than one."""

import jax
import numpy as np

from latlas.bayes.densities._modes import Search
from latlas.distributions.families import FullGaussian, MixtureApproximation


def mixture_at(search: Search) -> MixtureApproximation:
    """One normal for each mode, weighted by Laplace's estimates of their masses."""
    normals = [FullGaussian.of(mode.location, mode.scale_tril) for mode in search.modes]
    return MixtureApproximation(
        jax.tree.map(lambda *leaves: np.stack(leaves), *normals), np.log(search.weights)
    )
