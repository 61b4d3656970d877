"""What a reader hands over, before anything is checked."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parts:
    """An array and what stood beside it in the file.

    Attributes:
        x: the data.
        label: labels, or `None`.
        observed: a mask, or `None`.
        columns: names of the columns, or `None`.
        label_name: what the labels are called, or `None`.
        index: what names the rows, or `None`.
        index_name: what that is called, or `None`.
    """

    x: np.ndarray
    label: np.ndarray | None = None
    observed: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    label_name: str | None = None
    index: np.ndarray | None = None
    index_name: str | None = None
