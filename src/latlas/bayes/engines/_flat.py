"""An approximation's parameters as one NumPy vector, for SciPy's optimisers on the host."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from latlas.distributions.families import AbstractApproximation


def to_vector(q: PyTree) -> Float[np.ndarray, " parameters"]:
    """All inexact leaves, end to end."""
    leaves = jax.tree.leaves(eqx.filter(q, eqx.is_inexact_array))
    return np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float64)


def with_vector(q: AbstractApproximation, vector: Float[np.ndarray, " parameters"]) -> AbstractApproximation:
    """The approximation with these parameters in place of its own."""
    params, static = eqx.partition(q, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(params)
    parts = np.split(vector, np.cumsum([leaf.size for leaf in leaves])[:-1])
    new = [jnp.asarray(part.reshape(leaf.shape)) for part, leaf in zip(parts, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, new), static)
