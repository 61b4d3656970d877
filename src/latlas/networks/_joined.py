"""A network on all entries of a dict at once."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from latlas.networks._network import AbstractNetwork, AbstractOutputLayer


class Joined(AbstractNetwork):
    """`network(concatenate(z))`: a decoder that sees all of several latents, each flattened, in sorted order of names.

    Attributes:
        network: takes one vector.

    >>> import jax.random as jr
    >>> from latlas.networks import MLP
    >>> Joined(MLP(7, 3, key=jr.key(0)))({"y": jnp.zeros(5), "z": jnp.zeros(2)}).shape
    (3,)
    """

    network: AbstractNetwork

    def __call__(self, x: PyTree[Float[Array, "..."]]) -> PyTree[Float[Array, "..."]]:
        """Output for one dict of arrays."""
        return self.network(jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(x)]))

    def output_layers(self) -> tuple[AbstractOutputLayer, ...]:
        """The last layers of the network."""
        return self.network.output_layers()

    def output_structure(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shape and dtype of each output."""
        return self.network.output_structure()
