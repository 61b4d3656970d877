"""Names that moved to another package or were renamed: they work for one more version, with a warning that says so."""

import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def moved_names(
    package: str, places: Mapping[str, ModuleType], *, until: str, renamed: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """A module's `__getattr__` that finds names at their new places (PEP 562).

    Args:
        package: where the names were, such as `latlas.bayes`.
        places: name -> package that has it now.
        until: the version in which the old place ends.
        renamed: name -> what it is called there, for those that changed.

    Returns:
        A function that gives the object of such a name with a `DeprecationWarning`, and raises `AttributeError` for any
        other one.
    """

    def found(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        new = (renamed or {}).get(name, name)
        warnings.warn(
            f"{package}.{name} is now {places[name].__name__}.{new}; the old name ends with latlas {until}.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(places[name], new)

    return found
