"""The KL divergence of each dimension of a latent, where the two distributions factorise over them."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions.kl import kl_divergence as numpyro_kl


def kl_per_dimension(q: Any, p: Any) -> Float[Array, " latent"] | None:
    """KL of each dimension of a latent, in nats: their sum is KL(q || p).

    >>> import numpyro.distributions as dist
    >>> import jax.numpy as jnp
    >>> p = dist.Normal(jnp.zeros(2), jnp.ones(2)).to_event(1)
    >>> kl_per_dimension(dist.Normal(jnp.array([0.0, 1.0]), jnp.ones(2)).to_event(1), p).tolist()
    [0.0, 0.5]

    Args:
        q: distribution over one latent.
        p: distribution over the same latent.

    Returns:
        One number per dimension; `None` where the two do not factorise over them, or NumPyro knows no closed
        form.
    """
    pair = [d.base_dist if isinstance(d, dist.Independent) else d for d in (q, p)]
    factorise = all(isinstance(d, dist.Distribution) and not d.event_shape for d in pair)
    if not factorise or pair[0].batch_shape != pair[1].batch_shape:
        return None
    rule = numpyro_kl.dispatch(*map(type, pair))
    return None if rule is None else jnp.ravel(rule(*pair))
