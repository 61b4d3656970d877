"""Gradient estimators: the same bound, gradients of other variances.

The value of a bound does not depend on the estimator; only what its automatic derivative is. Written for one example.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Scalar

from latlas.core import stop_gradient
from latlas.distributions import has_closed_form, kl_divergence
from latlas.objectives._draws import over_draws

LogWeight = Callable[[PyTree[Array], Any], Float[Array, " samples"]]


class AbstractGradient(eqx.Module):
    """How gradients flow through the draws z ~ q and through log q(z)."""

    @abc.abstractmethod
    def kl(self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, p: Any) -> Scalar:
        """Estimate of KL(q || p) from draws `z` of q, in nats."""

    @abc.abstractmethod
    def reweighted(
        self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, log_weight: LogWeight
    ) -> tuple[PyTree[Array], Any]:
        """The draws and the density at which an importance-weighted bound is to be evaluated."""


def _monte_carlo_kl(z, log_mass, q, p):
    # KL(q || p) = E_q[log q(z) - log p(z)]
    return jnp.sum(jnp.exp(log_mass) * over_draws(lambda z: q.log_prob(z) - p.log_prob(z), z))


class Reparameterised(AbstractGradient):
    """The total derivative through z = g(noise, phi) and through log q (Kingma and Welling 2014, eq. 10).

    Attributes:
        closed_form_kl: use the closed form of KL(q || p) where one exists (less variance); where none does, or with
            `False`, the Monte Carlo estimate.
    """

    closed_form_kl: bool = eqx.field(static=True, default=True)

    def kl(self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, p: Any) -> Scalar:
        """KL(q || p) in closed form where there is one, otherwise from the draws."""
        if self.closed_form_kl and has_closed_form(q, p):
            return kl_divergence(q, p)
        return _monte_carlo_kl(z, log_mass, q, p)

    def reweighted(
        self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, log_weight: LogWeight
    ) -> tuple[PyTree[Array], Any]:
        """Both as they are."""
        return z, q


class StickingTheLanding(AbstractGradient):
    """The path derivative: log q is differentiated through z alone (Roeder et al. 2017, arXiv:1703.09194, eq. 8).

    Its variance vanishes where q is the posterior. It implies the Monte Carlo form of the KL. For an
    importance-weighted bound with K > 1 it is biased (Tucker et al. 2019, section 4): use `DoublyReparameterised` there.
    """

    def kl(self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, p: Any) -> Scalar:
        """KL(q || p) from the draws, the score term left out of its gradient."""
        return _monte_carlo_kl(z, log_mass, stop_gradient(q), p)

    def reweighted(
        self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, log_weight: LogWeight
    ) -> tuple[PyTree[Array], Any]:
        """The draws, and q without gradients of its parameters."""
        return z, stop_gradient(q)


class DoublyReparameterised(AbstractGradient):
    """DReG (Tucker et al. 2019, arXiv:1810.04152, eq. 8): unbiased, and its signal does not fade as K grows.

    The gradient that reaches q through draw k is multiplied by its normalised weight once more. For the ELBO it is
    `StickingTheLanding` (one draw has weight one).
    """

    def kl(self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, p: Any) -> Scalar:
        """KL(q || p) from the draws, the score term left out of its gradient."""
        return _monte_carlo_kl(z, log_mass, stop_gradient(q), p)

    def reweighted(
        self, z: PyTree[Array], log_mass: Float[Array, " samples"], q: Any, log_weight: LogWeight
    ) -> tuple[PyTree[Array], Any]:
        """The draws with scaled cotangents, and q without gradients of its parameters."""
        # evaluated twice in the program, once by the machine: without gradients both are the same expression
        weights = jax.nn.softmax(jax.lax.stop_gradient(log_mass + log_weight(z, q)))
        return _scale_cotangents(z, weights), stop_gradient(q)


@jax.custom_vjp
def _scale_cotangents(z: PyTree[Array], weights: Float[Array, " samples"]) -> PyTree[Array]:
    """The identity on `z`, whose derivative of row k is multiplied by `weights[k]`."""
    return z


def _scale_forward(z, weights):
    return z, weights


def _scale_backward(weights, cotangents):
    scaled = jax.tree.map(lambda c: c * weights.reshape(weights.shape + (1,) * (c.ndim - 1)), cotangents)
    return scaled, jnp.zeros_like(weights)


_scale_cotangents.defvjp(_scale_forward, _scale_backward)
