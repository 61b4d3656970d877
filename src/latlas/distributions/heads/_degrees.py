"""Degrees of freedom of a Student-t: given, or trained."""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from latlas.distributions.heads._kernels import inverse_softplus, softplus

# Room above two: the variance is scale^2 nu / (nu - 2).
_MARGIN = 0.01


class AbstractDegrees(eqx.Module):
    """Degrees of freedom, above two."""

    @property
    @abc.abstractmethod
    def value(self) -> Float[Array, "..."]:
        """The degrees of freedom, shape `()` or that of `x`."""


class FixedDegrees(AbstractDegrees):
    """Given degrees of freedom, never trained.

    Attributes:
        degrees: above 2; the Gaussian is the limit at infinity.
    """

    degrees: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not (self.degrees > 2 and math.isfinite(self.degrees)):
            raise ValueError(
                f"FixedDegrees got {self.degrees}; degrees of freedom must be above 2, "
                "where the variance exists."
            )

    @property
    def value(self) -> Float[Array, ""]:
        """The number."""
        return jnp.asarray(self.degrees, jnp.float32)


class LearnedDegrees(AbstractDegrees):
    """Trained degrees of freedom, `2.01 + softplus(raw)`: one number, or one per entry of `x`.

    Attributes:
        raw: the trained array.
    """

    raw: Float[Array, "..."]

    def __init__(self, shape: tuple[int, ...] = (), *, init: float = 10.0) -> None:
        """Starts at `init` everywhere.

        Args:
            shape: `()` for one shared number, or the shape of `x`.
            init: initial degrees of freedom, above 2.01.
        """
        if not (init > 2 + _MARGIN and math.isfinite(init)):
            raise ValueError(
                f"LearnedDegrees got init = {init}; degrees of freedom must start above {2 + _MARGIN}."
            )
        self.raw = jnp.full(tuple(shape), inverse_softplus(init - 2 - _MARGIN))

    @property
    def value(self) -> Float[Array, "..."]:
        """The degrees of freedom as they stand."""
        return 2 + _MARGIN + softplus(self.raw)
