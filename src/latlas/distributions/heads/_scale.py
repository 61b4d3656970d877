"""Where a scale comes from: a number, a trained array, or the decoder. Shared by every location-scale head.

A scale is positive by construction: `minimum + softplus(raw)`.
"""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from latlas.distributions.heads._kernels import inverse_softplus, softplus


class AbstractScale(eqx.Module):
    """Splits a decoder's output into the location and the scale of each entry of `x`."""

    @abc.abstractmethod
    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape that the decoder's output must have for an `x` of `shape`."""

    @abc.abstractmethod
    def loc_and_scale(self, params: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Location and scale, both of the shape of `x`; the scale is positive."""


class FixedScale(AbstractScale):
    """A known scale, the same for every entry; never trained.

    Attributes:
        value: the scale, in the unit of `x`; positive. A number, or where a model computes it an array of shape `()`.
    """

    value: float | Float[Array, ""]

    def __check_init__(self) -> None:
        if not isinstance(self.value, Array):  # an array may be traced, and then has no value yet
            _check_positive("FixedScale", "value", self.value)

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x`: a location per entry."""
        return tuple(shape)

    def loc_and_scale(self, params: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The parameters, and the number."""
        return params, jnp.full_like(params, self.value)


class LearnedScale(AbstractScale):
    """A trained scale that is the same for every example: one number, or one per entry of `x`.

    Attributes:
        raw: the trained array; the scale is `minimum + softplus(raw)`.
        minimum: floor of the scale. Without one a decoder that fits some entry exactly has an unbounded
            likelihood.
    """

    raw: Float[Array, "..."]
    minimum: float = eqx.field(static=True)

    def __init__(self, shape: tuple[int, ...] = (), *, init: float = 1.0, minimum: float = 1e-3) -> None:
        """Starts at `init` everywhere.

        Args:
            shape: `()` for one scale shared by all entries, or the shape of `x`.
            init: initial scale, in the unit of `x`; above `minimum`.
            minimum: floor of the scale; positive.
        """
        _check_positive("LearnedScale", "minimum", minimum)
        _check_positive("LearnedScale", "init - minimum", init - minimum)
        self.raw = jnp.full(tuple(shape), inverse_softplus(init - minimum))
        self.minimum = minimum

    @property
    def value(self) -> Float[Array, "..."]:
        """The scale as it stands."""
        return self.minimum + softplus(self.raw)

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x`: a location per entry."""
        if self.raw.shape not in ((), tuple(shape)):
            raise ValueError(
                f"LearnedScale holds scales of shape {self.raw.shape}, but x has shape {tuple(shape)}. "
                "Write `LearnedScale()` for one shared scale, `LearnedScale(x.shape)` for one per entry."
            )
        return tuple(shape)

    def loc_and_scale(self, params: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The parameters, and the trained scale."""
        return params, jnp.broadcast_to(self.value, params.shape)


class PredictedScale(AbstractScale):
    """A scale that the decoder predicts for every entry.

    Parameters have a last axis of (location, raw scale).

    Attributes:
        minimum: floor of the scale, in the unit of `x`.
    """

    minimum: float = eqx.field(static=True, default=1e-3)

    def __check_init__(self) -> None:
        _check_positive("PredictedScale", "minimum", self.minimum)

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x` and a last axis of length two."""
        return (*shape, 2)

    def loc_and_scale(self, params: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """`params[..., 0]` and `minimum + softplus(params[..., 1])`."""
        return params[..., 0], self.minimum + softplus(params[..., 1])


def _check_positive(owner: str, name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{owner} got {name} = {value}; it must be a positive finite number.")
