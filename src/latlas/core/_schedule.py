"""Numbers that change over a run, as functions of its progress from 0 to 1.

Progress, not steps: a warm-up of 400 epochs in a run of 100 silently trains another model (scvi-tools #1569); a warm-up
of a tenth of the run cannot.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar


class AbstractSchedule(eqx.Module):
    """Progress in [0, 1] -> value."""

    @abc.abstractmethod
    def __call__(self, progress: float | Scalar) -> Scalar:
        """The value at this share of the run."""


class Constant(AbstractSchedule):
    """The same value all along."""

    value: float | Float[Array, ""] = 1.0

    def __call__(self, progress: float | Scalar) -> Scalar:
        """The value."""
        return jnp.asarray(self.value, jnp.float32)


class LinearWarmUp(AbstractSchedule):
    r"""From `start` to `end` in a straight line over the first `fraction` of the run, `end` from there on.

    Attributes:
        fraction: share of the run, in (0, 1].
        start: value at the beginning.
        end: value from `fraction` on.
    """

    fraction: float = 0.1
    start: float = 0.0
    end: float | Float[Array, ""] = 1.0

    def __check_init__(self):
        if not 0 < self.fraction <= 1:
            raise ValueError(
                f"A warm-up takes a fraction of the run in (0, 1]; {self.fraction} came. "
                "Give 0.1 for the first tenth of the run, or Constant for no warm-up."
            )

    def __call__(self, progress: float | Scalar) -> Scalar:
        """The value at this share of the run."""
        return self.start + (self.end - self.start) * jnp.clip(progress / self.fraction, 0.0, 1.0)


def as_schedule(value: float | Scalar | AbstractSchedule) -> AbstractSchedule:
    """A number as a constant schedule; a schedule as it is."""
    return value if isinstance(value, AbstractSchedule) else Constant(value)
