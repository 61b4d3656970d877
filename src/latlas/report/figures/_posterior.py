"""Figures of a Bayesian fit: densities, pairs and intervals, beside NUTS where it was run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from latlas.report.data._posterior import BayesReportData, site
from latlas.report.drawing._text import short_name
from latlas.report.drawing._theme import BLUE, ORANGE, Theme, new_figure, themed

COLUMNS, BINS = 3, 40
MOST_POINTS = 1000  # of a pair plot
MOST_ROWS = 40  # of the intervals
TAIL = (
    0.25  # per cent of the draws on either side that the axes leave out: a heavy tail would squeeze the rest
)
LONGEST = 16


@themed
def marginals_figure(data: BayesReportData, theme: Theme) -> Figure:
    """Densities of the shown parameters: filled for the fit, a line for NUTS."""
    names = list(data.shown)
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(0.5 + 1.7 * rows)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for panel, name in zip(panels, names, strict=False):
        low, high = _range(data, name)
        edges = np.linspace(low, high, BINS + 1)
        panel.hist(data.draws[name], edges, density=True, color=BLUE, alpha=0.45, linewidth=0)
        if name in data.reference:
            panel.hist(
                data.reference[name], edges, density=True, histtype="step", color=ORANGE, linewidth=1.4
            )
        panel.set_title(short_name(name, LONGEST))
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        panel.set_xlim(low, high)
        panel.xaxis.set_major_locator(MaxNLocator(3))
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    _legend(figure, data, Patch(color=BLUE, alpha=0.45, label=_engine(data)))
    return figure


@themed
def pairs_figure(data: BayesReportData, theme: Theme) -> Figure:
    """Draws of every pair of the shown parameters: dots for the fit, rings for NUTS."""
    names = list(data.shown)
    size = len(names) - 1
    # the page shows it 1.2 times as large as this: an axis stays readable at an inch and a half
    side = max(3.4, 1.55 * size)
    figure = new_figure(side, width=side + 0.4)
    panels = figure.subplots(size, size, squeeze=False)
    for row, below in enumerate(names[1:]):
        for column, across in enumerate(names[:-1]):
            panel = panels[row, column]
            if column > row:
                panel.set_visible(False)
                continue
            _scatter(panel, data, across, below)
            panel.tick_params(labelleft=column == 0, labelbottom=row == size - 1)
            if column == 0:
                panel.set_ylabel(short_name(below, LONGEST))
            if row == size - 1:
                panel.set_xlabel(short_name(across, LONGEST))
    dot = Line2D([], [], linestyle="", marker="o", markersize=5, color=BLUE, label=_engine(data))
    _legend(figure, data, dot, marker="o", linestyle="", markersize=5)
    return figure


@themed
def intervals_figure(data: BayesReportData, theme: Theme) -> Figure:
    """Median and the middle nine tenths of the entries of vectors, one panel per parameter."""
    groups = interval_groups(data)
    heights = [len(names) for names in groups.values()]
    figure = new_figure(0.9 + 0.24 * sum(heights) + 0.55 * len(heights))
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (name, entries) in zip(panels, groups.items(), strict=True):
        _intervals(panel, [data.draws[entry] for entry in entries], BLUE, -0.13 if data.reference else 0.0)
        known = [data.reference[entry] for entry in entries if entry in data.reference]
        if len(known) == len(entries):
            _intervals(panel, known, ORANGE, 0.17)
        panel.set_yticks(range(len(entries)), [short_name(entry, LONGEST) for entry in entries])
        panel.set_ylim(len(entries) - 0.4, -0.6)
        panel.set_title(short_name(name, LONGEST))
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.grid(axis="x")
    handle = Line2D([], [], marker="o", markersize=4, color=BLUE, label=_engine(data))
    _legend(figure, data, handle, marker="o", markersize=4)
    return figure


def interval_groups(data: BayesReportData) -> dict[str, list[str]]:
    """Vectors and their entries, as many as one figure holds."""
    groups: dict[str, list[str]] = {}
    for name in data.draws:
        if "[" in name:
            groups.setdefault(site(name), []).append(name)
    kept, room = {}, MOST_ROWS
    for name, entries in groups.items():
        if len(entries) > 1 and room >= 2:
            kept[name] = entries[:room]
            room -= len(kept[name])
    return kept


MOST_SITES = 4  # of the predictive figure


def histograms(data: BayesReportData) -> dict[str, Mapping[str, Any]]:
    """The observed sites of which there are histograms, as many as one figure holds."""
    found = {name: check for name, check in data.predictive.items() if check.get("edges")}
    return dict(list(found.items())[:MOST_SITES])


@themed
def predictive_figure(data: BayesReportData, theme: Theme) -> Figure:
    """Histograms of the data (a line) over the middle nine tenths of those of replicates (a band)."""
    found = histograms(data)
    figure = new_figure(0.5 + 2.0 * len(found))
    panels = figure.subplots(len(found), 1, squeeze=False)[:, 0]
    for panel, (name, check) in zip(panels, found.items(), strict=True):
        low, high, edges = (np.asarray(check[part], dtype=float) for part in ("low", "high", "edges"))
        panel.stairs(high, edges, baseline=low, fill=True, color=BLUE, alpha=0.35, label="replicates")
        panel.stairs(np.asarray(check["counts"]), edges, color=ORANGE, linewidth=1.6, label="data")
        panel.set_title(short_name(name, LONGEST))
        panel.set_ylabel("how many")
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _intervals(panel: Axes, columns: Sequence[np.ndarray], color: str, offset: float) -> None:
    low, middle, high = np.quantile(np.stack(columns), [0.05, 0.5, 0.95], axis=1)
    rows = np.arange(len(columns)) + offset
    panel.hlines(rows, low, high, color=color, linewidth=1.6)
    panel.plot(middle, rows, "o", color=color, markersize=4)


def _scatter(panel: Axes, data: BayesReportData, across: str, below: str) -> None:
    style = {
        "s": 6,
        "linewidths": 0,
        "rasterized": True,
    }  # a picture: a thousand dots as paths weigh a megabyte
    if across in data.reference and below in data.reference:
        points = _thinned(data.reference[across], data.reference[below])
        panel.scatter(*points, color=ORANGE, alpha=0.5, **style)
    panel.scatter(*_thinned(data.draws[across], data.draws[below]), color=BLUE, alpha=0.4, **style)
    panel.set_xlim(*_range(data, across))
    panel.set_ylim(*_range(data, below))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(3))


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    every = slice(None, None, 1 + (len(x) - 1) // MOST_POINTS)
    return x[every], y[every]


def _range(data: BayesReportData, name: str) -> tuple[float, float]:
    values = [column[name] for column in (data.draws, data.reference) if name in column]
    ends = np.array([np.percentile(x[np.isfinite(x)], [TAIL, 100 - TAIL]) for x in values])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    room = 0.04 * (high - low) or 0.5 * (abs(low) or 1.0)
    return low - room, high + room


def _engine(data: BayesReportData) -> str:
    return str(data.evaluation.get("engine", "fit"))


def _legend(figure: Figure, data: BayesReportData, fit: Line2D | Patch, **style: Any) -> None:
    handles = [fit]
    if data.reference:
        style = {"color": ORANGE, "linewidth": 1.8} | style
        handles.append(Line2D([], [], label="NUTS, the reference", **style))
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
