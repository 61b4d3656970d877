"""Several networks on one input."""

from collections.abc import Mapping

import jax
from jaxtyping import Array, Float, PyTree

from latlas.networks._network import AbstractNetwork, AbstractOutputLayer


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
