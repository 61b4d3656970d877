"""The rate of a batch in three parts: what a code tells of its example, how its numbers depend, how each is spread."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from latlas.core import Example, num_examples


class AbstractAggregate(eqx.Module):
    r"""How the aggregate posterior $q(z) = \frac1N \sum_j q(z | x_j)$ over N data is estimated from a batch of M."""

    @abc.abstractmethod
    def log_weights(self, index: Int[Array, ""], batch_size: int) -> Float[Array, " batch"]:
        """For the latent of example `index` of the batch, the log-weight of each q(z | x_j) of the batch."""


class MinibatchStratified(AbstractAggregate):
    r"""The example itself at 1/N, each other one of the batch at (N - 1) / (N (M - 1)): unbiased for q(z).

    The rows beside the example stand for all others equally (stratified sampling: Chen et al. 2018, arXiv:1802.04942,
    appendix C.2, with equal instead of staggered weights of the others). Over the whole data it is exact. The logarithm
    of an unbiased estimate is still low in the mean (Jensen), most where M is small and the codes are narrow.

    Attributes:
        num_data: N, the rows of the training data.
    """

    num_data: int = eqx.field(static=True)

    def __check_init__(self):
        _check_num_data(self.num_data)

    def log_weights(self, index: Int[Array, ""], batch_size: int) -> Float[Array, " batch"]:
        """See above."""
        n = max(self.num_data, batch_size)
        others = (n - 1) / (n * max(batch_size - 1, 1))
        return jnp.log(jnp.where(jnp.arange(batch_size) == index, 1.0 / n, others))


class MinibatchWeighted(AbstractAggregate):
    """Each q(z | x_j) of the batch at 1 / (N M) (Chen et al. 2018, eq. 3): biased, and what most reports were made with.

    Its bias is close to a constant: index-code information and total correlation are off by multiples of log N, their
    gradients hardly.

    Attributes:
        num_data: N, the rows of the training data.
    """

    num_data: int = eqx.field(static=True)

    def __check_init__(self):
        _check_num_data(self.num_data)

    def log_weights(self, index: Int[Array, ""], batch_size: int) -> Float[Array, " batch"]:
        """See above."""
        return jnp.full(batch_size, -jnp.log(float(self.num_data * batch_size)))


class RateParts(NamedTuple):
    r"""Of one latent z, in nats; the three parts sum to log q(z|x) - log p(z), whose mean is the rate.

    Attributes:
        index_code_information: log q(z|x) - log q(z).
        total_correlation: log q(z) - sum_j log q(z_j).
        dimensionwise_kl: log q(z_j) - log p(z_j) of each dimension j, where p factorises; otherwise the sum in one entry.
    """

    index_code_information: Scalar
    total_correlation: Scalar
    dimensionwise_kl: Float[Array, " latent"]


def parts_of_latent(
    z: Float[Array, " latent"], q: Any, p: Any, posteriors: Any, log_weights: Float[Array, " data"]
) -> RateParts:
    r"""The three parts of the rate at one latent.

    Args:
        z: drawn from q.
        q: the posterior of its example.
        p: the prior of its example.
        posteriors: the posteriors of all examples that make up the aggregate, as one pytree with a leading axis.
        log_weights: of each of them in the aggregate.

    Raises:
        ValueError: if the marginals of a dimension under q are not known.
    """
    joint = jax.vmap(lambda other: other.log_prob(z))(posteriors)
    single = jax.vmap(lambda other: _marginals(other).log_prob(z))(posteriors)
    log_q = jax.nn.logsumexp(joint + log_weights)
    log_q_single = jax.nn.logsumexp(single + log_weights.reshape(-1, *[1] * z.ndim), axis=0).ravel()
    product = jnp.sum(log_q_single)
    base = p.base_dist if isinstance(p, dist.Independent) else p
    if isinstance(base, dist.Distribution) and not base.event_shape:
        kl = log_q_single - jnp.ravel(jnp.broadcast_to(base.log_prob(z), z.shape))
    else:
        kl = (product - p.log_prob(z))[None]
    return RateParts(q.log_prob(z) - log_q, log_q - product, kl)


def rate_parts(key: PRNGKeyArray, model: Any, batch: Example, aggregate: AbstractAggregate) -> RateParts:
    """Means over a batch of the three parts, one draw of z for each example.

    Args:
        key: draws the latents.
        model: any latent-variable model whose posteriors have known marginals.
        batch: examples with a leading axis.
        aggregate: how the aggregate posterior is estimated.
    """
    n = num_examples(batch)
    # as a pytree the posteriors may leave the vmap: each use of them is inside another one
    posteriors = jax.vmap(model.posterior)(batch)

    def of_example(key, index, q, example):
        z = q.sample(key)
        return parts_of_latent(
            z, q, model.prior(example.condition), posteriors, aggregate.log_weights(index, n)
        )

    found = jax.vmap(of_example)(jr.split(key, n), jnp.arange(n), posteriors, batch)
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), found)


def _marginals(q: Any) -> Any:
    """The distributions of the single dimensions, as one elementwise distribution."""
    if isinstance(q, dist.Independent) and not q.base_dist.event_shape:
        return q.base_dist
    if isinstance(q, dist.MultivariateNormal):
        return dist.Normal(q.mean, jnp.sqrt(q.variance))
    if isinstance(q, dist.Distribution) and not q.event_shape:
        return q
    raise ValueError(
        f"The parts of the rate need the marginal of each latent dimension, which a {type(q).__name__} does not give. Use "
        "a diagonal or a full-covariance Gaussian posterior."
    )


def _check_num_data(num_data: int) -> None:
    if num_data < 1:
        raise ValueError(f"num_data is the number of training rows, at least 1; got {num_data}.")
