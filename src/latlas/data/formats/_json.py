"""JSON objects of numbers and lists of numbers."""

import codecs
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from latlas.core import DataError, strict_json

_MAX_AXES = 16


def read_values(path: Path, file: BinaryIO, size: int, *, max_bytes: int) -> dict[str, Any]:
    """The numbers as they are, the lists as arrays of integers, booleans or 64-bit floats.

    Raises:
        DataError: if it is not strict JSON, no object, or holds a value that is no number and no rectangular list of them.
    """
    if size > max_bytes:
        raise DataError(f"{path} has {size:,} bytes, and at most {max_bytes:,} are read: write it as .npz.")
    try:
        found = strict_json(file.read().removeprefix(codecs.BOM_UTF8))  # some programs mark their text by it
    except ValueError as error:  # also UnicodeDecodeError
        raise DataError(
            f"{path} is not JSON of named values ({str(error).rstrip('.')[:200]}): write an object such as "
            '{"J": 8, "y": [28.0, 8.0]} with json.dump, with finite numbers only.'
        ) from error
    return {name: _value(path, name, value) for name, value in found.items()}


def _value(path: Path, name: str, value: Any) -> Any:
    if not name.isprintable():
        raise DataError(f"{path} holds the name {name[:40]!a}, which is no text: give it letters.")
    if isinstance(value, bool | int | float):
        if not _fits(value):
            raise DataError(f"{path} holds a whole number under {name!r} that does not fit 64 bits.")
        return value
    if not isinstance(value, list):
        raise DataError(
            f"{path} holds {_said(value)} under {name!r}, where a number or a list of numbers was expected."
        )
    shape = _shape(path, name, value)
    entries = value
    for _ in shape[1:]:
        entries = [entry for row in entries for entry in row]
    wrong = next((entry for entry in entries if not isinstance(entry, bool | int | float)), None)
    if wrong is not None or None in entries:
        raise DataError(
            f"{path} holds {_said(wrong)} in the list {name!r}, where a number was expected: write categories as "
            "whole numbers, and leave out what is missing."
        )
    if not all(map(_fits, entries)):
        raise DataError(f"{path} holds a whole number in the list {name!r} that does not fit 64 bits.")
    whole = all(isinstance(entry, int) for entry in entries) and entries
    kind = bool if whole and all(isinstance(entry, bool) for entry in entries) else int if whole else float
    return np.array(entries, dtype=kind).reshape(shape)


def _fits(value: bool | int | float) -> bool:
    return isinstance(value, float) or -(2**63) <= value < 2**63


def _shape(path: Path, name: str, value: list[Any], depth: int = 1) -> tuple[int, ...]:
    """Of a nested list, which must be rectangular."""
    if depth > _MAX_AXES:
        raise DataError(
            f"{path} holds the list {name!r} nested more than {_MAX_AXES} deep: write an array of fewer axes."
        )
    if not any(isinstance(row, list) for row in value):
        return (len(value),)
    shapes = {_shape(path, name, row, depth + 1) if isinstance(row, list) else () for row in value}
    if len(shapes) > 1:
        lengths = sorted({shape[0] if shape else 0 for shape in shapes})
        told = f"lengths from {lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else "different shapes"
        raise DataError(
            f"{path} holds the list {name!r} with rows of {told}: make its rows equally long, or give the values in "
            "one list and the number of the row of each in another."
        )
    return (len(value), *shapes.pop())


def _said(value: Any) -> str:
    if value is None:
        return "null"
    return f"the text {value[:40]!r}" if isinstance(value, str) else f"a JSON {_JSON[type(value)]}"


_JSON = {dict: "object", list: "list"}
