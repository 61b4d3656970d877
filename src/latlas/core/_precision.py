"""Which precision is computed in, whatever the global flags: those of the process are the user's, not ours.

What computes with JAX passes here, so that it is here that a process refuses in which JAX would never answer.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree
from threadpoolctl import threadpool_limits

from latlas.core._errors import RequestError
from latlas.core._fork import check_process

P = ParamSpec("P")
T = TypeVar("T")


def in_float64(function: Callable[P, T]) -> Callable[P, T]:
    """The function, computing in float64 and promoting types as JAX does by default; the caller's flags stay."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        check_process()
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
            return function(*args, **kwargs)

    return inside


def in_float32(function: Callable[P, T]) -> Callable[P, T]:
    """The function, computing in float32 and by JAX's standard promotion of types, whatever the user has switched on."""
    narrow = built_in_float32(function)

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        check_process()
        return narrow(*args, **kwargs)

    return inside


def built_in_float32(function: Callable[P, T]) -> Callable[P, T]:
    """As `in_float32`, for a function that builds a model and computes nothing: in a forked process it ends as well."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        args, kwargs = _without_64_bits((args, kwargs))
        with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
            return function(*args, **kwargs)

    return inside


def in_precision_of_model(function: Callable[P, T]) -> Callable[P, T]:
    """The function of a `model`, computing in float64 where the model holds 64-bit floats and in float32 elsewhere.

    With 64 bits switched on, as NumPyro's users have it, NumPy's data would otherwise bring float64 into a model of
    float32 half way through a compiled loop.
    """
    place = list(inspect.signature(function).parameters).index("model")
    narrow = in_float32(function)

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        model = kwargs["model"] if "model" in kwargs else args[place]
        if not any(_is_array(leaf, jax.numpy.float64) for leaf in jax.tree.leaves(model)):
            return narrow(*args, **kwargs)
        check_process()
        with jax.numpy_dtype_promotion("standard"):
            return function(*args, **kwargs)

    return inside


def _without_64_bits(tree: T) -> T:
    """NumPy's arrays for those of JAX that only 64-bit programs take; they are narrowed where they are used."""
    if not jax.config.read("jax_enable_x64"):
        return tree
    wide = ("float64", "int64", "uint64", "complex128")
    return jax.tree.map(
        lambda leaf: np.asarray(leaf) if any(_is_array(leaf, name) for name in wide) else leaf, tree
    )


def _is_array(leaf: Any, dtype: Any) -> bool:
    return isinstance(leaf, jax.Array) and leaf.dtype == dtype


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
