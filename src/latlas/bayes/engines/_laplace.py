"""Laplace's approximation: the normal that the mode's curvature makes."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import find_modes
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import WorkError
from latlas.distributions.families import AbstractFamily, FullGaussian


class Laplace(AbstractEngine):
    r"""$q = N(\hat w, (-\nabla^2 \log p(\hat w))^{-1})$ with the exact Hessian at the mode $\hat w$.

    Exact for a normal posterior, and near it the more data there are. It minimises no divergence: it looks at one point,
    so it is off where the mode is not typical (skewed posteriors, funnels) and says nothing where there is none.

    References:
        Tierney, Kadane 1986, JASA 81(393), section 2.
    """

    name: ClassVar[str] = "laplace"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The normal at the mode nearest to the origin of the whitened coordinates.

        Raises:
            WorkError: if the search for a mode ends at none.
        """
        search = find_modes(key, density, np.zeros(density.dim), num_starts=1)
        if not search.modes:
            raise WorkError(
                "Laplace's approximation needs a mode with a negative definite Hessian, and the search ended at none "
                "(the density keeps rising along some direction, as in a centred funnel). Take engine='auto'."
            )
        mode = search.modes[0]
        approximation = FullGaussian.of(jnp.asarray(mode.location), jnp.asarray(mode.scale_tril))
        return EngineResult(
            approximation, True, "the mode and its Hessian", details={"log_prob": mode.log_prob}
        )
