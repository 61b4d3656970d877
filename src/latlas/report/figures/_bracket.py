"""Where log p(x) lies: every estimate of it on one axis, and what the ELBO lacks of it."""

import math

from matplotlib.figure import Figure

from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import bracket
from latlas.report.drawing._text import number
from latlas.report.drawing._theme import BLUE, GREEN, ORANGE, PURPLE, Theme, themed
from latlas.report.figures._intervals import Row, intervals

BAND = 0.18  # opacity of the range


def bracket_rows(data: ReportData) -> list[Row]:
    """All estimates of log p(x) on the examples of the bracket, the ELBO first and the upper side last."""
    found = bracket(data)
    if found is None:
        return []
    upper = "upper bound" if found.upper_is_bound else "upper estimate"
    rows, beside = [], found.same_examples
    if beside is not None and math.isfinite(beside.elbo.value):
        rows.append(Row("ELBO", beside.elbo, ORANGE))
    if beside is not None and math.isfinite(beside.importance.value):
        rows.append(Row("importance-weighted", beside.importance, PURPLE))
    rows.append(Row("lower bound", found.lower, BLUE, ">"))
    rows.append(Row(upper, found.upper, GREEN, "<", found.upper_is_bound))
    return rows


@themed
def bracket_figure(data: ReportData, theme: Theme) -> Figure:
    """Every estimate of log p(x), with one (thick) and two (thin) standard errors, and the range between both sides.

    The upper side is hollow where it is an estimate and no bound; a dotted line is the exact value, where the
    model knows it.

    Raises:
        ValueError: if the evaluation has no bracket.
    """
    found = bracket(data)
    if found is None:
        raise ValueError("The evaluation has no bracket, which this needs; evaluate with a bound asked for.")
    figure = intervals(bracket_rows(data), theme)
    panel = figure.axes[0]
    panel.axvspan(found.lower.value, found.upper.value, color=BLUE, alpha=BAND, linewidth=0)
    if found.exact is not None:
        panel.axvline(found.exact, color=theme.text, linewidth=1.2, linestyle=":")
        style = {"ha": "center", "va": "bottom", "fontsize": 10, "annotation_clip": False}
        label = f"exact {number(found.exact, 5)}"
        panel.annotate(label, (found.exact, 1), xycoords=("data", "axes fraction"), **style)
    return figure
