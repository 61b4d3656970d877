"""Weighted maximum likelihood of an approximation, and its generalisation to any order alpha."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Float
from scipy.optimize import minimize

from latlas.bayes.engines._flat import to_vector, with_vector
from latlas.distributions.families import AbstractApproximation

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
    points, log_weights = jnp.asarray(points), jnp.asarray(log_weights)

    def loss(vector):
        value, grad = _loss(with_vector(q, vector), points, log_weights, alpha)
        value, grad = float(value), to_vector(grad)
        return (value, grad) if np.isfinite(value) and np.all(np.isfinite(grad)) else (1e300, 0.0 * grad)

    options = {"maxiter": _MAX_TURNS, "gtol": _GRADIENT, "ftol": 1e-13, "maxcor": 20}
    found = minimize(loss, to_vector(q), jac=True, method="L-BFGS-B", options=options)
    return with_vector(q, found.x)


@eqx.filter_jit
@eqx.filter_value_and_grad
def _loss(q, points, log_weights, alpha):
    log_q = jax.vmap(q.log_prob)(points)
    if alpha == 0.0:
        return -jnp.sum(jax.nn.softmax(log_weights) * log_q)
    return -logsumexp(jax.nn.log_softmax(log_weights) + alpha * log_q) / alpha
