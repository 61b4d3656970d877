"""Which coordinates of the vector belong to which parameter."""

import jax
import numpy as np

from latlas.bayes._target import Layout
from latlas.core import RequestError


def coordinates_of(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Parameter name -> its places in the vector; names within names are joined by a dot.

    Args:
        layout: of the unconstrained parameters, as in `DensityTarget.layout`.
    """
    places = layout.unravel(np.arange(layout.size))
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): tuple(leaf.ravel().tolist())
        for path, leaf in jax.tree_util.tree_flatten_with_path(places)[0]
    }


def places_of(names: tuple[str, ...], layout: Layout) -> tuple[int, ...]:
    """Places of all these parameters, in order.

    Raises:
        RequestError: for a name that the layout does not have.
    """
    known = coordinates_of(layout)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(
            f"No parameter is called {unknown[0]!r}; the parameters are {', '.join(known)}. Name one of these."
        )
    return tuple(place for name in names for place in known[name])
