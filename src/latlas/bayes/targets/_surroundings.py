"""What a user's function reads from around it: arrays, numbers and functions of its module or of an enclosing function.

Compiled programs keep such values, and know a function by its identity. Without copies of our own a value that changed
between two fits would go unnoticed, and JAX, which keeps what it made of a NumPy array by the array's address, would hand
NumPyro's 32-bit version of it to our programs of 64 bits, or ours to NumPyro's.
"""

import copy
import functools
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from numpyro.primitives import Messenger

_PLAIN = (bool, int, float, complex, str, bytes, type(None))

_ours: "weakref.WeakSet[Any]" = weakref.WeakSet()
# a function -> the values around it when it was last seen, and what stood for it then
_latest: "weakref.WeakKeyDictionary[Any, tuple[Any, Any]]" = weakref.WeakKeyDictionary()


def with_own_surroundings(function: Callable) -> Callable:
    """The function with copies of the arrays around it: the same one as long as the values around it are the same.

    Looked through are plain functions, those that they call in their own module, partial ones and NumPyro's handlers;
    methods and callable objects stay as they are. Where no array is around a function it stays itself until something
    changes.
    """
    try:
        if function in _ours:
            return function
        before, stand_in = _latest.get(function, (None, None))
    except TypeError:  # not hashable, or without weak references
        return function
    values = tuple(_values(function, set()))
    if before == values:
        return function if stand_in is None else stand_in
    if before is None and not any(is_array for is_array, *_ in values):
        stand_in = None  # the rest needs no copies until they change
    else:
        stand_in = _copied(function, {}, anew=True)
        _ours.add(stand_in)
    _latest[function] = (values, stand_in)
    return function if stand_in is None else stand_in


def _around(function: types.FunctionType) -> dict[tuple[str, Any], Any]:
    """What it reads: ("cell", place) and ("global", name) -> value."""
    found = {}
    for place, cell in enumerate(function.__closure__ or ()):
        try:
            found["cell", place] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    scope = function.__globals__
    found |= {("global", name): scope[name] for name in sorted(_names(function.__code__)) if name in scope}
    return {
        place: value
        for place, value in found.items()
        if not isinstance(value, types.FunctionType) or value.__globals__ is scope
    }


def _names(code):
    inner = [_names(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*inner)


def _parts(thing: Any) -> list[Any]:
    """What is looked through in it."""
    if isinstance(thing, types.FunctionType):
        return list(_around(thing).values())
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, Messenger):
        return [thing.fn]
    if isinstance(thing, dict):
        return list(thing.values())
    return list(thing) if isinstance(thing, list | tuple) else []


def _values(thing: Any, seen: set[int]) -> Iterator[tuple]:
    """(whether an array, what can be compared) of all arrays and plain values that it reads."""
    if id(thing) in seen:
        return
    if isinstance(thing, _PLAIN):
        yield False, type(thing).__name__, repr(thing)
    elif _is_numbers(thing):
        host = np.asarray(thing)
        yield True, type(thing).__name__, host.shape, host.dtype.str, host.tobytes()
    else:
        seen.add(id(thing))
        if isinstance(thing, types.FunctionType):
            yield False, "function", thing.__code__
        found = [value for part in _parts(thing) for value in _values(part, seen)]
        # a list without arrays may be a counter of the user's
        if not isinstance(thing, dict | list) or any(is_array for is_array, *_ in found):
            yield from found


def _is_numbers(thing):
    if isinstance(thing, jax.Array):
        return not isinstance(thing, Tracer) and isinstance(thing.dtype, np.dtype)
    return type(thing) is np.ndarray and thing.dtype.kind in "biufc"


def _copied(thing: Any, done: dict[int, Any], *, anew: bool = False) -> Any:
    """A copy where there is an array in it; `anew` at any rate."""
    if type(thing) is np.ndarray:
        return np.array(thing) if _is_numbers(thing) else thing
    if id(thing) in done:
        return done[id(thing)]
    done[id(thing)] = thing  # what leads back to itself stays
    parts = _parts(thing)
    copies = [_copied(part, done) for part in parts]
    if anew or any(new is not old for new, old in zip(copies, parts, strict=True)):
        done[id(thing)] = _rebuilt(thing, copies)
    return done[id(thing)]


def _rebuilt(thing, parts):
    if isinstance(thing, types.FunctionType):
        return _function(thing, dict(zip(_around(thing), parts, strict=True)))
    if isinstance(thing, functools.partial):
        args, values = parts[1 : 1 + len(thing.args)], parts[1 + len(thing.args) :]
        return functools.partial(parts[0], *args, **dict(zip(thing.keywords, values, strict=True)))
    if isinstance(thing, Messenger):
        other = copy.copy(thing)
        other.fn = parts[0]
        return other
    if isinstance(thing, dict):
        return dict(zip(thing, parts, strict=True))
    if type(thing) in (list, tuple):
        return type(thing)(parts)
    return thing  # a named tuple and the like


def _function(function, around):
    before = _around(function)
    cells = [
        # a cell is shared with those who write to it
        types.CellType(around[place]) if around.get(place) is not before.get(place) else cell
        for place, cell in ((("cell", i), cell) for i, cell in enumerate(function.__closure__ or ()))
    ]
    scope = function.__globals__ | {name: value for (kind, name), value in around.items() if kind == "global"}
    other = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, tuple(cells) or None
    )
    functools.update_wrapper(other, function)
    del other.__wrapped__  # it would keep the function alive
    other.__kwdefaults__ = function.__kwdefaults__
    return other
