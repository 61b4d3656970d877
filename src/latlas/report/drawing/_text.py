"""Numbers and names as text."""

import math
from typing import Any

from latlas.core import Estimate, Evidence


def decimal(value: Any) -> float:
    """A float; NaN for None and for what is no number (JSON has no NaN and writes null)."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def number(value: float, digits: int = 3) -> str:
    """Rounded to so many significant digits, never in powers of ten between 0.001 and a million."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -3 or size >= 6:
        return f"{value:.{digits - 1}e}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,.{max(0, digits - 1 - size)}f}".replace("-", "\N{MINUS SIGN}")


def with_error(value: float, error: float) -> str:
    """`value ± error`, both rounded to the error's second digit; the value alone where there is no error."""
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value, 4)
    digits = min(8, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:,.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{error:,.{digits}f}".replace(
        "-", "\N{MINUS SIGN}"
    )


def told(estimate: Estimate | Evidence) -> str:
    """An estimate with its error."""
    return with_error(estimate.value, estimate.standard_error)


def between(low: float, high: float) -> str:
    """`low to high`, with the digits that tell them apart."""
    width = abs(high - low)
    digits = min(4, max(0, 1 - math.floor(math.log10(width)))) if width > 0 else 2
    return f"{low:,.{digits}f} to {high:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def short_name(name: Any, length: int) -> str:
    """A name for a figure: cut to so many letters, and never read as a formula."""
    name = " ".join(str(name).split())
    return (name if len(name) <= length else name[: length - 1] + "…").replace("$", r"\$")
