"""A network on one entry of a dict."""

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree

from latlas.networks._network import AbstractNetwork, AbstractOutputLayer


class Of(AbstractNetwork):
    """`network(z[name])`: a decoder that sees one latent of several, an encoder that sees one modality.

    Attributes:
        name: which entry.
        network: what is applied to it.

    >>> import jax.numpy as jnp, jax.random as jr
    >>> from latlas.networks import MLP
    >>> Of("z1", MLP(2, 3, key=jr.key(0)))({"z1": jnp.zeros(2), "z2": jnp.zeros(5)}).shape
    (3,)
    """

    name: str = eqx.field(static=True)
    network: AbstractNetwork

    def __call__(self, x: dict[str, PyTree[Float[Array, "..."]]]) -> PyTree[Float[Array, "..."]]:
        """Output for one dict."""
        return self.network(x[self.name])

    def output_layers(self) -> tuple[AbstractOutputLayer, ...]:
        """The last layers of the network."""
        return self.network.output_layers()

    def output_structure(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shape and dtype of each output."""
        return self.network.output_structure()
