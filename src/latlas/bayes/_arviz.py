"""Draws as the tree of labelled arrays that ArviZ reads."""

from collections.abc import Mapping
from typing import Any

import lazy_loader
import numpy as np

from latlas.core import RequestError

xarray = lazy_loader.load("xarray")


def data_tree(groups: Mapping[str, Mapping[str, np.ndarray]]) -> Any:
    """An `xarray.DataTree` of groups of draws, each array with the axes chain and draw and then its own.

    Raises:
        RequestError: if xarray is not installed.
    """
    try:
        return xarray.DataTree.from_dict(
            {
                group: xarray.Dataset({name: _labelled(name, array) for name, array in arrays.items()})
                for group, arrays in groups.items()
            }
        )
    except ModuleNotFoundError as error:
        raise RequestError(
            "Draws for ArviZ need xarray, which is not installed: run `pip install latlas[bayes]`."
        ) from error


def _labelled(name, array):
    axes = ("chain", "draw", *(f"{name}_dim_{place}" for place in range(np.ndim(array) - 2)))
    return axes, np.asarray(array), {}
