"""Faces whose names are attached when they are first used."""

import gc
from collections.abc import Callable

import lazy_loader

Face = tuple[Callable[[str], object], Callable[[], list[str]]]


def attach_stub(package: str, file: str) -> Face:
    """`__getattr__` and `__dir__` of a package whose names its `.pyi` file lists; `__all__` is the former's too.

    The file is read when the first name is asked for: a command imports latlas before it can listen for Ctrl-C, and should
    do so soon.

    Garbage is collected after an import and not in between: what an import makes stays, and to look through it again and
    again is a sixth of the time that `latlas.Atlas` takes.
    """
    read = []

    def face():
        if not read:
            read.append(lazy_loader.attach_stub(package, file))
        return read[0]

    def imported(name: str) -> object:
        attribute, _, every = face()
        if name == "__all__":
            return every
        collects = gc.isenabled()
        gc.disable()
        try:
            return attribute(name)
        finally:
            if collects:
                gc.enable()

    def names() -> list[str]:
        return face()[1]()

    return imported, names
