"""Between the data's units and the model's: what a likelihood needs done to the data, and how to undo it.

Done in float64 on the host, because float32 has no digits left for 2,460,000.5 +- 0.001; kept as JSON and arrays.
"""

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from latlas.core import DataError

Data = Shaped[np.ndarray, "examples ..."]


class AbstractUnits(abc.ABC):
    """Data <-> what the model sees."""

    @abc.abstractmethod
    def to_model(self, x: Data) -> Data:
        """What the model scores, in a small storage type.

        Raises:
            DataError: if the likelihood cannot give such a value.
        """

    @abc.abstractmethod
    def to_data(self, x: Data) -> Data:
        """The inverse of `to_model`, in float64."""

    @abc.abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The settings, for JSON."""

    @abc.abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, for a file."""


@dataclass(frozen=True)
class AsGiven(AbstractUnits):
    """The same numbers in a smaller storage type.

    Attributes:
        minimum: smallest value that the likelihood can give.
        maximum: largest value, `None` for no end.
        integer: whether only whole numbers can come.
    """

    minimum: float
    maximum: float | None
    integer: bool

    def to_model(self, x: Data) -> Data:
        """`x` in uint8, int32 or float32."""
        low, high = x.min(), x.max()
        if low < self.minimum or (self.maximum is not None and high > self.maximum):
            end = "or more" if self.maximum is None else f"to {self.maximum:g}"
            raise DataError(
                f"The data reach from {low:g} to {high:g}, and this likelihood takes {self.minimum:g} {end}: "
                "choose another likelihood, or rescale the data."
            )
        if not self.integer:
            return x.astype(np.float32)
        if x.dtype.kind == "f" and not np.all(x == np.round(x)):
            raise DataError(
                "This likelihood takes whole numbers, and fractions came: choose another likelihood."
            )
        small = np.uint8 if self.maximum is not None and self.maximum <= 255 else np.int32
        return x.astype(small if high < 2**31 else np.float32)

    def to_data(self, x: Data) -> Data:
        """`x` in float64."""
        return np.asarray(x, np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Kind, ends and whether whole."""
        return {"kind": "as given", "minimum": self.minimum, "maximum": self.maximum, "integer": self.integer}

    def arrays(self) -> dict[str, np.ndarray]:
        """None."""
        return {}


@dataclass(frozen=True)
class Levels(AbstractUnits):
    """Values `minimum + step * k` as their level k = 0, ..., num_levels - 1, in uint8 or int32.

    Attributes:
        minimum: value of level 0.
        step: distance of two levels.
        num_levels: how many there are.
    """

    minimum: float
    step: float
    num_levels: int

    def to_model(self, x: Data) -> Data:
        """The levels."""
        level = (x.astype(np.float64) - self.minimum) / self.step
        nearest = np.round(level)
        tolerance = 1e-2  # of a step: float16 keeps k/255 no better
        if np.abs(level - nearest).max() > tolerance:
            raise DataError(
                f"The data hold values between the {self.num_levels} levels from {self.minimum:g} in steps of "
                f"{self.step:g} that this likelihood takes: choose another likelihood, or round the data."
            )
        if nearest.min() < 0 or nearest.max() > self.num_levels - 1:
            raise DataError(
                f"The data reach from {x.min():g} to {x.max():g}, and the model knows levels from {self.minimum:g} to "
                f"{self.minimum + self.step * (self.num_levels - 1):g}: clip the data, or fit on data with all levels."
            )
        return nearest.astype(np.uint8 if self.num_levels <= 256 else np.int32)

    def to_data(self, x: Data) -> Data:
        """The values of levels, or of means of levels."""
        return self.minimum + self.step * np.asarray(x, np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Kind and levels."""
        return {"kind": "levels", "minimum": self.minimum, "step": self.step, "num_levels": self.num_levels}

    def arrays(self) -> dict[str, np.ndarray]:
        """None."""
        return {}


@dataclass(frozen=True)
class Standardised(AbstractUnits):
    """Each feature less its mean, over its standard deviation.

    A feature that is constant is no part of the density: its scale would be learned towards zero and its density
    towards infinity. It is shown to the model as 0, scored nowhere, and comes back as the constant it is.

    Attributes:
        loc: means, of the shape of an item.
        scale: standard deviations; 1 where the feature is constant.
        varies: which features are not constant.
    """

    loc: Float[np.ndarray, "..."]
    scale: Float[np.ndarray, "..."]
    varies: Bool[np.ndarray, "..."]

    @classmethod
    def of(cls, x: Data) -> "Standardised":
        """Those of the data.

        Raises:
            DataError: if every feature is constant.
        """
        x = np.asarray(x, np.float64)
        varies = x.min(axis=0) != x.max(axis=0)
        if not varies.any():
            raise DataError(
                f"All {varies.size} columns of the data are constant, so there is nothing to learn: "
                "check that the right array was given."
            )
        # a column of one constant has a mean that is off by rounding, so the constant itself is taken
        with np.errstate(over="ignore", invalid="ignore"):  # looked at below
            loc, scale = np.where(varies, x.mean(axis=0), x[0]), x.std(axis=0)
        scale = np.where(varies & (scale > 0), scale, 1.0)
        if not (np.isfinite(loc).all() and np.isfinite(scale).all()):
            raise DataError("The data are too large to take their variance: divide them by a power of ten.")
        return cls(loc, scale, varies)

    @property
    def log_scale(self) -> Float[np.ndarray, "..."]:
        """Log of the scale: minus the log-Jacobian of each feature, in nats."""
        return np.log(self.scale)

    def to_model(self, x: Data) -> Data:
        """(x - loc) / scale in float32; 0 in constant features."""
        z = (np.asarray(x, np.float64) - self.loc) / self.scale
        out = np.where(self.varies, z, 0.0)
        if np.abs(out).max() > 1e15:
            raise DataError(
                "The data lie more than 1e15 standard deviations from those the model was fitted on: "
                "check their unit."
            )
        return out.astype(np.float32)

    def to_data(self, x: Data) -> Data:
        """Loc + scale x; the constant in constant features."""
        return np.where(self.varies, self.loc + self.scale * np.asarray(x, np.float64), self.loc)

    def to_dict(self) -> dict[str, Any]:
        """The kind."""
        return {"kind": "standardised"}

    def arrays(self) -> dict[str, np.ndarray]:
        """Means, scales and which features vary."""
        return {"loc": self.loc, "scale": self.scale, "varies": self.varies}


def units_from(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> AbstractUnits:
    """The units whose `to_dict` and `arrays` these are.

    Raises:
        DataError: if they are not those of any units.
    """
    kinds = {"as given": AsGiven, "levels": Levels, "standardised": Standardised}
    rest = {name: value for name, value in settings.items() if name != "kind"}
    try:
        return kinds[settings["kind"]](**rest, **arrays)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"The units {settings} are not any that latlas writes: fit the model again."
        ) from error
