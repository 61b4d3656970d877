"""Activations by name.

A network keeps the name and not the function: it is then arrays and JSON, and two networks built alike have
equal structure, so that the second compiles nothing.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array


def _identity(x: Array) -> Array:
    return x


# Exactly one table: the function, and the initialisation of the weights that feed it (see `weight_limit`).
_TABLE: dict[str, tuple[Callable[[Array], Array], str]] = {
    "relu": (jax.nn.relu, "he"),
    "leaky_relu": (jax.nn.leaky_relu, "he"),
    "elu": (jax.nn.elu, "he"),
    "gelu": (jax.nn.gelu, "he"),
    "silu": (jax.nn.silu, "he"),
    "tanh": (jnp.tanh, "glorot"),
    "softplus": (jax.nn.softplus, "lecun"),
    "identity": (_identity, "lecun"),
}


def activation(name: str) -> Callable[[Array], Array]:
    """The element-wise function of a name.

    Args:
        name: one of relu, leaky_relu, elu, gelu, silu, tanh, softplus, identity.

    Returns:
        A function of one array.

    Raises:
        ValueError: if the name is not known.

    >>> float(activation("relu")(-1.0))
    0.0
    """
    return _entry(name)[0]


def weight_limit(name: str, in_features: int, out_features: int) -> float:
    r"""Half-width of the uniform distribution of the weights whose product feeds an activation.

    $\sqrt{3 v}$ with variance $v = 2 / n_\mathrm{in}$ (He et al. 2015, arXiv:1502.01852) before relu,
    leaky_relu, elu, gelu and silu; $2 / (n_\mathrm{in} + n_\mathrm{out})$ (Glorot and Bengio 2010, eq. 16)
    before tanh; $1 / n_\mathrm{in}$ (LeCun et al. 1998) before softplus and identity.

    Args:
        name: the activation's name.
        in_features: number of inputs of one output (fan-in; for a convolution kernel size times channels).
        out_features: number of outputs that one input reaches (fan-out).

    Returns:
        The limit $a$ of $U(-a, a)$.

    Raises:
        ValueError: if the name is not known.
    """
    variance = {
        "he": 2.0 / in_features,
        "glorot": 2.0 / (in_features + out_features),
        "lecun": 1.0 / in_features,
    }[_entry(name)[1]]
    return math.sqrt(3.0 * variance)


def _entry(name: str) -> tuple[Callable[[Array], Array], str]:
    if name not in _TABLE:
        raise ValueError(f"No activation is called {name!r}; choose one of {', '.join(_TABLE)}.")
    return _TABLE[name]
