"""Fields of JSON that a file holds, checked by type before anything is built from them."""

from collections.abc import Callable, Mapping
from typing import Any

from latlas.core._evidence import object_of

# says what is wrong with a value ("a whole number of at least 1"), or `None` where nothing is
Kind = Callable[[Any], str | None]


def text(value: Any) -> str | None:
    """Any text."""
    return None if isinstance(value, str) else "text"


def number(value: Any) -> str | None:
    """Any number."""
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number"


def switch(value: Any) -> str | None:
    """`True` or `False`."""
    return None if isinstance(value, bool) else "true or false"


def mapping(value: Any) -> str | None:
    """Any object."""
    return None if isinstance(value, dict) else "an object"


def plain(value: Any) -> str | None:
    """A number, text, `True`, `False` or `None`."""
    return None if value is None or isinstance(value, bool | int | float | str) else "a number or text"


def mapping_of(kind: Kind) -> Kind:
    """An object of such values."""

    def check(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "an object"
        wrong = next((said for entry in value.values() if (said := kind(entry)) is not None), None)
        return None if wrong is None else f"an object whose entries are {wrong}"

    return check


def optional(kind: Kind) -> Kind:
    """Such a value, or `None`."""

    def check(value: Any) -> str | None:
        said = None if value is None else kind(value)
        return None if said is None else f"{said}, or null,"

    return check


def whole_number(minimum: int, maximum: int = 2**31 - 1) -> Kind:
    """A whole number between two others."""

    def check(value: Any) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
        return None if whole else f"a whole number from {minimum} to {maximum}"

    return check


def list_of(kind: Kind, *, fewest: int = 0) -> Kind:
    """A list of such values."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list) or len(value) < fewest:
            return f"a list of at least {fewest} entries"
        wrong = next((said for entry in value if (said := kind(entry)) is not None), None)
        return None if wrong is None else f"a list whose entries are {wrong}"

    return check


def one_of(*names: str) -> Kind:
    """One of these names."""
    return lambda value: None if value in names and isinstance(value, str) else f"one of {', '.join(names)}"


def checked_fields(values: Any, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The fields of an object, each of which is of its kind; a name that is not listed may stand for anything.

    >>> checked_fields({"hidden": [20, 0]}, {"hidden": list_of(whole_number(1, 100))})
    Traceback (most recent call last):
    ValueError: hidden is [20, 0], where a list whose entries are a whole number from 1 to 100 was expected

    Args:
        values: what JSON held.
        kinds: name -> what its value must be.

    Raises:
        ValueError: naming the first field that is missing or of another kind.
    """
    values = object_of(values)
    for name, kind in kinds.items():
        if name not in values:
            raise ValueError(f"the field {name} is missing")
        if (expected := kind(values[name])) is not None:
            raise ValueError(f"{name} is {str(values[name])[:80]}, where {expected} was expected")
    return dict(values)
