"""A head over standardised values whose log-densities are those of the data as they came."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Scalar

from latlas.distributions.heads._head import AbstractHead


class InDataUnits(AbstractHead):
    r"""Scores z = (x - loc) / scale and reports log p(x), not log p(z).

    $\log p(x) = \log p(z) - \sum_j \log scale_j$, the sum over features that were observed. So all that is made of the
    likelihood (ELBO, evidence, distortion) is in nats of the data's own units, and comparable between models that
    standardise differently.

    Attributes:
        head: over z.
        log_scale: logarithms of the standard deviations, of the shape of `x`; never trained.
    """

    head: AbstractHead
    log_scale: Float[Array | np.ndarray, "..."]

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """That of the head."""
        return self.head.param_shape(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Log p(x) of the observed entries in the data's units, in nats; `x` is standardised."""
        log_scale = self.log_scale if observed is None else jnp.where(observed, self.log_scale, 0.0)
        return self.head.log_prob(params, x, observed) - jnp.sum(log_scale)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Array:
        """One draw, standardised."""
        return self.head.sample(key, params)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """The mean, standardised."""
        return self.head.mean(params)
