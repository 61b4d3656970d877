"""Names that moved to another package: they work for one more version, with a warning that says where they are."""

import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def moved_names(package: str, places: Mapping[str, ModuleType], *, until: str) -> Callable[[str], Any]:
    """A module's `__getattr__` that finds names at their new places (PEP 562).

    Args:
        package: where the names were, such as `latlas.bayes`.
        places: name -> package that has it now.
        until: the version in which the old place ends.

    Returns:
        A function that gives the object of such a name with a `DeprecationWarning`, and raises `AttributeError` for any
        other one.
    """

    def found(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        warnings.warn(
            f"{package}.{name} is now {places[name].__name__}.{name}; the old name ends with latlas {until}.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(places[name], name)

    return found
