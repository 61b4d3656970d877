"""Float64 in a scope of its own, whatever the global flag."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree
from threadpoolctl import threadpool_limits

from latlas.core._errors import RequestError

P = ParamSpec("P")
T = TypeVar("T")


def in_float64(function: Callable[P, T]) -> Callable[P, T]:
    """The function, computing in float64 and promoting types as JAX does by default; the caller's flags stay."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
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


def check_key(key: Any) -> None:
    """Refuses what is no single key of JAX's random numbers.

    Raises:
        RequestError: for an integer, say: what to write instead.
    """
    dtype, shape = getattr(key, "dtype", None), np.shape(key)
    if dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) and shape == ():
        return
    if dtype == np.uint32 and len(shape) == 1:  # an older form of JAX's
        return
    got = f"an array of shape {shape}" if shape else repr(key)
    raise RequestError(f"The key is {got}; expected one key of JAX, such as jax.random.key(0).")


def host_rng(key: PRNGKeyArray) -> np.random.Generator:
    """A NumPy generator that this key determines: for the loops that run on the host.

    Raises:
        RequestError: for what is no key.
    """
    check_key(key)
    data = key if not jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.key_data(key)
    return np.random.default_rng(np.asarray(data).ravel().tolist())


def keys_from(key: PRNGKeyArray) -> Iterator[PRNGKeyArray]:
    """Any number of keys that this key determines, without compiling a program to split it."""
    rng = host_rng(key)
    while True:
        yield jax.random.key(int(rng.integers(2**32)))
