"""Which coordinates of the unconstrained vector belong to which parameter."""

import numpy as np

from latlas.bayes.targets._target import AbstractTarget


def coordinate_names(target: AbstractTarget) -> tuple[str, ...]:
    """A name for each unconstrained coordinate, such as `theta[2]`."""
    return tuple(
        name + (str(list(index)).replace(" ", "") if index else "")
        for name, shape in target.free_shapes.items()
        for index in np.ndindex(shape)
    )


def coordinates_of(target: AbstractTarget) -> dict[str, tuple[int, ...]]:
    """Parameter name -> its places in the unconstrained vector."""
    places = {}
    for place, name in enumerate(coordinate_names(target)):
        places.setdefault(name.partition("[")[0], []).append(place)
    return {name: tuple(found) for name, found in places.items()}
