"""Networks made of networks: several on one input, one of several latents, another shape of the output."""

from collections.abc import Mapping

import equinox as eqx
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


class Parallel(AbstractNetwork):
    """One input to a dict of outputs, each from its own network (one per head or modality).

    Attributes:
        networks: by name, in sorted order.

    >>> import jax.numpy as jnp, jax.random as jr
    >>> from latlas.networks import MLP
    >>> networks = {"image": MLP(2, (4, 4), key=jr.key(0)), "text": MLP(2, 3, key=jr.key(1))}
    >>> Parallel(networks)(jnp.zeros(2))["image"].shape
    (4, 4)
    """

    networks: dict[str, AbstractNetwork]

    def __init__(self, networks: Mapping[str, AbstractNetwork]):
        """Keep the networks in the order of their names.

        Args:
            networks: name to network, at least one.

        Raises:
            ValueError: if there is none.
        """
        if not networks:
            raise ValueError("Parallel needs at least one network; give a dict of name to network.")
        self.networks = {name: networks[name] for name in sorted(networks)}

    def __call__(self, x: Float[Array, "..."]) -> dict[str, PyTree[Float[Array, "..."]]]:
        """Output of every network for one input."""
        return {name: network(x) for name, network in self.networks.items()}

    def output_layers(self) -> tuple[AbstractOutputLayer, ...]:
        """The last layers of all networks, in the order of their names."""
        return tuple(layer for network in self.networks.values() for layer in network.output_layers())

    def output_structure(self) -> dict[str, PyTree[jax.ShapeDtypeStruct]]:
        """Shape and dtype of every output."""
        return {name: network.output_structure() for name, network in self.networks.items()}


class Reshaped(AbstractNetwork):
    """A network whose output is given another shape.

    Attributes:
        network: the network.
        shape: of as many numbers as its output has.
    """

    network: AbstractNetwork
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The network's output, in the other shape."""
        return self.network(x).reshape(self.shape)

    def output_layers(self) -> tuple:
        """Those of the network."""
        return self.network.output_layers()

    def output_structure(self) -> jax.ShapeDtypeStruct:
        """The other shape."""
        return jax.ShapeDtypeStruct(self.shape, jnp.float32)
