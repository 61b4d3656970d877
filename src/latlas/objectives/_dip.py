"""DIP-VAE: the moments of the codes led towards those of the prior."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, PRNGKeyArray, Scalar

from latlas.core import Example
from latlas.objectives._objective import AbstractObjective, Terms, map_over_batch


class DIP(AbstractObjective):
    r"""$\lambda_{od} \sum_{i \ne j} C_{ij}^2 + \lambda_d \sum_i (C_{ii} - 1)^2$, C a covariance of the codes over the batch.

    `Total((Elbo(), DIP()), (1.0, 1.0))` is DIP-VAE (Kumar et al. 2018, arXiv:1711.00848): of type I where C
    is the covariance of the posterior means, of type II where it is that of the aggregate posterior,
    $Cov_x E[z|x] + E_x Cov[z|x]$. It supposes a prior of independent dimensions of variance one.

    Attributes:
        aggregate: the covariance of the aggregate posterior (II), or of the means alone (I).
        off_diagonal: $\lambda_{od}$.
        diagonal: $\lambda_d$; the paper takes 10 times the other for I, and the same for II.
    """

    aggregate: bool = eqx.field(static=True, default=True)
    off_diagonal: float = 10.0
    diagonal: float = 10.0

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `dip`, which is the loss."""

        def moments(key, model, example):
            q = model.posterior(example)
            covariance = _covariance(q) if self.aggregate else None
            return jnp.ravel(q.mean), covariance

        means, covariances = map_over_batch(key, moments, model, batch)
        centred = means - jnp.mean(means, axis=0)
        covariance = centred.T @ centred / len(means)
        if covariances is not None:
            covariance += jnp.mean(covariances, axis=0)
        diagonal = jnp.diagonal(covariance)
        off_diagonal = jnp.sum(covariance**2) - jnp.sum(diagonal**2)
        loss = self.off_diagonal * off_diagonal + self.diagonal * jnp.sum((diagonal - 1.0) ** 2)
        return loss, {"dip": loss}


def _covariance(q: Any) -> Array:
    if isinstance(q, dist.MultivariateNormal):
        return q.covariance_matrix  # pyright: ignore[reportReturnType]  # to NumPyro a lazy_property, not its value
    if isinstance(q, dist.Independent) and not q.base_dist.event_shape:
        return jnp.diag(jnp.ravel(q.variance))
    raise ValueError(
        f"DIP needs the covariance of q(z|x), which a {type(q).__name__} does not give. Use a diagonal or a full-covariance "
        "Gaussian posterior, or DIP(aggregate=False), which takes the means alone."
    )
