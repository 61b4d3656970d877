"""The member of a Gaussian family that has the nearest mean and covariance, in forward KL."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from latlas.bayes.engines._maximum_likelihood import maximum_likelihood
from latlas.distributions.families import (
    AbstractApproximation,
    AbstractFamily,
    Block,
    BlockGaussian,
    DiagonalGaussian,
    FullGaussian,
    FullRank,
    LowRank,
    LowRankGaussian,
    MeanField,
)


@functools.singledispatch
def matched(
    family: AbstractFamily, mean: Float[np.ndarray, " n"], covariance: Float[np.ndarray, "n n"]
) -> AbstractApproximation | None:
    """argmin_q KL(p || q) for any p with these moments; None where the moments do not settle it."""
    return None


@matched.register
def _(family: MeanField, mean, covariance):
    return DiagonalGaussian(jnp.asarray(mean), 0.5 * jnp.log(jnp.diagonal(jnp.asarray(covariance))))


@matched.register
def _(family: FullRank, mean, covariance):
    return FullGaussian.of(mean, np.linalg.cholesky(covariance))


@matched.register
def _(family: Block, mean, covariance):
    groups = family.init(jax.random.key(0), len(mean)).groups
    blocks = [
        matched(FullRank() if group in family.groups else MeanField(), mean[list(group)], part)
        for group in groups
        for part in [covariance[np.ix_(group, group)]]
    ]
    return BlockGaussian(tuple(blocks), groups)


@matched.register
def _(family: LowRank, mean, covariance):
    scale = np.sqrt(np.diagonal(covariance))
    rank = family.init(jax.random.key(0), len(mean)).factor.shape[1]
    # begin with the leading directions of the correlations, the scales with what those leave
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    rest = max(float(values[:-rank].mean()), 1e-3) if rank < len(mean) else float(values.min())
    strength = np.sqrt(np.maximum(np.sqrt(values[-rank:] / rest) - 1.0, 1e-2))
    start = LowRankGaussian(
        jnp.asarray(mean),
        jnp.asarray(np.log(scale) + 0.5 * np.log(rest)),
        jnp.asarray(vectors[:, -rank:] * strength),
    )
    return maximum_likelihood(start, *_sigma_points(mean, covariance))


def has_moments(family: AbstractFamily) -> bool:
    """Whether the moments settle the family's member."""
    return matched.dispatch(type(family)) is not matched.dispatch(AbstractFamily)


def _sigma_points(mean, covariance):
    """2 n points of equal weight that have this mean and covariance, and the logs of their weights."""
    n = len(mean)
    steps = np.sqrt(n) * np.linalg.cholesky(covariance).T
    return np.concatenate([mean + steps, mean - steps]), np.full(2 * n, -np.log(2.0 * n))
