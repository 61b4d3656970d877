"""Means of importance weights on the log scale, and their errors.

Every function shifts by the largest log weight first, so that log weights of any size neither overflow nor
vanish.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Scalar

from latlas.stats._psis import pareto_k


def log_mean_exp(log_weights: Float[Array, " samples"]) -> Float[Array, ""]:
    r"""The logarithm of the mean weight, $\log \frac1S \sum_s w_s$.

    With $w_s = p(x, z_s) / q(z_s \mid x)$ this is the importance-sampling estimate of $\log p(x)$.

    Args:
        log_weights: log w_s in nats; -inf is a weight of zero.

    Returns:
        A scalar in nats; -inf if every weight is zero.

    >>> import jax.numpy as jnp
    >>> round(float(log_mean_exp(jnp.log(jnp.array([1.0, 3.0])))), 4)  # log 2
    0.6931
    """
    return logsumexp(log_weights) - jnp.log(log_weights.shape[0])


def log_mean_exp_standard_error(log_weights: Float[Array, " samples"]) -> Float[Array, ""]:
    r"""Standard error of `log_mean_exp` by the delta method, $\mathrm{sd}(w) / (\sqrt S \, \bar w)$.

    To be believed only where the weights have a finite variance: look at `pareto_k`.

    Args:
        log_weights: log w_s in nats; -inf is a weight of zero.

    Returns:
        A scalar in nats; infinite for a single weight, or if every weight is zero.
    """
    if log_weights.shape[0] < 2:
        return jnp.full((), jnp.inf, log_weights.dtype)
    top = jnp.max(log_weights)
    weights = jnp.exp(log_weights - jnp.where(jnp.isneginf(top), 0.0, top))
    return jnp.where(jnp.isneginf(top), jnp.inf, standard_error(weights) / jnp.mean(weights))


class WeightStatistics(NamedTuple):
    """What the log weights of one estimate say.

    Attributes:
        log_evidence: `log_mean_exp`, in nats.
        standard_error: of it, in nats: `log_mean_exp_standard_error`.
        effective_sample_size: of the weights.
        pareto_k: tail shape of the weights; below 0.5 the two above mean what they say, from there to 0.7 the error is too
            short (two of them cover nine in ten to eight in ten), and beyond neither means anything.
    """

    log_evidence: Scalar
    standard_error: Scalar
    effective_sample_size: Scalar
    pareto_k: Scalar


def weight_statistics(log_weights: Float[Array, " samples"]) -> WeightStatistics:
    """The estimate that log weights give, its error, and the state of the weights.

    Args:
        log_weights: log w_s in nats; -inf is a weight of zero.
    """
    return WeightStatistics(
        log_mean_exp(log_weights),
        log_mean_exp_standard_error(log_weights),
        effective_sample_size(log_weights),
        pareto_k(log_weights),
    )


def renyi_log_mean(log_weights: Float[Array, " samples"], alpha: float) -> Float[Array, ""]:
    r"""The variational Renyi bound of order alpha: $\frac{1}{1-\alpha} \log \frac1S \sum_s w_s^{1-\alpha}$.

    It falls with alpha: `log_mean_exp` at 0, the mean log weight (the ELBO) at 1, the largest log weight towards
    minus infinity.

    Args:
        log_weights: log w_s in nats; -inf is a weight of zero.
        alpha: any number.

    Returns:
        A scalar in nats.

    References:
        Li and Turner 2016, arXiv:1602.02311, eq. 6.

    >>> import jax.numpy as jnp
    >>> [round(float(renyi_log_mean(jnp.log(jnp.array([1.0, 4.0])), alpha)), 4) for alpha in (-1.0, 0.0, 1.0)]
    [1.07, 0.9163, 0.6931]
    """
    if alpha == 1.0:
        return jnp.mean(log_weights)
    return log_mean_exp((1.0 - alpha) * log_weights) / (1.0 - alpha)


def effective_sample_size(log_weights: Float[Array, " samples"]) -> Float[Array, ""]:
    r"""Number of equally weighted samples worth as much, $1 / \sum_s \bar w_s^2$ of the normalised weights.

    Args:
        log_weights: log weights in nats, normalised or not; -inf is a weight of zero.

    Returns:
        A scalar between 1 and S; 0 if every weight is zero.

    References:
        Kong 1992, "A note on importance sampling using standardized weights".

    >>> import jax.numpy as jnp
    >>> float(effective_sample_size(jnp.array([-1000.0, -1000.0, -jnp.inf])))
    2.0
    """
    top = jnp.max(log_weights)
    weights = jnp.exp(log_weights - jnp.where(jnp.isneginf(top), 0.0, top))
    return jnp.where(jnp.isneginf(top), 0.0, jnp.sum(weights) ** 2 / jnp.sum(weights**2))


def standard_error(values: Float[Array, " samples"]) -> Float[Array, ""]:
    r"""Standard error of the mean of independent values: $\mathrm{sd} / \sqrt n$, the variance over $n - 1$.

    Args:
        values: independent draws, or one value per example.

    Returns:
        A scalar in the unit of the values; infinite for a single one.

    >>> import jax.numpy as jnp
    >>> float(standard_error(jnp.array([1.0, 3.0])))
    1.0
    """
    if values.shape[0] < 2:
        return jnp.full((), jnp.inf, values.dtype)
    return jnp.std(values, ddof=1) / jnp.sqrt(values.shape[0])
