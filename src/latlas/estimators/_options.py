"""What an `Atlas` may be asked for: checks of its options, and the rules behind those left open."""

import math
import numbers
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from latlas.core import RequestError, checked_name
from latlas.data import Levels
from latlas.estimators._resolve import CURES, LIKELIHOODS, NETWORKS, PRECISIONS
from latlas.networks import activation

# epochs=None: about as many steps as bring the digits and MNIST to rest, within bounds
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 5_000, 20, 300
_MOST_LEVELS = 1024
_HIDDEN = {"mlp": (200, 200), "conv": (32, 64)}
# option -> (type, smallest, largest, whether the smallest itself is allowed, what may be given)
_RANGES = {
    "latent_dim": (numbers.Integral, 1, 10_000, True, "a whole number from 1 to 10,000"),
    "batch_size": (numbers.Integral, 1, 2**31, True, "a whole number from 1"),
    "epochs": (
        numbers.Integral,
        1,
        2**31,
        True,
        "a whole number from 1, or None for one that suits the data",
    ),
    "patience": (numbers.Integral, 1, 2**31, True, "a whole number from 1, or None for never"),
    "beta": (numbers.Real, 0, math.inf, True, "a number from 0"),
    "warm_up": (numbers.Real, 0, 1, True, "a share of the run from 0 to 1"),
    "learning_rate": (numbers.Real, 0, math.inf, False, "a number above 0"),
    "max_error": (numbers.Real, 0, math.inf, False, "a number above 0, in the data's unit, or None"),
    "validation_fraction": (numbers.Real, 0, 0.9, True, "a share of the data from 0 to 0.9"),
}
_MAY_BE_NONE = ("epochs", "patience", "max_error")


def check_options(options: dict[str, Any]) -> None:
    """Refuses options that make no sense.

    Raises:
        RequestError: naming the option, what was got and what may be given.
    """
    checked_name("likelihood", options["likelihood"], ["auto", *LIKELIHOODS])
    checked_name("network", options["network"], NETWORKS)
    checked_name("precision", options["precision"], PRECISIONS)
    if options["cure"] is not None:
        checked_name("cure", options["cure"], CURES)
    try:
        activation(options["activation"])
    except ValueError as error:
        raise RequestError(str(error)) from error
    levels_of(options["levels"])
    if not isinstance(options["verbose"], int) and options["verbose"] != "auto":
        raise RequestError(f'The option verbose takes True, False or "auto"; got {options["verbose"]!r}.')
    for name, (kind, low, high, inclusive, expected) in _RANGES.items():
        value = options[name]
        if value is None and name in _MAY_BE_NONE:
            continue
        if value is None or isinstance(value, bool) or not isinstance(value, kind):
            right = False
        else:
            right = math.isfinite(value)
        if not right or not low <= value <= high or (value == low and not inclusive):
            raise RequestError(f"The option {name} takes {expected}; got {value!r}.")
    if options["max_error"] is not None and options["cure"] is not None:
        raise RequestError(
            "A fit is either constrained by max_error or treated by cure: what a treatment changes would change the price "
            "of the constraint. Give one of them."
        )
    hidden = options["hidden"]
    if hidden is not None and not all(_is_width(width) for width in _widths(hidden)):
        raise RequestError(f"The option hidden takes widths from 1, such as (200, 200); got {hidden!r}.")


def hidden_of(hidden: Any, network: str) -> tuple[int, ...]:
    """The widths asked for, or those that suit the network."""
    return _HIDDEN[network] if hidden is None else tuple(int(width) for width in _widths(hidden))


def _widths(hidden: Any) -> tuple[Any, ...]:
    """One number is one layer."""
    in_order = isinstance(hidden, Sequence | np.ndarray) and not isinstance(hidden, str | bytes)
    return tuple(hidden) if in_order and np.ndim(hidden) else (hidden,)


def _is_width(width: Any) -> bool:
    return isinstance(width, numbers.Integral) and not isinstance(width, bool) and int(width) >= 1


def checked_count(name: str, value: Any, fewest: int = 1) -> int:
    """A whole number of at least so many, as an int.

    Raises:
        RequestError: naming it, what was got and what may be given.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < fewest:
        raise RequestError(f"{name} takes a whole number from {fewest}; got {value!r}.")
    return int(value)


def levels_of(levels: Any) -> Levels | None:
    """The levels asked for, `None` for those of the data.

    Raises:
        RequestError: if they are no number of levels, nor a minimum, a step and a number.
    """
    if levels is None:
        return None
    values = (0.0, 1.0, levels) if isinstance(levels, numbers.Real) else _items(levels)
    if len(values) == 3 and all(isinstance(value, numbers.Real) for value in values):
        minimum, step, number = map(float, values)
        right = math.isfinite(minimum + step) and step > 0 and number in range(2, _MOST_LEVELS + 1)
        if right and not isinstance(levels, bool):
            return Levels(minimum, step, int(number))
    raise RequestError(
        f"The option levels takes a number from 2 to {_MOST_LEVELS:,}, or a minimum, a step above 0 and a number, such as "
        f"(0, 0.5, 11); got {levels!r}."
    )


def _items(levels: Any) -> tuple[Any, ...]:
    return () if isinstance(levels, str) or not isinstance(levels, Iterable) else tuple(levels)


def epochs_of(epochs: int | None, rows: int, batch_size: int) -> int:
    """The epochs asked for, or as many as make about 5,000 steps, but at least 20 and at most 300.

    >>> epochs_of(None, 50_000, 100), epochs_of(None, 1_617, 100), epochs_of(7, 10, 100)
    (20, 300, 7)
    """
    if epochs is not None:
        return int(epochs)
    steps_per_epoch = max(1, rows // batch_size)
    return int(np.clip(_STEPS // steps_per_epoch, _FEWEST_EPOCHS, _MOST_EPOCHS))


def shows_progress(verbose: bool | str) -> bool:
    """Whether progress is shown: as asked for, or where somebody looks on."""
    return hasattr(sys, "ps1") if verbose == "auto" else bool(verbose)


def seed_of(random_state: Any) -> int:
    """A seed from what scikit-learn calls a random state: an integer, a `RandomState`, or `None` for any.

    Raises:
        RequestError: if it is something else.
    """
    try:
        # True is the integer 1 to scikit-learn, which refuses text
        is_bool = isinstance(random_state, bool | np.bool_)
        state = check_random_state(str(random_state) if is_bool else random_state)
    except ValueError as error:
        shown = isinstance(random_state, str | numbers.Number)
        got = repr(random_state) if shown else f"a {type(random_state).__name__}"
        raise RequestError(
            f"random_state takes a whole number from 0 to {2**32 - 1:,}, a numpy.random.RandomState, or None; got {got}. Of "
            "another generator, or a key of JAX, draw a whole number and give that."
        ) from error
    return int(state.randint(2**31 - 1))


def jsonable(options: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON; a random state that is no number is left to the seed beside it."""
    plain = {
        name: value.item() if isinstance(value, np.generic) else value for name, value in options.items()
    }
    state = plain["random_state"]
    hidden, levels = plain["hidden"], plain["levels"]
    return plain | {
        "levels": levels if levels is None or isinstance(levels, int | float) else [float(v) for v in levels],
        "random_state": state if isinstance(state, int) else None,
        "hidden": None if hidden is None else [int(width) for width in _widths(hidden)],
    }
