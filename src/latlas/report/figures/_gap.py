"""What the ELBO lacks of log p(x), and why."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latlas.core import Estimate
from latlas.evaluation.inference import GapSummary
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import gap
from latlas.report.drawing._text import told
from latlas.report.drawing._theme import BLUE, ORANGE, Theme, new_figure, themed
from latlas.report.figures._intervals import name_rows

HATCH = "////"  # tells the two parts apart without their colours


@themed
def gap_figure(data: ReportData, theme: Theme) -> Figure:
    """The gap as a stacked bar from the ELBO to log p(x), and its two parts below, each where it lies in it.

    Raises:
        ValueError: if the evaluation has no gap.
    """
    found = gap(data)
    if found is None:
        raise ValueError("The evaluation has no gap, which this needs; evaluate with the gap asked for.")
    figure = new_figure(2.5)
    panel = figure.subplots()
    first, second = found.amortization, found.approximation
    for row, (start, part, kind) in enumerate(_bars(found)):
        panel.barh(row, part.value, 0.62, start, **_look(kind, theme))
        if row < 2:
            panel.barh(2, part.value, 0.62, start, **_look(kind, theme))
    ends = (first, Estimate(first.value + second.value, second.standard_error), found.total)
    for row, (end, part) in enumerate(zip(ends, (first, second, found.total), strict=True)):
        right = max(end.value, first.value)  # a negative part reaches back
        _end(panel, row, end.value, right, part, theme)
    panel.axvline(0, color=theme.muted, linewidth=0.8)
    names = ("amortisation", "approximation", "the whole gap")
    name_rows(panel, names, "nats per example above the ELBO", theme)
    low, high = (limit(0.0, *(end.value for end in ends)) for limit in (min, max))
    reach = max(high - low, 1e-6)
    panel.set_xlim(low - (0.05 * reach if low < 0 else 0), high + 0.4 * reach)
    return figure


def _bars(found: GapSummary) -> tuple[tuple[float, Estimate, str], ...]:
    return ((0.0, found.amortization, "first"), (found.amortization.value, found.approximation, "second"))


def _look(kind: str, theme: Theme) -> dict:
    if kind == "first":
        return {"color": ORANGE, "edgecolor": theme.surface, "linewidth": 0}
    return {"color": BLUE, "edgecolor": theme.surface, "linewidth": 0, "hatch": HATCH}


def _end(panel: Axes, row: int, end: float, right: float, part: Estimate, theme: Theme) -> None:
    """The error at a bar's end, and the figure right of all that is drawn in its row."""
    error = part.standard_error if math.isfinite(part.standard_error) else 0.0
    panel.plot([end - error, end + error], [row, row], color=theme.text, linewidth=1.6)
    label = told(part)
    at = (right + error, row)
    panel.annotate(label, at, (6, 0), textcoords="offset points", va="center", fontsize=10)
