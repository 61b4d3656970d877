"""Items that are series: lines on one shared scale."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.report.data._data import ReportData
from latlas.report.data._items import part, positions, shaped, spread
from latlas.report.drawing._theme import BLUE, PALETTE, SCALE, VERMILLION, Theme, new_figure

MOST_CHANNELS = len(PALETTE)
MOST_POINTS = 1500  # of one line; longer ones are thinned
MOST_PANELS = 12


def draw_samples(data: ReportData, theme: Theme) -> Figure:
    """Samples in small panels on one scale."""
    samples = lines(part(data.items, "samples"), data)[:MOST_PANELS]
    figure, panels = _panels(len(samples), data)
    for panel, item in zip(panels, samples, strict=True):
        _draw(panel, places(item, data), item, width=1.1)
    return figure


def draw_reconstructions(data: ReportData, theme: Theme) -> Figure:
    """Originals with their reconstructions laid over them."""
    chosen = spread(len(part(data.items, "originals")), 8)
    originals, rebuilt = (
        lines(part(data.items, "originals")[chosen], data),
        lines(part(data.items, "reconstructions")[chosen], data),
    )
    figure, panels = _panels(len(originals), data, most=8)
    for panel, original, item in zip(panels, originals, rebuilt, strict=True):
        for channel in range(min(original.shape[1], MOST_CHANNELS)):
            x = places(item, data)
            panel.plot(x, original[:, channel], color=theme.muted, linewidth=2.6, alpha=0.5, label="data")
            color = VERMILLION if original.shape[1] == 1 else PALETTE[channel]
            panel.plot(x, item[:, channel], color=color, linewidth=1.1, label="model")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside upper right", ncols=2)
    return figure


def draw_prototype(data: ReportData, theme: Theme) -> Figure:
    """The one series."""
    figure = new_figure(2.4)
    panel = figure.subplots()
    item = lines(part(data.latent, "prototype")[None], data)[0]
    _draw(panel, places(item, data), item, width=1.6)
    panel.set_xlabel(axis_name(data))
    panel.grid(axis="y")
    return figure


def draw_interpolation(data: ReportData, theme: Theme) -> Figure:
    """One panel per path: lines coloured from its start to its end."""
    paths = np.stack([lines(path, data) for path in part(data.latent, "interpolation")[:3]])
    figure = new_figure(0.5 + 1.7 * len(paths))
    panels = figure.subplots(len(paths), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    shares = np.linspace(0, 1, paths.shape[1])
    for panel, path in zip(panels, paths, strict=True):
        for place, item in zip(shares, path, strict=True):
            panel.plot(places(item, data), item[:, :1], color=SCALE(place), linewidth=1.2)
        panel.yaxis.set_major_locator(MaxNLocator(4))
        panel.grid(axis="y")
    panels[-1].set_xlabel(axis_name(data))
    panels[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    scale = figure.colorbar(
        ScalarMappable(cmap=SCALE), ax=panels.tolist(), fraction=0.04, pad=0.02, ticks=[0, 1]
    )
    scale.ax.set_yticklabels(["start", "end"])
    scale.outline.set_visible(False)
    return figure


def lines(items: np.ndarray, data: ReportData) -> np.ndarray:
    """Items as `(n, time, channels)`, thinned."""
    items = shaped(np.asarray(items), data.items)
    channels = data.items.shape[-1] if len(data.items.shape) == 2 else 1
    items = items.reshape(len(items), -1, channels)
    return items[:, :: -(-items.shape[1] // MOST_POINTS)]


def places(item: np.ndarray, data: ReportData) -> np.ndarray:
    """Where the points of a thinned item stand: at the numbers that name them, or counted from 0."""
    known = positions(data.items)
    if known is None:
        return np.arange(len(item))
    return known[:: -(-len(known) // MOST_POINTS)]


def axis_name(data: ReportData) -> str:
    return "position" if positions(data.items) is None else "position, as named"


def _panels(count: int, data: ReportData, most: int = MOST_PANELS) -> tuple[Figure, list[Axes]]:
    """Small panels with one scale, numbers only at the left and below."""
    columns = 1 if count == 1 else 2 if count <= 4 else 3 if most == MOST_PANELS else 2
    rows = -(-count // columns)
    figure = new_figure(0.5 + (2.0 if rows == 1 else 1.15) * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        panel.yaxis.set_major_locator(MaxNLocator(3))
        panel.grid(axis="y")
    for panel in panels[count:]:
        panel.set_visible(False)
    figure.supxlabel(axis_name(data), fontsize=11)
    return figure, list(panels[:count])


def _draw(panel: Axes, x: np.ndarray, item: np.ndarray, width: float) -> None:
    for channel in range(min(item.shape[1], MOST_CHANNELS)):
        color = BLUE if item.shape[1] == 1 else PALETTE[channel]
        panel.plot(x, item[:, channel], color=color, linewidth=width)
