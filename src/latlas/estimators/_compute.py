"""The compiled programs behind an `Atlas`, each fed with chunks of one fixed size.

A fixed size, because a product over 3 rows and one over 300 round differently: so a row's result is the same bits
whatever stands beside it, and few programs are compiled.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, Scalar, Shaped

from latlas.core import Example
from latlas.models import AbstractLatentModel
from latlas.objectives import log_weights

# latents of one example that are decoded at once in an importance estimate
_DRAWS_AT_ONCE = 10


@eqx.filter_jit
def posterior_moments(
    model: AbstractLatentModel, x: Shaped[Array, "batch ..."]
) -> tuple[Float[Array, "batch latent"], Float[Array, "batch latent"]]:
    """Means and standard deviations of q(z | x)."""

    def moments(x):
        q = model.posterior(Example(x))
        return q.mean, jnp.sqrt(q.variance)

    return jax.vmap(moments)(x)


@eqx.filter_jit
def likelihood_means(
    model: AbstractLatentModel, z: Float[Array, "batch latent"]
) -> Float[Array, "batch ..."]:
    """E[x | z]."""
    return jax.vmap(lambda z: model.likelihood(z).mean)(z)


@eqx.filter_jit
def draws(
    model: AbstractLatentModel, key: PRNGKeyArray, index: Array, *, draw: bool
) -> Shaped[Array, "batch ..."]:
    """z ~ p(z), then x ~ p(x | z) or its mean; the draw of an index is the same whatever stands beside it."""

    def one(index):
        prior_key, key_x = jr.split(jr.fold_in(key, index))
        likelihood = model.likelihood(model.prior().sample(prior_key))
        return likelihood.sample(key_x) if draw else likelihood.mean

    return jax.vmap(one)(index)


@eqx.filter_jit
def log_evidence(
    model: AbstractLatentModel, key: PRNGKeyArray, x: Array, *, num_samples: int
) -> Float[Array, " batch"]:
    """Log of the mean of `num_samples` importance weights, for each row, in nats.

    The draws of a row follow from the key and the row's content alone, so that its score does not depend on the rest.
    """
    blocks = -(-num_samples // _DRAWS_AT_ONCE)

    def one(x):
        example = Example(x)
        q = model.posterior(example)
        row_key = jr.fold_in(key, _content_hash(x))

        def block(i):
            z = jax.vmap(q.sample)(jr.split(jr.fold_in(row_key, i), _DRAWS_AT_ONCE))
            counted = i * _DRAWS_AT_ONCE + jnp.arange(_DRAWS_AT_ONCE) < num_samples
            return jax.nn.logsumexp(jnp.where(counted, log_weights(model, example, z, q), -jnp.inf))

        return jax.nn.logsumexp(jax.lax.map(block, jnp.arange(blocks))) - jnp.log(float(num_samples))

    return jax.vmap(one)(x)


def _content_hash(x: Array) -> Scalar:
    """32 bits from the values of a row; equal rows have equal hashes."""
    flat = jnp.ravel(x)
    floating = jnp.issubdtype(flat.dtype, jnp.floating)
    bits = (
        jax.lax.bitcast_convert_type(flat.astype(jnp.float32), jnp.uint32)
        if floating
        else flat.astype(jnp.uint32)
    )
    place = jnp.arange(1, flat.size + 1, dtype=jnp.uint32) * jnp.uint32(2654435761)
    mixed = (bits ^ place) * jnp.uint32(2246822519)
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(3266489917)
    return jnp.sum(mixed ^ (mixed >> 13), dtype=jnp.uint32)
