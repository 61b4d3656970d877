"""A latent seen as named layers: the links of a chain, the factors of a product, or the one distribution."""

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float, PyTree, Scalar

from latlas.distributions import Chain, Product

# of the only layer of a latent that is no chain and no product
WHOLE = "z"


def layers(distribution: Any, z: PyTree[Array]) -> dict[str, tuple[Any, PyTree[Array]]]:
    """Name -> (distribution of that layer given those that it depends on, its value), in the distribution's order."""
    if isinstance(distribution, Chain):
        names = distribution.names
        given = (then(z[name]) for name, then in zip(names[:-1], distribution.then, strict=True))
        links = (distribution.first, *given)
        return {name: (link, z[name]) for name, link in zip(names, links, strict=True)}
    if isinstance(distribution, Product):
        factors = distribution.factors
        names = list(factors) if isinstance(factors, dict) else range(len(factors))
        return {str(name): (factors[name], z[name]) for name in names}
    return {WHOLE: (distribution, z)}


def log_density(distribution: Any, z: PyTree[Array]) -> Scalar:
    """Its log density, and -inf outside its support, where NumPyro continues the formula without a word."""
    value: Scalar = distribution.log_prob(z)
    if not isinstance(distribution, dist.Distribution) or is_point(distribution):
        return value
    try:
        inside = jnp.all(distribution.support(z))  # pyright: ignore[reportOptionalCall]  # NumPyro: None in the base class
    except NotImplementedError:
        return value
    return jnp.where(inside, value, -jnp.inf)


def is_point(distribution: Any) -> bool:
    """Whether all its mass lies on one point."""
    while isinstance(distribution, dist.Independent | dist.ExpandedDistribution):
        distribution = distribution.base_dist
    return isinstance(distribution, dist.Delta)


def moment(distribution: Any, name: str, size: int) -> Float[Array, " latent"]:
    """Its `mean` or `variance` as one vector; nan where it has none."""
    try:
        found = vector(getattr(distribution, name))
    except (AttributeError, NotImplementedError):
        return jnp.full(size, jnp.nan)
    return found if found.size == size else jnp.full(size, jnp.nan)


def vector(tree: PyTree[Array]) -> Float[Array, " latent"]:
    """All numbers of a pytree, one after the other."""
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(tree)])
