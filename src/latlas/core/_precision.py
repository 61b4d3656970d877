"""Float64 in a scope of its own, whatever the global flag."""

import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree
from threadpoolctl import threadpool_limits

P = ParamSpec("P")
T = TypeVar("T")


def in_float64(function: Callable[P, T]) -> Callable[P, T]:
    """The function, computing in float64; the caller's flag is as before when it returns."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with jax.enable_x64(True):
            return function(*args, **kwargs)

    return inside


def numpy_in_float64(function: Callable[P, T]) -> Callable[P, T]:
    """The function, computing in float64, with NumPy's arrays for JAX's: these keep their precision outside."""

    @in_float64
    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        return to_numpy(function(*args, **kwargs))

    return inside


def to_numpy(tree: PyTree) -> PyTree:
    """The same pytree with NumPy's arrays for JAX's."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


def with_one_blas_thread(function: Callable[P, T]) -> Callable[P, T]:
    """The function, with NumPy's and SciPy's linear algebra on one thread.

    Their matrices here are a few dozen wide, and a second thread that spins at a barrier costs more than it carries, a
    hundred times more where other processes want the core.
    """

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return inside


def host_rng(key: PRNGKeyArray) -> np.random.Generator:
    """A NumPy generator that this key determines: for the loops that run on the host."""
    data = key if not jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.key_data(key)
    return np.random.default_rng(np.asarray(data).ravel().tolist())


def keys_from(key: PRNGKeyArray) -> Iterator[PRNGKeyArray]:
    """Any number of keys that this key determines, without compiling a program to split it."""
    rng = host_rng(key)
    while True:
        yield jax.random.key(int(rng.integers(2**32)))
