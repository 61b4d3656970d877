"""Between the data's units and the model's: what a likelihood needs done to the data, and how to undo it.

Done in float64 on the host, because float32 has no digits left for 2,460,000.5 +- 0.001; kept as JSON and arrays.
"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from latlas.core import DataError, checked_fields, number, optional, switch, whole_number
from latlas.data._blocks import moments, row_blocks

Data = Shaped[np.ndarray, "examples ..."]

# columns that a message calls by name
_NAMED = 5


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

    @property
    @abc.abstractmethod
    def unit(self) -> float | Float[np.ndarray, "..."]:
        """What one unit of the data is in the model's numbers: one number, or one per entry of an item."""

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
            return _without_negative_zero(x.astype(np.float32))
        if x.dtype.kind == "f" and not all(np.all(x[rows] == np.round(x[rows])) for rows in row_blocks(x)):
            raise DataError("This likelihood takes whole numbers; got fractions: choose another likelihood.")
        small = np.uint8 if self.maximum is not None and self.maximum <= 255 else np.int32
        return x.astype(small if high < 2**31 else np.float32)

    def to_data(self, x: Data) -> Data:
        """`x` in float64."""
        return np.asarray(x, np.float64)

    @property
    def unit(self) -> float:
        """1."""
        return 1.0

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
        low, high = (round((float(end) - self.minimum) / self.step) for end in (x.min(), x.max()))
        if low < 0 or high > self.num_levels - 1:
            raise DataError(
                f"The data reach from {x.min():g} to {x.max():g}, and the model knows levels from {self.minimum:g} to "
                f"{self.minimum + self.step * (self.num_levels - 1):g}: clip the data, or fit "
                "with all levels named (levels=, or --levels on the command line)."
            )
        tolerance = 0.1 if x.dtype == np.float16 else 1e-2  # of a step: float16 keeps k/255 to 0.06 of one
        levels = np.empty(x.shape, np.uint8 if self.num_levels <= 256 else np.int32)
        for rows in row_blocks(x):
            level = (x[rows].astype(np.float64) - self.minimum) / self.step
            nearest = np.round(level)
            if np.abs(level - nearest).max() > tolerance:
                raise DataError(
                    f"The data hold values between the {self.num_levels} levels from {self.minimum:g} in steps of "
                    f"{self.step:g} that this likelihood takes: choose another likelihood, or round the data."
                )
            levels[rows] = nearest
        return levels

    def to_data(self, x: Data) -> Data:
        """The values of levels, or of means of levels."""
        return self.minimum + self.step * np.asarray(x, np.float64)

    @property
    def unit(self) -> float:
        """One over the step."""
        return 1.0 / self.step

    def to_dict(self) -> dict[str, Any]:
        """Kind and levels."""
        return {"kind": "levels", "minimum": self.minimum, "step": self.step, "num_levels": self.num_levels}

    def arrays(self) -> dict[str, np.ndarray]:
        """None."""
        return {}


@dataclass(frozen=True)
class Standardised(AbstractUnits):
    """Each feature less its mean, over its standard deviation.

    A feature that is constant has no such scale, and is refused: a scale learned for it would go to zero and its
    density to infinity.

    Attributes:
        loc: means, of the shape of an item.
        scale: standard deviations, above zero.
    """

    loc: Float[np.ndarray, "..."]
    scale: Float[np.ndarray, "..."]

    @classmethod
    def of(cls, x: Data, feature_names: Sequence[str] | None = None) -> "Standardised":
        """Those of the data.

        Args:
            x: the data.
            feature_names: of the columns, for the message.

        Raises:
            DataError: if a feature is constant, or its variance is out of float64's range.
        """
        x = np.asarray(x)
        constant = x.min(axis=0) == x.max(axis=0)
        if constant.any():
            raise DataError(_constant_columns(constant, feature_names))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # looked at below
            loc, scale = moments(x)
        if not (np.isfinite(loc).all() and np.isfinite(scale).all()):
            raise DataError("The data are too large to take their variance: divide them by a power of ten.")
        if not scale.all():
            raise DataError(
                "The data differ by too little to take their variance: multiply them by a power of ten."
            )
        return cls(loc, scale)

    @property
    def log_scale(self) -> Float[np.ndarray, "..."]:
        """Log of the scale: minus the log-Jacobian of each feature, in nats."""
        return np.log(self.scale)

    def to_model(self, x: Data) -> Data:
        """(x - loc) / scale in float32."""
        x = np.asarray(x)
        standardised = np.empty(x.shape, np.float32)
        for rows in row_blocks(x):
            z = (x[rows].astype(np.float64) - self.loc) / self.scale
            if np.abs(z).max() > 1e15:
                raise DataError(
                    "The data lie more than 1e15 standard deviations from those the model was fitted on: "
                    "check their unit."
                )
            standardised[rows] = z
        return _without_negative_zero(standardised)

    def to_data(self, x: Data) -> Data:
        """Loc + scale x."""
        return self.loc + self.scale * np.asarray(x, np.float64)

    @property
    def unit(self) -> Float[np.ndarray, "..."]:
        """One over each scale."""
        return 1.0 / self.scale

    def to_dict(self) -> dict[str, Any]:
        """The kind."""
        return {"kind": "standardised"}

    def arrays(self) -> dict[str, np.ndarray]:
        """Means and scales."""
        return {"loc": self.loc, "scale": self.scale}


def _without_negative_zero(x: np.ndarray) -> np.ndarray:
    """`x` itself, where -0.0 has become 0.0: the one has other bits than the other, and so other draws."""
    x += np.float32(0)
    return x


def units_from(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> AbstractUnits:
    """The units whose `to_dict` and `arrays` these are.

    Raises:
        DataError: if they are not those of any units.
    """
    try:
        kind, fields = _STORED[settings["kind"]]
        units = kind(**checked_fields({n: v for n, v in settings.items() if n != "kind"}, fields), **arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"The units {settings} are not any that latlas writes ({error}): fit the model again."
        ) from error
    if not np.all(np.asarray(arrays.get("scale", 1.0)) > 0):
        raise DataError("The scale of the saved units is not above zero everywhere: fit the model again.")
    return units


# what to_dict gives: the kind -> its class, and its settings
_STORED: dict[str, tuple[type[AbstractUnits], dict[str, Any]]] = {
    "as given": (AsGiven, {"minimum": number, "maximum": optional(number), "integer": switch}),
    "levels": (Levels, {"minimum": number, "step": number, "num_levels": whole_number(2)}),
    "standardised": (Standardised, {}),
}


def _constant_columns(constant: np.ndarray, feature_names: Sequence[str] | None) -> str:
    """What is wrong with data of which these features are constant, and what to do."""
    places = [tuple(int(i) for i in place) for place in np.argwhere(constant)]
    count, first = len(places), places[:_NAMED]
    if constant.ndim > 1:
        called = ", ".join(str(place) for place in first)
    elif feature_names is not None:
        called = ", ".join(repr(str(feature_names[i])) for (i,) in first)
    else:
        called = ", ".join(str(i) for (i,) in first)
    more = ", ..." if count > len(first) else ""
    counted = "" if feature_names is not None and constant.ndim == 1 else ", counted from 0"
    verb, them = ("is", "it") if count == 1 else ("are", "them")
    return (
        f"{count} of {constant.size} columns of the data {verb} constant ({called}{more}{counted}), and this likelihood "
        f"learns the scale of each column: remove {them}, or choose discretised_logistic or bernoulli if the entries are "
        f"levels (of an array, x[:, x.std(axis=0) > 0] leaves {them} out)."
    )
