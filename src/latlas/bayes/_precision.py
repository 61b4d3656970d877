"""Float64 in a scope of its own, whatever the global flag."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

P = ParamSpec("P")
T = TypeVar("T")


def in_float64(function: Callable[P, T]) -> Callable[P, T]:
    """The function, computing in float64; the caller's flag is as before when it returns."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with jax.enable_x64(True):
            return function(*args, **kwargs)

    return inside


def host_rng(key: PRNGKeyArray) -> np.random.Generator:
    """A NumPy generator that this key determines: for the loops that run on the host."""
    data = key if not jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.key_data(key)
    return np.random.default_rng(np.asarray(data).ravel().tolist())
