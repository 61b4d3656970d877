"""Which coordinates of the unconstrained vector belong to which parameter."""

from latlas.bayes._check_target import coordinate_names
from latlas.bayes._target import AbstractTarget
from latlas.core import RequestError


def coordinates_of(target: AbstractTarget) -> dict[str, tuple[int, ...]]:
    """Parameter name -> its places in the unconstrained vector."""
    places = {}
    for place, name in enumerate(coordinate_names(target)):
        places.setdefault(name.partition("[")[0], []).append(place)
    return {name: tuple(found) for name, found in places.items()}


def places_of(names: tuple[str, ...], target: AbstractTarget) -> tuple[int, ...]:
    """Places of all these parameters, in order.

    Raises:
        RequestError: for a name that the target does not have.
    """
    known = coordinates_of(target)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(
            f"No parameter is called {unknown[0]!r}; the parameters are {', '.join(known)}. Name one of these."
        )
    return tuple(place for name in names for place in known[name])
