"""Faces whose names are attached when they are first used."""

import gc
from collections.abc import Callable
from typing import Any

import lazy_loader

Face = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def attach_stub(package: str, file: str) -> Face:
    """`__getattr__`, `__dir__` and `__all__` of a package whose names its `.pyi` file lists.

    Garbage is collected after an import and not in between: what an import makes stays, and to look through it again and
    again is a sixth of the time that `latlas.Atlas` takes.
    """
    attribute, names, every = lazy_loader.attach_stub(package, file)

    def imported(name: str) -> Any:
        collects = gc.isenabled()
        gc.disable()
        try:
            return attribute(name)
        finally:
            if collects:
                gc.enable()

    return imported, names, every
