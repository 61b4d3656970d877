"""Weighted maximum likelihood of an approximation, and its generalisation to any order alpha."""

import functools
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Float, PyTree

from latlas.bayes.densities._lbfgs import minimise
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

ApproximationT = TypeVar("ApproximationT", bound=AbstractApproximation)


@functools.singledispatch
def matched(
    family: AbstractFamily, mean: Float[np.ndarray, " n"], covariance: Float[np.ndarray, "n n"]
) -> AbstractApproximation | None:
    """argmin_q KL(p || q) for any p with these moments; None where the moments do not settle it."""
    return None


def _independent(mean, covariance):
    return DiagonalGaussian(jnp.asarray(mean), 0.5 * jnp.log(jnp.diagonal(jnp.asarray(covariance))))


def _dependent(mean, covariance):
    return FullGaussian.of(mean, np.linalg.cholesky(covariance))


@matched.register
def _(family: MeanField, mean, covariance):
    return _independent(mean, covariance)


@matched.register
def _(family: FullRank, mean, covariance):
    return _dependent(mean, covariance)


@matched.register
def _(family: Block, mean, covariance):
    groups = family.init(jax.random.key(0), len(mean)).groups
    blocks = [
        (_dependent if group in family.groups else _independent)(
            mean[list(group)], covariance[np.ix_(group, group)]
        )
        for group in groups
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


def to_vector(q: PyTree) -> Float[np.ndarray, " parameters"]:
    """All inexact leaves, end to end."""
    leaves = jax.tree.leaves(eqx.filter(q, eqx.is_inexact_array))
    return np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float64)


def with_vector(q: ApproximationT, vector: Float[np.ndarray, " parameters"]) -> ApproximationT:
    """The approximation with these parameters in place of its own."""
    params, static = eqx.partition(q, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(params)
    parts = np.split(vector, np.cumsum([leaf.size for leaf in leaves])[:-1])
    new = [jnp.asarray(part.reshape(leaf.shape)) for part, leaf in zip(parts, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, new), static)


_MAX_TURNS = 500
_GRADIENT = 1e-6  # nats per unit of a parameter, in whitened coordinates


def maximum_likelihood(
    q: AbstractApproximation,
    points: Float[np.ndarray, "s n"],
    log_weights: Float[np.ndarray, " s"],
    alpha: float = 0.0,
) -> AbstractApproximation:
    r"""Maximises $\frac1\alpha \log \sum_s w_s q(x_s)^\alpha$; at alpha = 0 its limit, the weighted mean of log q.

    By L-BFGS from `q`. A weight of zero is a log weight of -inf.
    """
    x, weights = jnp.asarray(points), jnp.asarray(log_weights)

    def loss(vector):
        value, grad = _loss(with_vector(q, vector), x, weights, alpha)
        return float(value), to_vector(grad)

    found = minimise(loss, to_vector(q), max_iterations=_MAX_TURNS, change=1e-13, gradient=_GRADIENT)
    return with_vector(q, found.x)


@eqx.filter_jit
@eqx.filter_value_and_grad
def _loss(q, points, log_weights, alpha):
    log_q = jax.vmap(q.log_prob)(points)
    if alpha == 0.0:
        return -jnp.sum(jax.nn.softmax(log_weights) * log_q)
    return -logsumexp(jax.nn.log_softmax(log_weights) + alpha * log_q) / alpha
