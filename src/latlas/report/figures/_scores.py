"""How single examples are explained: log p(x) of the data beside that of examples that the model made up."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.report.data._data import ReportData
from latlas.report.data._items import kind_of
from latlas.report.data._scores import Scores
from latlas.report.drawing._theme import BLUE, ORANGE, VERMILLION, Theme, new_figure, themed
from latlas.report.figures._items import reconstructions_figure

BINS = 40
LOWEST = 0.5  # per cent of the scores that the axis leaves out below: one outlier would squeeze the rest


def finite_scores(data: ReportData) -> Scores | None:
    """The scores, if some of them are numbers."""
    return data.scores if data.scores is not None and np.isfinite(data.scores.log_p).any() else None


def has_worst(data: ReportData) -> bool:
    """Whether the worst examples are pictures or lines, which a table cannot show."""
    scores = finite_scores(data)
    return (
        scores is not None
        and scores.worst is not None
        and scores.rebuilt is not None
        and kind_of(data.items) != "table"
    )


@themed
def worst_figure(data: ReportData, theme: Theme) -> Figure:
    """The worst examples and what the model makes of them, the lowest score first.

    Raises:
        ValueError: if no example was scored.
    """
    if data.scores is None:
        raise ValueError("The report has no scores, which this needs; make its ReportData with scores=.")
    items = replace(data.items, originals=data.scores.worst, reconstructions=data.scores.rebuilt)
    return reconstructions_figure(replace(data, items=items), theme)


@themed
def scores_figure(data: ReportData, theme: Theme) -> Figure:
    """Densities of log p(x): filled for the data, a line for what the model made up, ticks for the ten worst examples.

    Raises:
        ValueError: if no example was scored.
    """
    scores = finite_scores(data)
    if scores is None:
        raise ValueError("The report has no scores, which this needs; make its ReportData with scores=.")
    groups = [("data", scores.log_p, {"color": BLUE, "alpha": 0.45, "linewidth": 0})]
    if scores.of_samples is not None and len(scores.of_samples):
        line = {"color": ORANGE, "histtype": "step", "linewidth": 1.6}
        groups.append(("made up by the model", scores.of_samples, line))
    known = [values[np.isfinite(values)] for _, values, _ in groups]
    low = min(np.percentile(values, LOWEST) for values in known if len(values))
    high = max(values.max() for values in known if len(values))
    room = 0.04 * (high - low) or 0.5
    edges = np.linspace(low - room, high + room, BINS + 1)
    figure = new_figure(2.7)
    panel = figure.subplots()
    for (name, _, look), values in zip(groups, known, strict=True):
        panel.hist(np.clip(values, edges[0], edges[-1]), edges, density=True, label=name, **look)
    worst = scores.log_p[scores.order]
    worst = np.clip(np.nan_to_num(worst, nan=edges[0], neginf=edges[0]), edges[0], edges[-1])
    panel.plot(
        worst, np.zeros(len(worst)), "|", color=VERMILLION, markersize=12, label="the worst", clip_on=False
    )
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(bottom=0)
    panel.set_yticks([])
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("log p(x), nats")
    panel.xaxis.set_major_locator(MaxNLocator(6))
    figure.legend(loc="outside upper right", ncols=3)
    return figure
