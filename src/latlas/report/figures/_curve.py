"""What a nat of information buys: the rate-distortion curve, and the dimensions that die on the way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from latlas.core import RequestError
from latlas.report.data._curve import Curve, beta_name, ranked_kl, read_curve
from latlas.report.data._data import Measures, ReportData
from latlas.report.data._items import Items
from latlas.report.drawing._file import picture_path, write_figure
from latlas.report.drawing._theme import BLUE, LIGHT, ORANGE, SCALE, Theme, new_figure, themed

MOST_MARKED = 400  # cells of the heat map that still have room for a cross
CHARACTER, LINE = 0.03, 0.075  # size of a letter, as a share of the curve's extent
MOST_RANKS = 20  # rows that still have room for a number


@themed
def rate_distortion_figure(data: ReportData, theme: Theme) -> Figure:
    """Distortion over rate, one point per beta with its standard errors; the convex hull and the chosen beta.

    Raises:
        ValueError: if there is no curve.
    """
    curve = _needed(data)
    figure = new_figure(3.9)
    panel = figure.subplots()
    errors = {"ecolor": theme.muted, "elinewidth": 1, "fmt": "none", "zorder": 1}
    panel.errorbar(
        curve.rate, curve.distortion, _drawn(curve.distortion_error), _drawn(curve.rate_error), **errors
    )
    hull, rest = np.flatnonzero(curve.on_hull), np.flatnonzero(~curve.on_hull)
    if len(hull):
        hull = hull[np.argsort(curve.rate[hull], kind="stable")]
        panel.plot(
            curve.rate[hull], curve.distortion[hull], "o-", color=BLUE, markersize=6, label="on the hull"
        )
    if len(rest):
        hollow = {"color": theme.muted, "markerfacecolor": theme.surface, "markersize": 6}
        panel.plot(
            curve.rate[rest], curve.distortion[rest], "o", label="above it" if len(hull) else None, **hollow
        )
    if curve.chosen is not None:
        at = (curve.rate[curve.chosen], curve.distortion[curve.chosen])
        ring = {"markerfacecolor": "none", "markeredgewidth": 2, "markersize": 11}
        panel.plot(*at, "D", color=ORANGE, label="chosen", **ring)
    panel.margins(x=0.18, y=0.12)
    _name_betas(panel, curve)
    panel.set_xlabel("rate: nats that a place on the map costs")
    panel.set_ylabel("distortion: nats lost")
    panel.xaxis.set_major_locator(MaxNLocator(6))
    panel.yaxis.set_major_locator(MaxNLocator(6))
    panel.grid()
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper right", ncols=len(handles))
    return figure


@themed
def pruning_figure(data: ReportData, theme: Theme) -> Figure:
    """KL of every latent dimension at every beta, the largest first in each; a cross where it is dead.

    Raises:
        ValueError: if there is no curve, or it holds no KL per dimension.
    """
    curve = _needed(data)
    kl = ranked_kl(curve)
    if kl is None:
        raise ValueError("The curve has no kl_per_dimension, which this needs.")
    alive = kl > data.latent.active_threshold
    rows = min(kl.shape[1], int(alive.sum(axis=1).max()) + 1)
    kl, alive = kl[:, :rows].T, alive[:, :rows].T
    figure = new_figure(1.5 + 0.22 * min(rows, 20))
    panel = figure.subplots()
    norm = LogNorm(data.latent.active_threshold, max(float(kl.max()), 10 * data.latent.active_threshold))
    cells = np.where(alive, kl, np.nan)
    drawn = panel.imshow(cells, aspect="auto", cmap=SCALE, norm=norm, interpolation="none")
    if kl.size <= MOST_MARKED:
        y, x = np.nonzero(~alive)
        panel.plot(x, y, "x", color=theme.muted, markersize=4)
    columns = np.arange(len(curve.betas))
    turned: dict[str, Any] = {"rotation": 90, "fontsize": 9} if len(columns) > 8 else {}
    panel.set_xticks(columns, [beta_name(beta) for beta in curve.betas], **turned)
    panel.set_xlabel("β, the price of a nat of rate")
    marked = range(rows) if rows <= MOST_RANKS else (0, rows - 1)
    panel.set_yticks(marked, [str(rank + 1) for rank in marked])
    panel.set_ylabel("rank of the dimension")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    above = panel.secondary_xaxis("top")
    above.set_xticks(columns, [str(count) for count in alive.sum(axis=0)])
    above.set_xlabel("dimensions in use", fontsize=10)
    above.tick_params(length=0)
    above.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=panel, fraction=0.05, pad=0.03, label="KL (nats)")
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=6))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
    return figure


def _needed(data: ReportData) -> Curve:
    curve = read_curve(data)
    if curve is None:
        raise ValueError("The report has no curve, which this needs; make its Measures with curve=.")
    return curve


def _drawn(errors: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(errors), np.abs(errors), 0.0)


def _name_betas(panel: Axes, curve: Curve) -> None:
    """Writes each beta beside its point, except where one name would cover another: the chosen and the ends go first."""
    last = len(curve.betas) - 1
    first = [place for place in (curve.chosen, 0, last) if place is not None]
    points = np.column_stack([curve.rate, curve.distortion])
    extent = np.ptp(points, axis=0)
    scaled = points / np.where(extent > 0, extent, 1.0)
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for place in dict.fromkeys([*first, *range(last)]):
        name = beta_name(curve.betas[place])
        label = f"β = {name}" if place in first else name
        # below a convex curve, and above the points that lie above it, there is nothing to cover
        below = bool(curve.on_hull[place])
        size = np.array([CHARACTER * len(label), LINE])
        low = scaled[place] - size if below else scaled[place]
        if any(np.all((low < high_) & (low + size > low_)) for low_, high_ in taken):
            continue
        taken.append((low, low + size))
        offset, ha, va = ((-6, -4), "right", "top") if below else ((6, 4), "left", "bottom")
        weight = "bold" if place == curve.chosen else "normal"
        style = {"textcoords": "offset points", "fontsize": 10, "fontweight": weight}
        panel.annotate(label, tuple(points[place]), offset, ha=ha, va=va, **style)


def save_rate_distortion(path: str | Path, curve: Mapping[str, Any]) -> None:
    """Writes the rate-distortion curve of a path of betas as one picture; the same curve is the same bytes.

    Args:
        path: where to; `.png` or `.svg`.
        curve: as in `Measures`: `betas`, `rate` and `distortion`, and as far as they are known
            `rate_standard_error`, `distortion_standard_error`, `on_hull` and `chosen`.

    Raises:
        RequestError: if no point is finite, the columns differ in length, or the suffix is another.
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    path = picture_path(path)
    try:
        data = ReportData("", Items((1,)), measures=Measures(curve=curve))
    except ValueError as error:
        raise RequestError(str(error)) from error
    if read_curve(data) is None:
        raise RequestError(f"No point of the curve is finite, so that there is nothing to put into {path}.")
    write_figure(path, rate_distortion_figure(data, LIGHT))
