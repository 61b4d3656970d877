"""Where log p(x) lies: every estimate of it on one axis, and what the ELBO lacks of it."""

import math
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.report._data import ReportData
from latlas.report._evaluation import Measured, bracket
from latlas.report._text import number, with_error
from latlas.report._theme import BLUE, GREEN, ORANGE, PURPLE, Theme, new_figure, themed

BAND = 0.18  # opacity of the range


class Row(NamedTuple):
    """One estimate of log p(x), and how it is drawn."""

    name: str
    value: Measured
    color: str
    marker: str
    filled: bool


def bracket_rows(data: ReportData) -> list[Row]:
    """All estimates of log p(x) on the examples of the bracket, the ELBO first and the upper side last."""
    found = bracket(data)
    if found is None:
        return []
    upper = "upper bound" if found.upper_is_bound else "upper estimate"
    rows = (
        ("ELBO", found.elbo, ORANGE, "o", True),
        ("importance-weighted", found.importance, PURPLE, "o", True),
        ("lower bound", found.lower, BLUE, ">", True),
        (upper, found.upper, GREEN, "<", found.upper_is_bound),
    )
    return [Row(name, value, *rest) for name, value, *rest in rows if value is not None]


@themed
def bracket_figure(data: ReportData, theme: Theme) -> Figure:
    """Every estimate of log p(x), with one (thick) and two (thin) standard errors, and the range between both sides.

    The upper side is hollow where it is an estimate and no bound; a dotted line is the exact value, where the
    model knows it.

    Raises:
        ValueError: if the evaluation has no bracket.
    """
    rows, found = bracket_rows(data), bracket(data)
    if found is None:
        raise ValueError("The evaluation has no bracket, which this needs; evaluate with a bound asked for.")
    figure = new_figure(0.95 + 0.5 * len(rows))
    panel = figure.subplots()
    for place, row in enumerate(rows):
        _draw(panel, place, row, theme)
    panel.axvspan(found.lower.value, found.upper.value, color=BLUE, alpha=BAND, linewidth=0)
    if found.exact is not None:
        panel.axvline(found.exact.value, color=theme.text, linewidth=1.2, linestyle=":")
        style = {"ha": "center", "va": "bottom", "fontsize": 10, "annotation_clip": False}
        label = f"exact {number(found.exact.value, 5)}"
        panel.annotate(label, (found.exact.value, 1), xycoords=("data", "axes fraction"), **style)
    panel.set_yticks(range(len(rows)), [row.name for row in rows])
    panel.tick_params(axis="y", length=0, labelcolor=theme.text, labelsize=11)
    panel.set_ylim(-0.5, len(rows) - 0.3)
    panel.margins(x=0.22)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    panel.grid(axis="x")
    panel.set_xlabel("nats per example (further right is better)")
    return figure


def _draw(panel: Axes, place: int, row: Row, theme: Theme) -> None:
    error = row.value.error if math.isfinite(row.value.error) else 0.0
    for times, width in ((2, 1.2), (1, 3.5)):
        ends = row.value.value + np.array([-times, times]) * error
        panel.plot(ends, [place, place], color=row.color, linewidth=width)
    face = row.color if row.filled else theme.surface
    panel.plot(
        row.value.value,
        place,
        row.marker,
        color=row.color,
        markerfacecolor=face,
        markersize=8,
        markeredgewidth=1.6,
    )
    label = with_error(row.value.value, row.value.error)
    panel.annotate(
        label, (row.value.value, place), (0, 8), textcoords="offset points", ha="center", fontsize=10
    )
