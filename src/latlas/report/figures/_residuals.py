"""What the map does not hold: the data less their reconstructions, each kind of data in its own way."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.report.data._data import ReportData
from latlas.report.data._items import kind_of, part, shaped
from latlas.report.drawing._theme import BLUE, SCALE, Theme, new_figure, themed
from latlas.report.figures import _series, _table
from latlas.report.figures._images import reduced

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@themed
def residuals_figure(data: ReportData, theme: Theme) -> Figure:
    """Originals less reconstructions: intervals of each feature, bands along a series, or their size at each pixel."""
    draw = {"table": _of_table, "series": _of_series, "image": _of_image}[kind_of(data.items)]
    return draw(data, theme)


def residuals(data: ReportData) -> np.ndarray:
    """Originals less reconstructions, `(n, *shape)`."""
    originals, rebuilt = (
        shaped(part(data.items, name), data.items) for name in ("originals", "reconstructions")
    )
    return originals - rebuilt


def _of_table(data: ReportData, theme: Theme) -> Figure:
    units = _table.units_of(data)
    off = residuals(data).reshape(len(part(data.items, "originals")), -1)[:, units.shown] / units.scale
    low, left, middle, right, high = _table.quantiles(off)
    rows = np.arange(len(units.names))
    figure = new_figure(_table.height(units))
    panel = figure.subplots()
    panel.axvline(0, color=theme.muted, linewidth=0.8)
    panel.hlines(rows, low, high, color=BLUE, linewidth=1)
    panel.hlines(rows, left, right, color=BLUE, linewidth=3.5)
    panel.plot(middle, rows, "o", color=BLUE, markersize=4.5)
    _table.name_features(panel, units)
    panel.set_xlabel("in standard deviations of the data")
    return figure


def _of_series(data: ReportData, theme: Theme) -> Figure:
    """Of several channels the first."""
    lines = _series.lines(residuals(data), data)[..., 0]
    low, left, middle, right, high = np.nanquantile(lines, QUANTILES, axis=0)
    x = _series.places(lines[0], data)
    figure = new_figure(2.7)
    panel = figure.subplots()
    panel.fill_between(x, low, high, color=BLUE, alpha=0.2, linewidth=0, label="nine tenths")
    panel.fill_between(x, left, right, color=BLUE, alpha=0.35, linewidth=0, label="half")
    panel.plot(x, middle, color=BLUE, linewidth=1.2, label="median")
    panel.axhline(0, color=theme.muted, linewidth=0.8)
    panel.set_xlabel(_series.axis_name(data))
    panel.set_ylabel("data less reconstruction")
    panel.xaxis.set_major_locator(MaxNLocator(6))
    panel.yaxis.set_major_locator(MaxNLocator(5))
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def _of_image(data: ReportData, theme: Theme) -> Figure:
    """Root mean square over the examples, and over the channels."""
    square = reduced(residuals(data) ** 2)
    size = np.sqrt(np.nanmean(square, axis=0))
    size = size.mean(axis=-1) if size.ndim == 3 else size
    figure = new_figure(3.0)
    panel = figure.subplots()
    drawn = panel.imshow(size, cmap=SCALE, vmin=0.0, interpolation="none")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=panel, fraction=0.05, pad=0.03, label="root mean square")
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(5)
    return figure
