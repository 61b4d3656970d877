"""Total correlation of the aggregate posterior, as a part of `objectives.Total`."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import Example, num_examples
from latlas.objectives import AbstractObjective, Terms


class TotalCorrelation(AbstractObjective):
    r"""$E \log q(z) - \sum_j E \log q(z_j)$, q(z) by minibatch-stratified weights.

    Every other example of the batch stands for (N - 1) / (B - 1) of the data (Chen et al. 2018, arXiv:1802.04942,
    appendix C.2). For diagonal Gaussian posteriors.

    Attributes:
        num_data: size N of the training data.
    """

    num_data: int

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The estimate of a batch, as loss and as term, in nats."""
        keys = jr.split(key, num_examples(batch))

        def posterior(key, example):
            q = model.posterior(example)
            return q.base_dist.loc, q.base_dist.scale, q.sample(key)

        loc, scale, z = jax.vmap(posterior)(keys, batch)
        log_q = jax.scipy.stats.norm.logpdf(z[:, None], loc, scale)
        size = len(z)
        share = np.full((size, size), (1 - 1 / self.num_data) / (size - 1))
        np.fill_diagonal(share, 1 / self.num_data)
        log_share = jnp.asarray(np.log(share), jnp.float32)
        joint = logsumexp(log_q.sum(axis=-1) + log_share, axis=1)
        marginal = logsumexp(log_q + log_share[..., None], axis=1).sum(axis=-1)
        total_correlation = jnp.mean(joint - marginal)
        return total_correlation, {"total_correlation": total_correlation}
