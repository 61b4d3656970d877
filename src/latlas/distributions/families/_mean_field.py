"""Independent coordinates: the Gaussian of the usual encoder and of mean-field variational inference."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from latlas.distributions._latent import diagonal_normal
from latlas.distributions.families._bijection import Affine
from latlas.distributions.families._factor import Diagonal
from latlas.distributions.families._gaussian import AbstractGaussian, AbstractGaussianFamily
from latlas.distributions.families._log_scale import scale_of


class DiagonalGaussian(AbstractGaussian):
    """w = loc + exp(log_scale) noise.

    Attributes:
        loc: means, `(n,)`.
        log_scale: log standard deviations, `(n,)`.
    """

    loc: Float[Array | np.ndarray, " n"]
    log_scale: Float[Array | np.ndarray, " n"]

    @property
    def affine(self) -> Affine:
        """From noise to w."""
        return Affine(self.loc, Diagonal(scale_of(self.log_scale)))

    @property
    def units(self) -> "DiagonalGaussian":
        """Standard deviations for the mean, one for their logarithms."""
        return DiagonalGaussian(scale_of(self.log_scale), jnp.ones_like(self.log_scale))

    @property
    def distribution(self) -> dist.Distribution:
        """NumPyro's `Normal`, over one vector."""
        return diagonal_normal(self.loc, scale_of(self.log_scale))


class MeanField(AbstractGaussianFamily):
    """Independent normal coordinates: cheap at any size; blind to correlation, so its variances are too small."""

    name: ClassVar[str] = "mean-field"
    is_axis_aligned: ClassVar[bool] = True

    def at(self, affine: Affine) -> DiagonalGaussian:
        """The member with the map's means and standard deviations."""
        return DiagonalGaussian(affine.loc, jnp.log(affine.factor.row_norms))
