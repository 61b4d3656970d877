"""Data against their likelihood: are they where it has mass, and as far from its mean as its own draws are?"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import Example
from latlas.distributions import (
    AbstractHead,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Likelihood,
    Mixed,
    Poisson,
)

# of a count: far below it, one that comes once would be all of a sum
_SMALLEST_MEAN = 1e-2


class Part(NamedTuple):
    """One array of x under its head."""

    name: str
    head: AbstractHead
    params: PyTree
    x: Array
    observed: Bool[Array, "..."]
    spread: PyTree


def parts(likelihood: Any, x: PyTree, observed: PyTree | None, spread: PyTree) -> list[Part]:
    """Each array of x; of a likelihood of another kind, none."""
    if not isinstance(likelihood, Likelihood):
        return []
    head, params = likelihood.head, likelihood.params
    if isinstance(head, Mixed):
        inner = [
            (name, Likelihood(part, params[name]), x[name], None if observed is None else observed[name])
            for name, part in head.heads.items()
        ]
        found = [(name, part) for name, one, x_, o in inner for part in parts(one, x_, o, spread[name])]
        return [
            part._replace(name=name if part.name == "x" else f"{name}.{part.name}") for name, part in found
        ]
    if not isinstance(x, jax.Array):
        return []
    mask = jnp.ones(x.shape, bool) if observed is None else observed
    return [Part("x", head, params, x, mask, spread)]


def spread_of_entries(batch: Example) -> PyTree[Float[Array, "..."]]:
    """Standard deviation of each entry of x over the examples; zero where it is constant or never observed."""

    def of(x: Array | np.ndarray, observed: Array | np.ndarray) -> Array:
        x = jnp.where(observed, x, 0).astype(jnp.float32)
        count = jnp.maximum(jnp.sum(observed, axis=0), 1)
        mean = jnp.sum(x, axis=0) / count
        return jnp.sqrt(jnp.sum(jnp.where(observed, (x - mean) ** 2, 0.0), axis=0) / count)

    observed = batch.observed
    if observed is None:
        observed = jax.tree.map(lambda x: jnp.ones(jnp.shape(x), bool), batch.x)
    return jax.tree.map(of, batch.x, observed)


def outside_support(likelihood: Any, x: PyTree, observed: PyTree | None) -> Scalar:
    """Share of the observed entries that the head gives no probability to, though its formula has a value there."""
    wrong, total = jnp.float32(0), jnp.float32(0)
    for _, head, _, x_, mask, _ in parts(likelihood, x, observed, x):
        wrong += jnp.sum(mask & ~_inside(head, x_))
        total += jnp.sum(mask)
    return wrong / jnp.maximum(total, 1)


def residuals(
    key: PRNGKeyArray, likelihood: Any, x: PyTree, observed: PyTree | None, spread: PyTree
) -> dict[str, Float[Array, " two"]]:
    """Name -> sums over entries of |x - mean| and of |x' - mean|, x' drawn from the likelihood, in units of `spread`.

    Bernoulli and categorical entries are left out, since their mean fixes their spread, and Poisson ones, of which
    `dispersions` tells more.
    """
    found = {}
    for name, head, params, x_, mask, scale in parts(likelihood, x, observed, spread):
        mean, scale = head.mean(params), jnp.asarray(scale)
        if isinstance(innermost(head), Bernoulli | Categorical | Poisson) or mean.shape != x_.shape:
            continue
        weight = jnp.where(mask & (scale > 0), 1.0 / jnp.where(scale > 0, scale, 1.0), 0.0)
        both = (jnp.where(mask, x_, 0), head.sample(key, params))
        found[name] = jnp.stack([jnp.sum(weight * jnp.abs(one - mean)) for one in both])
    return found


def dispersions(
    key: PRNGKeyArray, likelihood: Any, x: PyTree, observed: PyTree | None
) -> dict[str, Float[Array, " two"]]:
    """Name -> sums over the entries of a Poisson head of (x - mean)^2 / mean, and of (x' - mean)^2 / mean.

    x' is drawn from the likelihood. The squares and not the sizes, since a few large counts are what overdispersion is.
    """
    found = {}
    for name, head, params, x_, mask, _ in parts(likelihood, x, observed, x):
        if isinstance(innermost(head), Poisson):
            mean = head.mean(params)
            per_mean = jnp.where(mask, 1.0 / jnp.maximum(mean, _SMALLEST_MEAN), 0.0)
            both = (jnp.where(mask, x_, 0), head.sample(key, params))
            found[name] = jnp.stack([jnp.sum(per_mean * (one - mean) ** 2) for one in both])
    return found


def innermost(head: AbstractHead) -> AbstractHead:
    """The head inside one that only changes its units."""
    inner = getattr(head, "head", None)
    return innermost(inner) if isinstance(inner, AbstractHead) else head


def _inside(head: AbstractHead, x: Array) -> Bool[Array, "..."]:
    head = innermost(head)
    x = x.astype(jnp.float32)
    inside = jnp.isfinite(x)
    if isinstance(head, Bernoulli | ContinuousBernoulli):
        return inside & (x >= 0) & (x <= 1)
    top = {Categorical: "num_categories", DiscretisedLogistic: "num_levels"}.get(type(head))
    if top is not None:
        return inside & (x >= 0) & (x <= getattr(head, top) - 1) & (x == jnp.round(x))
    if isinstance(head, Poisson):
        return inside & (x >= 0) & (x == jnp.round(x))
    return inside
