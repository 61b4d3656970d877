"""What is to be approximated: a log density on R^n, and the way from there to the parameters a user knows."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar
from numpyro.distributions.transforms import Transform

from latlas.bayes.targets._arguments import Arguments, holes_of
from latlas.core import Layout


class Suspects(NamedTuple):
    """What may explain a log density that is not finite, each in a few words.

    Attributes:
        holes: arrays of the data with values that are not finite.
        sites: parts of the model whose own log density is not finite.
    """

    holes: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


class AbstractTarget(eqx.Module):
    """An unnormalised log density on R^n with the bijection to the user's parameters.

    Data are leaves of this pytree and code is static, so that a program compiled for one target serves every other with
    the same code and the shapes of its data.
    """

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Unconstrained entries."""

    @property
    @abc.abstractmethod
    def start(self) -> Float[Array, " n"] | None:
        """Where the user began, or None where nothing was given."""

    @property
    @abc.abstractmethod
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter name -> shape of its unconstrained entries, in the order in which they lie in the vector."""

    @abc.abstractmethod
    def log_density(self, u: Float[Array, " n"]) -> Scalar:
        """log p(theta(u), data) + log |d theta / d u| in nats, for one unconstrained vector."""

    @abc.abstractmethod
    def constrain(self, u: Float[Array, " n"]) -> PyTree[Array]:
        """The user's parameters at `u`, under their own names and in their own space."""

    @abc.abstractmethod
    def suspects(self, u: Float[Array | np.ndarray, " n"]) -> Suspects:
        """What may explain that the log density at `u` is not finite."""


class DensityTarget(AbstractTarget):
    """A target from a function `log_density(params)` or `log_density(params, data)`; `from_log_density` makes it.

    Attributes:
        function: returns a scalar in nats; constants may be left out.
        layout: of the unconstrained parameters.
        bijections: NumPyro transforms from the unconstrained by parameter name; where there is none, every real number
            is valid.
        data: holds the function's second argument, or None where it has only one.
        init: unconstrained parameters that the user began with.
        judged: names of the parameters that a verdict is about; None for all.
    """

    function: Callable = eqx.field(static=True)
    layout: Layout
    bijections: dict[str, Transform]
    data: Arguments | None
    init: Float[Array, " n"]
    judged: tuple[str, ...] | None = eqx.field(static=True, default=None)

    @property
    def dim(self) -> int:
        """Unconstrained entries."""
        return self.layout.size

    @property
    def start(self) -> Float[Array, " n"]:
        """Unconstrained parameters that the user began with."""
        return self.init

    @property
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter name -> shape of its unconstrained entries."""
        return self.layout.shapes_by_name

    def log_density(self, u: Float[Array, " n"]) -> Scalar:
        """The user's log density at the constrained parameters, plus the log determinant of the bijections."""
        params, log_det = constrained(self.bijections, self.layout.unravel(u))
        value = self.function(params) if self.data is None else self.function(params, self.data.data)
        return value + log_det

    def constrain(self, u: Float[Array, " n"]) -> PyTree[Array]:
        """The parameters that the user's function takes."""
        return constrained(self.bijections, self.layout.unravel(u))[0]

    def suspects(self, u: Float[Array | np.ndarray, " n"]) -> Suspects:
        """Holes in the data."""
        return Suspects(() if self.data is None else holes_of(self.data))


def constrained(
    bijections: dict[str, Transform], free: PyTree[Array]
) -> tuple[PyTree[Array], Scalar | float]:
    """Parameters from unconstrained ones, and log |d params / d free| in nats."""
    if not bijections:
        return free, 0.0
    params, log_det = dict(free), 0.0
    for name, bijection in bijections.items():
        params[name] = bijection(free[name])
        log_det += jnp.sum(bijection.log_abs_det_jacobian(free[name], params[name]))
    return params, log_det
