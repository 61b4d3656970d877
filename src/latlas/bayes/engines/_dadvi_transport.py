"""Deterministic ADVI of any differentiable map of standard normal noise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._dadvi_mean_field import rms_error
from latlas.core import Layout, in_float64
from latlas.distributions.families import AbstractTransport

_MIN_DRAWS = 32


class TransportProblem:
    r"""min over phi of $-\frac1M \sum_k [\log p(T_\phi(z_k)) - \log q_\phi(T_\phi(z_k))]$.

    The gradient of log p comes from the density's own program; a small one pulls it back through T. The entropy is an
    average over the same draws, which is exact where T is affine. There are at least 2 n draws: with fewer, a map that can
    shear space finds a direction that no draw looks along, and the loss has no minimum.
    """

    bounds = None

    def __init__(self, density: Density, initial: AbstractTransport):
        self.density = density
        self.min_draws = max(_MIN_DRAWS, 1 << (2 * density.dim - 1).bit_length())
        params, self._static = eqx.partition(initial, eqx.is_inexact_array)
        self._layout = Layout.of(params)
        self.start = np.concatenate(
            [np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(params)]
        )

    def use(self, noise: Float[np.ndarray, "draws n"]) -> None:
        """Take these draws from now on."""
        self.noise = noise

    @in_float64
    def loss(self, x: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """The negative ELBO in nats and its gradient."""
        params = self._layout.unravel(x)
        w = np.asarray(_push(params, self._static, self.noise))
        if not np.isfinite(w).all():
            return np.inf, np.zeros_like(x)
        value, grad = self.density.value_and_grad(w)
        entropy, pulled = _pull(params, self._static, self.noise, grad)
        gradient = np.concatenate([np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(pulled)])
        return -float(np.mean(value) + entropy), -gradient

    def recentre(self, x: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        """The same x: what L-BFGS has seen is forgotten, no more."""
        return x

    @in_float64
    def error(self, x: Float[np.ndarray, " p"]) -> tuple[float, float]:
        """Standard errors that the choice of draws leaves in means (in sds) and log sds, each rms over all coordinates.

        The sandwich estimate over antithetic pairs, with the covariance of the draws as the inverse curvature.
        """
        w = np.asarray(_push(self._layout.unravel(x), self._static, self.noise))
        _, grad = self.density.value_and_grad(w)
        half, offset = len(grad) // 2, w - w.mean(0)
        covariance = offset.T @ offset / len(w)
        pairs = 0.5 * (grad[:half] + grad[half:])
        moves = (pairs - pairs.mean(0)) @ covariance / np.sqrt(np.diagonal(covariance))
        # of the scales' gradient what a normal posterior would have is exact
        stretches = (grad + np.linalg.solve(covariance, offset.T).T) * offset
        stretches = 0.5 * (stretches[:half] + stretches[half:])
        return rms_error(moves), rms_error(0.5 * (stretches - stretches.mean(0)))

    @in_float64
    def approximation(self, x: Float[np.ndarray, " p"]) -> AbstractTransport:
        """The distribution at `x`."""
        return eqx.combine(jax.tree.map(jnp.asarray, self._layout.unravel(x)), self._static)


@eqx.filter_jit
def _push(params, static, noise):
    return jax.vmap(eqx.combine(params, static).transport)(noise)


@eqx.filter_jit
def _pull(params, static, noise, grad):
    """(entropy, the gradient of the ELBO), given log p's gradient at the draws."""

    def surrogate(params):
        approximation = eqx.combine(params, static)
        w = jax.vmap(approximation.transport)(noise)
        entropy = -jnp.mean(jax.vmap(approximation.log_prob)(w))
        return jnp.mean(jnp.sum(w * grad, axis=1)) + entropy, entropy

    gradient, entropy = jax.grad(surrogate, has_aux=True)(params)
    return entropy, gradient
