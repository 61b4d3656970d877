"""Items that are rows of a table: one line per feature, in standard deviations of the data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.report.data._data import ReportData
from latlas.report.data._items import part, shaped, size, spread
from latlas.report.drawing._text import number, short_name
from latlas.report.drawing._theme import BLUE, ORANGE, Theme, new_figure

MOST_FEATURES = 30  # that are drawn: of more, those that vary most
MOST_PAIRS = 3
LONGEST_NAME = 22
UNITS = "standard deviations from the data's mean"


class Units(NamedTuple):
    """Which features are shown, what they are called, and how their values become comparable."""

    shown: np.ndarray
    names: list[str]
    loc: np.ndarray
    scale: np.ndarray

    def standardised(self, items: np.ndarray) -> np.ndarray:
        """The shown features of items `(..., features)`, in standard deviations."""
        return (items[..., self.shown] - self.loc) / self.scale


def draw_samples(data: ReportData, theme: Theme) -> Figure:
    """Per feature the spread of samples and data: middle half (thick), nine tenths (thin)."""
    units = units_of(data)
    figure = new_figure(height(units) + 0.3)
    panel = figure.subplots()
    groups = [("samples", part(data.items, "samples"), BLUE, 0.0 if data.items.originals is None else 0.17)]
    if data.items.originals is not None:
        groups.insert(0, ("data", data.items.originals, theme.muted, -0.17))
    rows = np.arange(len(units.names))
    for name, items, color, offset in groups:
        low, left, middle, right, high = quantiles(units.standardised(_flat(items, data)))
        panel.hlines(rows + offset, low, high, color=color, linewidth=1)
        panel.hlines(rows + offset, left, right, color=color, linewidth=3.5)
        panel.plot(middle, rows + offset, "o", color=color, markersize=4.5, label=name)
    name_features(panel, units)
    panel.set_xlabel(UNITS)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def draw_reconstructions(data: ReportData, theme: Theme) -> Figure:
    """For a few examples: data (ring) and reconstruction (dot) of every feature, joined by a line."""
    units = units_of(data)
    chosen = spread(len(part(data.items, "originals")), MOST_PAIRS)
    originals = units.standardised(_flat(part(data.items, "originals"), data))[chosen]
    rebuilt = units.standardised(_flat(part(data.items, "reconstructions"), data))[chosen]
    figure = new_figure(height(units) + 0.3)
    panels = figure.subplots(1, len(originals), sharex=True, sharey=True, squeeze=False)[0]
    rows = np.arange(len(units.names))
    for place, (panel, original, item) in enumerate(zip(panels, originals, rebuilt, strict=True)):
        panel.hlines(rows, original, item, color=theme.muted, linewidth=1)
        panel.plot(original, rows, "o", markerfacecolor="none", color=theme.text, markersize=6, label="data")
        panel.plot(item, rows, "o", color=ORANGE, markersize=4, label="model")
        panel.set_title(f"example {place + 1}", fontsize=10)
        name_features(panel, units)
        panel.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        panel.margins(x=0.08)
    figure.supxlabel(UNITS, fontsize=11)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def draw_prototype(data: ReportData, theme: Theme) -> Figure:
    """One dot per feature, with its value in the data's own units."""
    units = units_of(data)
    item = _flat(part(data.latent, "prototype"), data)
    heights = units.standardised(item)
    figure = new_figure(height(units))
    panel = figure.subplots()
    rows = np.arange(len(units.names))
    panel.hlines(rows, 0, heights, color=BLUE, linewidth=1.2)
    panel.plot(heights, rows, "o", color=BLUE, markersize=5)
    panel.axvline(0, color=theme.muted, linewidth=0.8)
    name_features(panel, units)
    values = panel.secondary_yaxis("right")
    values.set_yticks(rows, [number(value) for value in item[units.shown]])
    values.tick_params(length=0, labelsize=9)
    values.spines[:].set_visible(False)
    reach = np.nanmax(np.abs(heights)) if np.isfinite(heights).any() else 0
    panel.set_xlim(-max(1, 1.15 * reach), max(1, 1.15 * reach))
    panel.set_xlabel(UNITS)
    return figure


def draw_interpolation(data: ReportData, theme: Theme) -> Figure:
    """The first path as a heat map: features down, steps across."""
    units = units_of(data)
    path = units.standardised(_flat(part(data.latent, "interpolation"), data)[0])
    figure = new_figure(height(units))
    panel = figure.subplots()
    reach = max(1.0, float(np.nanmax(np.abs(path)))) if np.isfinite(path).any() else 1.0
    drawn = panel.imshow(path.T, aspect="auto", cmap="PuOr_r", vmin=-reach, vmax=reach, interpolation="none")
    name_features(panel, units)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.set_xticks([0, len(path) - 1], ["start", "end"]) if len(path) > 1 else panel.set_xticks([])
    bar = figure.colorbar(drawn, ax=panel, fraction=0.05, pad=0.03, label="standard deviations")
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(5)
    return figure


def units_of(data: ReportData) -> Units:
    """Means and spreads of the data, or else of what the model made; the features that vary most."""
    sources = (
        data.items.originals,
        data.items.samples,
        data.items.reconstructions,
        data.latent.interpolation,
        data.latent.prototype,
    )
    items = _flat(next(items for items in sources if items is not None), data).reshape(
        -1, size(data.items.shape)
    )
    known = np.isfinite(items)
    count = np.maximum(known.sum(axis=0), 1)
    loc = np.where(known, items, 0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (items - loc) ** 2, 0).sum(axis=0) / count)
    scale = np.where(scale > 0, scale, 1.0)
    shown = np.arange(len(loc))
    if len(loc) > MOST_FEATURES:
        shown = np.sort(np.argsort(-scale, kind="stable")[:MOST_FEATURES])
    names: Sequence[str] = (
        data.items.feature_names
        if data.items.feature_names is not None
        else [str(place + 1) for place in range(len(loc))]
    )
    return Units(
        shown, [short_name(names[int(place)], LONGEST_NAME) for place in shown], loc[shown], scale[shown]
    )


def _flat(items: np.ndarray, data: ReportData) -> np.ndarray:
    items = shaped(items, data.items)
    return items.reshape(*items.shape[: items.ndim - len(data.items.shape)], -1)


def quantiles(items: np.ndarray) -> np.ndarray:
    """Five quantiles per feature, of the known values; NaN for a feature without any."""
    columns = [column[np.isfinite(column)] for column in items.T]
    probabilities = (0.05, 0.25, 0.5, 0.75, 0.95)
    return np.array([np.quantile(c, probabilities) if c.size else np.full(5, np.nan) for c in columns]).T


def height(units: Units) -> float:
    return 0.9 + 0.24 * len(units.names)


def name_features(panel: Axes, units: Units) -> None:
    panel.set_yticks(range(len(units.names)), units.names)
    panel.set_ylim(len(units.names) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.grid(axis="x")
