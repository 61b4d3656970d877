"""The mixture of the normals at several modes: Laplace's approximation where there is more than one."""

import jax
import numpy as np

from latlas.bayes._family_gaussian import FullGaussian
from latlas.bayes._family_mixture import MixtureApproximation
from latlas.bayes._modes import Search


def mixture_at(search: Search) -> MixtureApproximation:
    """One normal for each mode, weighted by Laplace's estimates of their masses."""
    normals = [FullGaussian.of(mode.location, mode.scale_tril) for mode in search.modes]
    return MixtureApproximation(
        jax.tree.map(lambda *leaves: np.stack(leaves), *normals), np.log(search.weights)
    )
