"""Heads: from a decoder's numbers to a distribution over one observation.

A head makes its parameters valid by construction (NumPyro's checks do not run under `jit`: a negative scale would be a
silent nan) and scores only what was observed. Decoders know nothing of densities, models nothing of parameters.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree, Scalar


class AbstractHead(eqx.Module):
    """Parameters -> distribution over one `x`; parameters are a decoder's raw, unconstrained output."""

    @abc.abstractmethod
    def param_shape(self, shape: PyTree) -> PyTree:
        """Shape that a decoder's output must have for an `x` of `shape` (a tuple; for `Mixed` a dict of tuples)."""

    @abc.abstractmethod
    def log_prob(
        self, params: PyTree[Array], x: PyTree[Array], observed: PyTree[Bool[Array, "..."]] | None = None
    ) -> Scalar:
        """Log p(x | params) of the observed entries of one `x`, in nats, shape `()`."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, params: PyTree[Array]) -> PyTree[Array]:
        """One draw of `x`."""

    @abc.abstractmethod
    def mean(self, params: PyTree[Array]) -> PyTree[Array]:
        """E[x | params], of the shape of `x` (for categories: their probabilities)."""


class Likelihood(eqx.Module):
    """p(x | z) of one example: a head and the parameters that a decoder gave it."""

    head: AbstractHead
    params: PyTree[Array]

    def log_prob(self, x: PyTree[Array], observed: PyTree[Bool[Array, "..."]] | None = None) -> Scalar:
        """Log p(x | z) of the observed entries, in nats."""
        return self.head.log_prob(self.params, x, observed)

    def sample(self, key: PRNGKeyArray) -> PyTree[Array]:
        """One draw of x."""
        return self.head.sample(key, self.params)

    @property
    def mean(self) -> PyTree[Array]:
        """E[x | z]."""
        return self.head.mean(self.params)


def masked_sum(
    log_prob: Callable[[Array], Array],
    x: Array,
    observed: Bool[Array, "..."] | None,
    placeholder: float = 0.0,
) -> Scalar:
    """Sum of an elementwise log density over the observed entries of `x`.

    The missing entries are replaced by `placeholder`, a point of the support, *before* the density sees them: a nan
    that is multiplied by zero afterwards is still nan in the gradient.

    Args:
        log_prob: elementwise log density, `(shape of x) -> (shape of x)`.
        x: one observation.
        observed: `True` where observed, of the shape of `x`; `None` for all.
        placeholder: any value in the support of the density.
    """
    if observed is None:
        return jnp.sum(log_prob(x))
    return jnp.sum(
        jnp.where(observed, log_prob(jnp.where(observed, x, jnp.asarray(placeholder, x.dtype))), 0.0)
    )
