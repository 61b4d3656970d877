"""How a pytree of arrays lies in one vector."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree


class Layout(eqx.Module):
    """How a pytree of arrays lies in one vector; hashable, so that it can be static.

    Attributes:
        treedef: of the pytree.
        shapes: of its leaves.
    """

    treedef: Any = eqx.field(static=True)
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @classmethod
    def of(cls, tree: PyTree) -> "Layout":
        """The layout of a pytree of arrays or numbers."""
        leaves, treedef = jax.tree.flatten(tree)
        return cls(treedef, tuple(jnp.shape(leaf) for leaf in leaves))

    @property
    def shapes_by_name(self) -> dict[str, tuple[int, ...]]:
        """Name of each leaf -> its shape; nested names are joined by dots, and a bare array is called "u"."""
        tree = jax.tree.unflatten(self.treedef, [jax.ShapeDtypeStruct(s, float) for s in self.shapes])
        leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
        return {_path_name(path): leaf.shape for path, leaf in leaves}

    @property
    def size(self) -> int:
        """Entries of the vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    def unravel(self, u: Float[Array | np.ndarray, " n"]) -> PyTree[Array | np.ndarray]:
        """The pytree whose entries `u` holds."""
        leaves, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            leaves.append(u[start:stop].reshape(shape))
            start = stop
        return jax.tree.unflatten(self.treedef, leaves)


def _path_name(path):
    names = [
        str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry)))) for entry in path
    ]
    return ".".join(names) or "u"
