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

    value: float | Float[Array, "..."] = 1.0

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
    end: float | Float[Array, "..."] = 1.0

    def __check_init__(self):
        if not 0 < self.fraction <= 1:
            raise ValueError(
                f"A warm-up takes a fraction of the run in (0, 1]; got {self.fraction}. "
                "Give 0.1 for the first tenth of the run, or Constant for no warm-up."
            )

    def __call__(self, progress: float | Scalar) -> Scalar:
        """The value at this share of the run."""
        return self.start + (self.end - self.start) * jnp.clip(progress / self.fraction, 0.0, 1.0)


class Cyclical(AbstractSchedule):
    r"""`num_cycles` warm-ups one after another: each rises from `start` to `end`, then stays at `end`.

    Within a cycle, with the share $\tau$ of it that is done: $start + (end - start) \min(\tau / fraction, 1)$. Each new
    cycle begins at `start` again; the run ends at `end`. (Fu et al. 2019, arXiv:1903.10145, eq. 6 and 7.)

    Attributes:
        num_cycles: at least 1; with 1 it is a `LinearWarmUp`.
        fraction: share of each cycle in which the value rises, in (0, 1].
        start: value at the beginning of each cycle.
        end: value that each cycle reaches.
    """

    num_cycles: int = eqx.field(static=True, default=4)
    fraction: float = 0.5
    start: float = 0.0
    end: float | Float[Array, "..."] = 1.0

    def __check_init__(self):
        if self.num_cycles < 1:
            raise ValueError(f"A cyclical schedule has at least one cycle; got num_cycles={self.num_cycles}.")
        if not 0 < self.fraction <= 1:
            raise ValueError(
                f"A cycle rises over a fraction of itself in (0, 1]; got {self.fraction}. "
                "Give 0.5 to rise over its first half."
            )

    def __call__(self, progress: float | Scalar) -> Scalar:
        """The value at this share of the run."""
        position = jnp.clip(progress, 0.0, 1.0) * self.num_cycles
        # the end of the run belongs to the last cycle: progress 1 means the full objective
        cycle = jnp.minimum(jnp.floor(position), self.num_cycles - 1)
        return self.start + (self.end - self.start) * jnp.clip((position - cycle) / self.fraction, 0.0, 1.0)


class Piecewise(AbstractSchedule):
    """Straight lines between given values; constant before the first and after the last.

    Attributes:
        at: shares of the run, increasing, in [0, 1].
        values: the value at each of them.
    """

    at: tuple[float, ...]
    values: tuple[float | Float[Array, "..."], ...]

    def __check_init__(self):
        if not self.at or len(self.at) != len(self.values):
            raise ValueError(
                f"A piecewise schedule needs one value for each share of the run; got {len(self.at)} shares "
                f"and {len(self.values)} values."
            )
        rising = all(a < b for a, b in zip(self.at, self.at[1:], strict=False))
        if not rising or not (self.at[0] >= 0 and self.at[-1] <= 1):
            raise ValueError(
                f"The shares of the run must increase from 0 at least to 1 at most; got {self.at}."
            )

    def __call__(self, progress: float | Scalar) -> Scalar:
        """The value at this share of the run."""
        values = jnp.stack([jnp.asarray(value, jnp.float32) for value in self.values])
        return jnp.interp(jnp.asarray(progress, jnp.float32), jnp.asarray(self.at, jnp.float32), values)


def as_schedule(value: float | Scalar | AbstractSchedule) -> AbstractSchedule:
    """A number as a constant schedule; a schedule as it is."""
    return value if isinstance(value, AbstractSchedule) else Constant(value)
