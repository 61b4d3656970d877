"""Links of a hierarchy: from one latent to a distribution over the next."""

from collections.abc import Callable

import equinox as eqx
import numpyro.distributions as dist
from jaxtyping import Array, PyTree

from latlas.models._recognition import gaussian


class ConditionalGaussian(eqx.Module):
    """p(b | a) = N(loc(a), diag scale(a)^2), by one network; a link of `distributions.Chain`.

    Attributes:
        network: `a -> (2 * latent,)`, location and log-scale of b.
    """

    network: Callable[[PyTree[Array]], Array]

    def __call__(self, given: PyTree[Array]) -> dist.Distribution:
        """p(b | a = given), event shape `(latent,)`."""
        return gaussian(self.network(given))
