"""Estimates with their errors below each other on one axis, and the look of any figure with named rows."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.core import Estimate, Evidence
from latlas.report.drawing._text import told
from latlas.report.drawing._theme import Theme, new_figure


class Row(NamedTuple):
    """One estimate, and how it is drawn."""

    name: str
    value: Estimate | Evidence
    color: str
    marker: str = "o"
    filled: bool = True


def in_words(rows: Sequence[Row]) -> list[str]:
    """What the figure shows, for a reader who does not see it."""
    return [f"{row.name} {told(row.value)} nats" for row in rows]


def intervals(rows: Sequence[Row], theme: Theme) -> Figure:
    """Every estimate with one (thick) and two (thin) standard errors, the first at the bottom."""
    figure = new_figure(0.95 + 0.5 * len(rows))
    panel = figure.subplots()
    for place, row in enumerate(rows):
        _draw(panel, place, row, theme)
    name_rows(panel, [row.name for row in rows], "nats per example (further right is better)", theme)
    panel.set_ylim(-0.5, len(rows) - 0.3)
    panel.margins(x=0.22)
    return figure


def name_rows(panel: Axes, names: Sequence[str], label: str, theme: Theme) -> None:
    """Names instead of a vertical axis, and a grid along the horizontal one."""
    panel.set_yticks(range(len(names)), names)
    panel.tick_params(axis="y", length=0, labelcolor=theme.text, labelsize=11)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    panel.grid(axis="x")
    panel.set_xlabel(label)


def _draw(panel: Axes, place: int, row: Row, theme: Theme) -> None:
    value, error = row.value.value, row.value.standard_error
    error = error if math.isfinite(error) else 0.0
    for times, width in ((2, 1.2), (1, 3.5)):
        ends = value + np.array([-times, times]) * error
        panel.plot(ends, [place, place], color=row.color, linewidth=width)
    face = row.color if row.filled else theme.surface
    look = {"markerfacecolor": face, "markersize": 8, "markeredgewidth": 1.6}
    panel.plot(value, place, row.marker, color=row.color, **look)
    style = {"textcoords": "offset points", "ha": "center", "fontsize": 10}
    panel.annotate(told(row.value), (value, place), (0, 8), **style)
