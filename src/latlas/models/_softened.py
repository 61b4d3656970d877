"""Points made into densities: a prior or a posterior without width is given one."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, PRNGKeyArray, PyTree

from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.models._prior import AbstractPrior
from latlas.models._recognition import AbstractRecognition
from latlas.networks import MLP, small_output_init, with_output_bias


class SoftenedPrior(AbstractPrior):
    """A prior that is a point (Dirac), softened to N(point, width^2).

    Under a point KL(q || p) is infinite for every q that has a density, so no ELBO exists. The width is a choice of
    units, not of the fit: encoder and decoder can scale the latent, so 1 is as good as any other in the optimum and
    best conditioned at the start.

    Attributes:
        prior: gives the point; a prior that is no point is left as it is.
        width: standard deviation of every dimension, positive.
    """

    prior: AbstractPrior
    width: float = 1.0

    def __check_init__(self):
        if not self.width > 0:
            raise ValueError(f"A softened prior needs a width above 0; got {self.width}.")

    def __call__(self, condition: PyTree[Array | np.ndarray] | None = None) -> Any:
        """N(point, width^2), event shape of the point."""
        p = self.prior(condition)
        if not isinstance(p, dist.Delta):
            return p
        point = jnp.asarray(p.v)
        return diagonal_normal(point, jnp.full_like(point, self.width))


class WidenedRecognition(AbstractRecognition):
    """A recognition without a width of its own, given one: N(mean(x), diag scale(mean(x))^2).

    The mean is that of the recognition it wraps; the scale is trained, a small network of the mean. A deterministic encoder
    becomes an amortised diagonal Gaussian this way, whatever its architecture.

    Attributes:
        recognition: gives the mean, a vector.
        network: mean -> log of (scale - floor) of each dimension.
        floor: the smallest scale, positive: it bounds the term -log sigma of the KL.
    """

    recognition: AbstractRecognition
    network: MLP
    floor: float = eqx.field(static=True)

    def __init__(
        self,
        recognition: AbstractRecognition,
        latent_dim: int,
        *,
        key: PRNGKeyArray,
        hidden: tuple[int, ...] = (50,),
        width: float = 0.3,
        floor: float = 1e-3,
    ):
        """A scale of `width` everywhere, to be trained.

        Args:
            recognition: gives the mean, a vector of `latent_dim` numbers.
            latent_dim: number of latent dimensions.
            key: draws the network's weights.
            hidden: widths of the network's hidden layers.
            width: the scale at the start, in units of the latent; above `floor`.
            floor: the smallest scale, positive.
        """
        if not width > floor > 0:
            raise ValueError(
                f"A scale starts at a width above its floor, both positive; got width={width}, floor={floor}."
            )
        network = small_output_init(MLP(latent_dim, latent_dim, hidden, key=key))
        self.recognition, self.floor = recognition, floor
        self.network = with_output_bias(network, jnp.log(width - floor))

    def __call__(self, example: Example) -> dist.Distribution:
        """q(z | x), event shape `(latent_dim,)`."""
        mean = self.recognition(example).mean
        return diagonal_normal(mean, self.floor + jnp.exp(jnp.clip(self.network(mean), -10.0, 5.0)))
