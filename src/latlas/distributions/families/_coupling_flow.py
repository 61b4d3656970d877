"""A flow in JAX alone, small enough for one per datum: affine couplings, then a Gaussian family's affine map."""

import functools
from typing import ClassVar

import equinox as eqx
import jax.random as jr
from jaxtyping import PRNGKeyArray

from latlas.distributions._latent import Distribution
from latlas.distributions.families._bijection import AbstractBijection, Affine, Composed
from latlas.distributions.families._coupling import AffineCoupling
from latlas.distributions.families._flow import AbstractFlow
from latlas.distributions.families._gaussian import AbstractGaussian, AbstractGaussianFamily
from latlas.distributions.families._mean_field import MeanField
from latlas.distributions.families._posterior import AbstractPosterior, AbstractPosteriorFamily, OneLatent


class CouplingFlowApproximation(AbstractFlow, AbstractPosterior):
    """Standard normal noise through affine couplings, then through a Gaussian's affine map.

    Attributes:
        base: whose affine map comes last.
        couplings: the first first.
    """

    base: AbstractGaussian
    couplings: tuple[AffineCoupling, ...]

    @property
    def dim(self) -> int:
        """n."""
        return self.base.dim

    @property
    def bijection(self) -> AbstractBijection:
        """Noise -> draw."""
        return functools.reduce(
            lambda inner, outer: Composed(outer, inner), (*self.couplings, self.base.affine)
        )

    @property
    def units(self) -> "CouplingFlowApproximation":
        """Those of the Gaussian and of each coupling."""
        return CouplingFlowApproximation(self.base.units, tuple(c.units for c in self.couplings))

    @property
    def distribution(self) -> Distribution:
        """Over one vector."""
        return OneLatent(self)


class CouplingFlow(AbstractPosteriorFamily):
    """Affine couplings that move the two halves of the entries in turn, then an affine map.

    Every member can be inverted, so its density is exact; couplings start at the identity, and so the flow at the
    Gaussian family's member. A latent of one entry has nothing to couple, and stays Gaussian. `Flow` has richer layers,
    and needs FlowJAX.

    Attributes:
        num_layers: couplings, at least 1; two move every entry once.
        width: of the one hidden layer of each network.
        base: the Gaussian family whose affine map comes last.

    References:
        Dinh et al. 2017, arXiv:1605.08803.
    """

    name: ClassVar[str] = "coupling-flow"
    is_axis_aligned: ClassVar[bool] = False
    num_layers: int = eqx.field(static=True, default=4)
    width: int = eqx.field(static=True, default=32)
    base: AbstractGaussianFamily = MeanField()

    def __check_init__(self) -> None:
        for name in ("num_layers", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of a CouplingFlow must be at least 1; got {getattr(self, name)}.")

    def init(self, key: PRNGKeyArray, dim: int) -> CouplingFlowApproximation:
        """The standard normal, the same for every key."""
        return self.at(Affine.identity(dim))

    def at(self, affine: Affine) -> CouplingFlowApproximation:
        """The Gaussian family's member, and couplings that do nothing yet."""
        base = self.base.at(affine)
        couplings = tuple(
            AffineCoupling.identity(jr.fold_in(jr.key(0), i), base.dim, self.width, moves_first=i % 2 == 1)
            for i in range(self.num_layers)
        )
        return CouplingFlowApproximation(base, couplings)
