"""Data as they came: an array with what belongs to it, and a fingerprint of its content."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Shaped


@dataclass(frozen=True)
class Table:
    """Observations in their storage type, one per row.

    Attributes:
        x: `(examples, features)` or `(examples, *item_shape)`, real numbers or booleans.
        label: one label per row (numbers or strings), or `None`.
        observed: `True` where `x` was observed, of its shape; `None` where all of it was.
        columns: names of the features, or `None`.
        name: what to call the data: the file's name.
        fingerprint: SHA-256 of `x`: type, shape and values.
    """

    x: Shaped[np.ndarray, "examples ..."]
    label: Shaped[np.ndarray, " examples"] | None = None
    observed: Bool[np.ndarray, "examples ..."] | None = None
    columns: tuple[str, ...] | None = None
    name: str = "data"
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint(self.x))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `x`."""
        return self.x.shape

    @property
    def dtype(self) -> np.dtype:
        """The storage type of `x`."""
        return self.x.dtype

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)


def fingerprint(x: Shaped[np.ndarray, "..."]) -> str:
    """SHA-256 of an array's type, shape and values in C order, the same on every machine.

    >>> fingerprint(np.arange(3, dtype=np.uint8))[:12]
    '0b86b89f9ad2'
    """
    x = np.asarray(x)
    little = x.dtype.newbyteorder("<")
    state = hashlib.sha256(f"{little.str} {x.shape} ".encode())
    # in blocks, so that an array in another order is not copied whole
    rows = max(1, 2**24 // max(1, x.nbytes // max(1, len(x) if x.ndim else 1)))
    for start in range(0, len(x) if x.ndim else 1, rows):
        block = x[start : start + rows] if x.ndim else x
        state.update(np.ascontiguousarray(block, dtype=little).data)
    return state.hexdigest()
