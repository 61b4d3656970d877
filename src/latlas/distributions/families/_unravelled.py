"""Posteriors over latents of any structure, and the member of a family that stands for a given posterior."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import Estimate, Layout
from latlas.distributions._latent import Distribution
from latlas.distributions.families._bijection import Affine
from latlas.distributions.families._factor import Diagonal, Triangular
from latlas.distributions.families._posterior import AbstractPosterior, AbstractPosteriorFamily, OneLatent


class Unravelled(AbstractPosterior):
    """A posterior over vectors as one over latents of any structure.

    Attributes:
        base: over vectors of the latent's entries.
        layout: of the latent.
    """

    base: AbstractPosterior
    layout: Layout = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """Entries of the latent."""
        return self.base.dim

    @property
    def mean(self) -> PyTree[Array]:
        """Of the structure of the latent."""
        return self.layout.unravel(self.base.mean)

    @property
    def variance(self) -> PyTree[Array]:
        """Of each entry, of the structure of the latent."""
        return self.layout.unravel(self.base.variance)

    @property
    def units(self) -> "Unravelled":
        """Those of the base."""
        return Unravelled(self.base.units, self.layout)

    @property
    def distribution(self) -> Distribution:
        """Over one latent."""
        return OneLatent(self)

    def transport(self, noise: Float[Array, " n"]) -> PyTree[Array]:
        """The latent that `noise` becomes."""
        return self.layout.unravel(self.base.transport(noise))

    def sample(self, key: PRNGKeyArray, num_draws: int) -> PyTree[Array]:
        """Independent draws, each leaf with a leading axis over them."""
        return jax.vmap(self.layout.unravel)(self.base.sample(key, num_draws))

    def log_prob(self, w: PyTree[Array]) -> Scalar:
        """Log density of one latent, in nats."""
        return self.base.log_prob(ravel_pytree(w)[0])

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """That of the base, in nats."""
        return self.base.entropy(key)


def member_near(family: AbstractPosteriorFamily, q: Any) -> AbstractPosterior:
    """The member that stands for `q`: `q` itself where it is of the family.

    It has the mean and the standard deviations of `q`, and its covariances where `q` is a `MultivariateNormal`.

    >>> import numpyro.distributions as dist
    >>> from latlas.distributions import MeanField
    >>> q = member_near(MeanField(), dist.Normal(jnp.array([1.0, -2.0]), 0.5).to_event(1))
    >>> q.mean.tolist(), q.variance.tolist()
    ([1.0, -2.0], [0.25, 0.25])

    Args:
        family: of the member.
        q: distribution over one latent, an array or a pytree of arrays, with `mean` and `variance`.

    Raises:
        ValueError: if the latent is not made of real numbers.
    """
    _check_real(q)
    mean = jax.tree.map(jnp.asarray, q.mean)
    posterior = family.at(Affine(ravel_pytree(mean)[0], _factor(q)))
    is_vector = eqx.is_array(mean) and mean.ndim == 1
    return posterior if is_vector else Unravelled(posterior, Layout.of(mean))


def _factor(q):
    if isinstance(q, dist.MultivariateNormal):
        return Triangular(jnp.asarray(q.scale_tril))
    return Diagonal(ravel_pytree(jax.tree.map(jnp.sqrt, q.variance))[0])


def _check_real(q):
    drawn = jax.tree.leaves(jax.eval_shape(q.sample, jax.random.key(0)))
    wrong = sorted({str(leaf.dtype) for leaf in drawn if not jnp.issubdtype(leaf.dtype, jnp.floating)})
    if wrong:
        raise ValueError(
            f"Gaussian families and flows are for continuous latents; this one has entries of type {', '.join(wrong)}. "
            "Sum a discrete latent out (draws of a kind that enumerates it), and refine the others."
        )
