"""Recognition models q(z | x, condition): amortised by a network, or one free posterior per datum."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float, PyTree

from latlas.core import Example
from latlas.networks import values

# exp(+-LIMIT) spans scales from 5e-5 to 2e4: far past any useful posterior, far from float32's infinities
_LOG_SCALE_LIMIT = 10.0


class AbstractRecognition(eqx.Module):
    """Example -> distribution over its latent."""

    @abc.abstractmethod
    def __call__(self, example: Example) -> Any:
        """q(z | x, condition)."""


def gaussian(params: Float[Array, " twice_latent"]) -> dist.Distribution:
    """Diagonal Gaussian from `2 * latent` raw numbers: the location, then the log-scale (squashed at +-10)."""
    loc, log_scale = jnp.split(params, 2)
    log_scale = _LOG_SCALE_LIMIT * jnp.tanh(log_scale / _LOG_SCALE_LIMIT)
    return dist.Normal(loc, jnp.exp(log_scale)).to_event(1)


class GaussianRecognition(AbstractRecognition):
    """q(z | x) = N(loc(x), diag scale(x)^2), amortised by one network.

    Attributes:
        encoder: `(inputs,) -> (2 * latent,)`.
        inputs: what the network sees of an example: `networks.values` (the default) or `networks.values_and_mask`.
    """

    encoder: Callable[[Array], Array]
    inputs: Callable[[Example], Array] = eqx.field(static=True, default=values)

    def __call__(self, example: Example) -> dist.Distribution:
        """q(z | x), event shape `(latent,)`."""
        return gaussian(self.encoder(self.inputs(example)))


class ConditionalGaussian(eqx.Module):
    """p(b | a) = N(loc(a), diag scale(a)^2), by one network; a link of `distributions.Chain`.

    Attributes:
        network: `a -> (2 * latent,)`, location and log-scale of b.
    """

    network: Callable[[PyTree[Array]], Array]

    def __call__(self, given: PyTree[Array]) -> dist.Distribution:
        """p(b | a = given), event shape `(latent,)`."""
        return gaussian(self.network(given))
