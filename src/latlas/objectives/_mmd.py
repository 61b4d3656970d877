"""The distance between the aggregate posterior and the prior, from draws of both."""

from typing import Any

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Example
from latlas.objectives._objective import AbstractObjective, Terms, map_over_batch
from latlas.stats import mmd_squared


class MMD(AbstractObjective):
    r"""Squared maximum mean discrepancy between codes z ~ q(z|x) of a batch and as many draws of the prior; unbiased.

    `Total((Elbo(Constant(1 - alpha)), MMD()), (1.0, alpha + lambda_ - 1))` is InfoVAE (Zhao et al. 2019,
    arXiv:1706.02262); with alpha = 1 the rate is free and only the aggregate is held to the prior.

    Attributes:
        scale: of the Gaussian kernel, in units of z; by default the square root of the number of dimensions, the root mean
            square length of a draw of a standard normal. Two such draws lie the root of 2 times as far apart.
    """

    scale: float | Float[Array, ""] | None = None

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `mmd`, both the squared discrepancy; it may be below zero."""

        def draws(key, model, example):
            q_key, p_key = jr.split(key)
            z, other = model.posterior(example).sample(q_key), model.prior(example.condition).sample(p_key)
            return jnp.ravel(z), jnp.ravel(other)

        codes, others = map_over_batch(key, draws, model, batch)
        scale = codes.shape[1] ** 0.5 if self.scale is None else self.scale
        value = mmd_squared(codes, others, scale=scale)
        return value, {"mmd": value}
