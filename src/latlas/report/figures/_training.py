"""The bound over the run, and its two parts."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.report.data._data import ReportData
from latlas.report.drawing._theme import BLUE, VERMILLION, Theme, new_figure, themed

TERMS = (("elbo", "ELBO"), ("log_likelihood", "log-likelihood"), ("kl", "KL"))
SPLITS = (("train", "training", BLUE, "-"), ("valid", "validation", VERMILLION, "--"))
TRANSIENT = 0.2  # of the run: its curves may leave the picture, so that the rest can be read


def curve(data: ReportData, split: str, term: str) -> np.ndarray:
    """One term over the reports, in nats per example; NaN where it is missing."""
    values = [(record.get(split) or {}).get(term) for record in data.measures.history]
    return np.array([math.nan if value is None else float(value) for value in values])


def shown_terms(data: ReportData) -> list[tuple[str, str]]:
    """The terms of which the history holds a finite number; a plain loss where there is no bound."""
    terms = [(term, name) for term, name in TERMS if _has(data, term)]
    return terms or [(term, name) for term, name in (("loss", "loss"),) if _has(data, term)]


def warm_up_end(data: ReportData) -> float | None:
    """Where beta first reaches its last value, in epochs or steps; None if it never moved."""
    betas, (_, steps) = curve(data, "train", "beta"), times(data)
    if not len(betas) or not math.isfinite(betas[-1]) or np.allclose(betas[np.isfinite(betas)], betas[-1]):
        return None
    return float(steps[np.flatnonzero(np.isclose(betas, betas[-1]))[0]])


def times(data: ReportData) -> tuple[str, np.ndarray]:
    """Name and values of the horizontal axis: epochs where every record has one, else steps."""
    for name in ("epoch", "step"):
        values = [record.get(name) for record in data.measures.history]
        if all(value is not None for value in values):
            return name, np.array(values, dtype=float)
    return "report", np.arange(1.0, len(data.measures.history) + 1)


@themed
def training_figure(data: ReportData, theme: Theme) -> Figure:
    """Curves of the ELBO and of its two parts for training and validation data, nats per example."""
    terms = shown_terms(data)
    name, x = times(data)
    figure = new_figure(1.0 + 1.35 * len(terms))
    panels = list(figure.subplots(len(terms), 1, sharex=True, squeeze=False)[:, 0])
    for panel, (term, title) in zip(panels, terms, strict=True):
        _draw_term(panel, data, x, term)
        panel.set_title(title)
        panel.grid(axis="y")
        panel.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
    _shade_warm_up(panels, data, x, theme)
    panels[-1].set_xlabel(name)
    panels[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    figure.supylabel("nats per example", fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(handles))
    return figure


def _draw_term(panel: Axes, data: ReportData, x: np.ndarray, term: str) -> None:
    marker = "o" if len(x) == 1 else None
    drawn = []
    for split, name, color, style in SPLITS:
        y = curve(data, split, term)
        seen = np.isfinite(y)
        if seen.any():  # a line goes on where a report left a term out
            panel.plot(x[seen], y[seen], style, color=color, marker=marker, markersize=4, label=name)
            drawn.append(y)
    if term != "kl":
        _cut_transient(panel, np.array(drawn))


def _cut_transient(panel: Axes, curves: np.ndarray) -> None:
    """Sets the limits by the later part of the run where the start would flatten all of it."""
    later = curves[:, int(TRANSIENT * curves.shape[1]) :]
    low, high = (np.nanmin(later), np.nanmax(later)) if np.isfinite(later).any() else (0.0, 0.0)
    if np.nanmax(curves) - np.nanmin(curves) > 3 * (high - low) > 0:
        margin = 0.25 * (high - low)
        panel.set_ylim(low - margin, high + margin)


def _shade_warm_up(panels: Sequence[Axes], data: ReportData, x: np.ndarray, theme: Theme) -> None:
    end = warm_up_end(data)
    if end is not None:
        for panel in panels:
            panel.axvspan(x[0], end, color=theme.muted, alpha=0.15, linewidth=0, label="KL warm-up")


def _has(data: ReportData, term: str) -> bool:
    return any(np.isfinite(curve(data, split, term)).any() for split, *_ in SPLITS)
