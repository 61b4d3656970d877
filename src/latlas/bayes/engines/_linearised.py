"""Linearised (Gauss-Newton) variational Bayes of y = g(x) + noise, and where it sees no data."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from latlas.core import RequestError, in_float64

_BLIND = 1e-6  # share of a direction's precision that the data contribute: below it they are not seen
_TOLERANCE = 1e-10  # sds
_MAX_STEPS = 200


@dataclass(frozen=True)
class LinearisedFit:
    """A normal from a linearised model.

    Attributes:
        loc: mean, `(n,)`.
        covariance: inverse of prior precision + J' J / noise variance, J being the model's derivative at the mean, `(n, n)`.
        num_blind: directions along which that derivative is about zero: there the variance is the prior's.
        converged: whether the steps reached a fixed point.
        message: what to know about the fit, one sentence.
    """

    loc: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]
    num_blind: int
    converged: bool
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON."""
        return asdict(self) | {"loc": self.loc.tolist(), "covariance": self.covariance.tolist()}


@in_float64
def linearised_fit(
    forward: Callable[[Float[Array, " n"]], Float[Array, " m"]],
    observed: Float[Array | np.ndarray, " m"],
    noise_sd: float,
    prior_loc: Float[Array | np.ndarray, " n"],
    prior_sd: Float[Array | np.ndarray, " n"],
    *,
    start: Float[Array | np.ndarray, " n"] | None = None,
) -> LinearisedFit:
    r"""Variational Bayes of $y = g(x) + \epsilon$ with g replaced by its tangent at the mean, until the mean stays.

    $P = \Sigma_0^{-1} + J^T J / s^2$ and $m \leftarrow m + P^{-1} [J^T (y - g(m)) / s^2 - \Sigma_0^{-1} (m - m_0)]$ (with
    halved steps where the log posterior would fall). A point where J = 0 and the prior is at its peak is a fixed point
    whatever the data say, and there the variance is the prior's; the fit says so.

    Args:
        forward: g, traceable, `(n,)` to `(m,)`.
        observed: y, `(m,)`.
        noise_sd: s.
        prior_loc: mean of the normal prior, `(n,)`.
        prior_sd: its standard deviations, `(n,)`.
        start: where the mean begins; at the prior's if None.

    Raises:
        RequestError: if the model's shape is not that of the data.

    References:
        Chappell, Groves, Whitcher, Woolrich 2009, IEEE Transactions on Signal Processing 57(1), section II.
    """
    loc = np.array(prior_loc if start is None else start, np.float64)
    prior_loc, prior_sd, observed = (np.asarray(a, np.float64) for a in (prior_loc, prior_sd, observed))
    shape = np.shape(jax.eval_shape(forward, loc))
    if shape != observed.shape:
        raise RequestError(
            f"The model returns shape {shape} and the data have {observed.shape}; both must be vectors of the same length."
        )
    derivative = jax.jit(lambda x: (forward(x), jax.jacobian(forward)(x)))
    prior_precision = np.diag(prior_sd**-2.0)

    def log_posterior(x, value):
        return -0.5 * np.sum(((observed - value) / noise_sd) ** 2) - 0.5 * np.sum(
            ((x - prior_loc) / prior_sd) ** 2
        )

    converged = False
    for _ in range(_MAX_STEPS):
        value, jacobian = map(np.asarray, derivative(loc))
        precision = prior_precision + jacobian.T @ jacobian / noise_sd**2
        slope = jacobian.T @ (observed - value) / noise_sd**2 - prior_precision @ (loc - prior_loc)
        step, here, size = np.linalg.solve(precision, slope), log_posterior(loc, value), 1.0
        if step @ precision @ step < _TOLERANCE**2:
            converged = True
            break
        while (
            size > 1e-6
            and not log_posterior(loc + size * step, np.asarray(forward(jnp.asarray(loc + size * step))))
            >= here
        ):
            size *= 0.5
        loc = loc + size * step
    seen = np.linalg.eigvalsh(prior_sd[:, None] * (jacobian.T @ jacobian / noise_sd**2) * prior_sd)
    num_blind = int(np.sum(seen < _BLIND))
    return LinearisedFit(
        loc, np.linalg.inv(precision), num_blind, converged, _sentence(num_blind, len(loc), converged)
    )


def _sentence(num_blind, n, converged):
    if num_blind:
        return (
            f"At this point the linearised model sees no data along {num_blind} of {n} directions (its derivative is zero "
            "there): the variance is the prior's whatever was observed. Start elsewhere, or take an engine that draws."
        )
    return "The mean is a fixed point." if converged else f"The mean still moves after {_MAX_STEPS} steps."
