"""The latent map: where every example lies."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latlas.report.data._data import ReportData
from latlas.report.data._items import part
from latlas.report.drawing._text import short_name
from latlas.report.drawing._theme import BLUE, GREY, PALETTE, SCALE, Theme, new_figure, themed
from latlas.report.figures._labels import Classes, Scale, project, read_labels

MOST_POINTS = 20_000  # beyond, every k-th example is drawn
MARKERS = ("o", "^", "s", "D")  # classes past the palette's last get another marker
LONGEST_NAME, LONGEST_ON_MAP = 18, 8  # letters of a class in the legend, and on the map itself


@themed
def latent_map_figure(data: ReportData, theme: Theme) -> Figure:
    """Posterior means in the plane: two latent dimensions, or two principal components of more.

    Coloured by label where there is one: by colour, marker and name for classes, by a scale for numbers. One
    latent dimension is drawn as a strip, one row per class. Both axes have one scale, so that a dimension that hardly
    moves looks as flat as it is.
    """
    points, kept, axes, *_ = project(part(data.latent, "codes"))
    every = slice(None, None, 1 + len(points) // (MOST_POINTS + 1))
    points, kept = points[every], kept[every]
    labels = None if data.latent.labels is None else read_labels(_take(data.latent.labels, kept))
    is_strip = points.shape[1] == 1
    figure = new_figure(3.0 if is_strip else 4.4)
    panel = figure.subplots()
    if is_strip:
        points = np.column_stack([points[:, 0], _heights(len(points), labels)])
    if isinstance(labels, Scale):
        _draw_scale(figure, panel, points, labels, data.latent.label_name)
    elif isinstance(labels, Classes):
        _draw_classes(figure, panel, points, labels, theme, data.latent.label_name, with_legend=not is_strip)
    else:
        panel.scatter(*points.T, color=BLUE, **_style(len(points)))
    axes = _marked(axes, data)
    panel.set_xlabel(axes[0])
    if is_strip:
        _name_rows(panel, labels, data.latent.label_name)
    else:
        panel.set_aspect("equal", adjustable="datalim")
        panel.set_ylabel(axes[1])
        panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.xaxis.set_major_locator(MaxNLocator(5))
    return figure


def _marked(axes: Sequence[str], data: ReportData) -> list[str]:
    """The names of the axes; a dimension that is not in use says so."""
    in_use = data.latent.in_use
    if in_use is None or len(in_use) != len(axes):
        return list(axes)
    return [name if used else f"{name} (not in use)" for name, used in zip(axes, in_use, strict=True)]


def _draw_classes(
    figure: Figure,
    panel: Axes,
    points: np.ndarray,
    labels: Classes,
    theme: Theme,
    title: str,
    *,
    with_legend: bool,
) -> None:
    style = _style(len(points))
    handles = []
    others = labels.index < 0
    if others.any():
        panel.scatter(*points[others].T, color=GREY, **style)
    for place, name in enumerate(labels.names):
        color, marker = PALETTE[place % len(PALETTE)], MARKERS[place // len(PALETTE) % len(MARKERS)]
        mine = points[labels.index == place]
        panel.scatter(*mine.T, color=color, marker=marker, **style)
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker=marker,
                markersize=6,
                color=color,
                label=short_name(name, LONGEST_NAME),
            )
        )
    if (labels.index == -1).any():
        name = f"{labels.num_others} others"
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=6, color=GREY, label=name))
    if (labels.index == -2).any():
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=6, color=GREY, label="no label"))
    if with_legend:
        _name_on_map(panel, points, labels, theme)
        figure.legend(
            handles=handles,
            loc="outside right center",
            title=short_name(title, LONGEST_NAME),
            handletextpad=0.2,
        )


def _name_on_map(panel: Axes, points: np.ndarray, labels: Classes, theme: Theme) -> None:
    """Writes short names at their classes' medians, except where one would cover another."""
    extent = np.ptp(points, axis=0).max() + 1e-12
    box = {"boxstyle": "round,pad=0.15", "facecolor": theme.surface, "edgecolor": "none", "alpha": 0.75}
    style = {"ha": "center", "va": "center", "fontsize": 10, "fontweight": "bold", "bbox": box}
    taken: list[tuple[str, np.ndarray]] = []
    for place, name in enumerate(labels.names):
        mine = points[labels.index == place]
        if len(name) <= LONGEST_ON_MAP and len(mine):
            middle, room = np.median(mine, axis=0), (0.02 * len(name) + 0.02, 0.05)
            if all(np.any(np.abs(middle - other) / extent > room) for _, other in taken):
                taken.append((name, middle))
    if 2 * len(taken) <= len(labels.names):  # a few names without the others mislead
        return
    for name, middle in taken:
        text = panel.annotate(short_name(name, LONGEST_ON_MAP), (middle[0], middle[1]), **style)
        text.set_in_layout(False)


def _draw_scale(figure: Figure, panel: Axes, points: np.ndarray, labels: Scale, title: str) -> None:
    known = np.isfinite(labels.values)
    style = _style(len(points))
    if not known.all():
        panel.scatter(*points[~known].T, color=GREY, **style)
    if known.any():
        drawn = panel.scatter(*points[known].T, c=labels.values[known], cmap=SCALE, **style)
        bar = figure.colorbar(drawn, ax=panel, label=short_name(title, LONGEST_NAME), fraction=0.05, pad=0.02)
        bar.set_alpha(1)
        bar.outline.set_visible(False)
        bar.locator = MaxNLocator(5)


def _style(count: int) -> dict:
    """Smaller and more transparent points the more there are; pixels rather than a path for each."""
    size = float(np.clip(12000 / max(count, 1), 3, 24))
    return {
        "s": size,
        "alpha": float(np.clip(1500 / max(count, 1), 0.35, 0.9)),
        "linewidths": 0,
        "rasterized": count > 400,
    }


def _heights(count: int, labels: Classes | Scale | None) -> np.ndarray:
    """A row per class; within it an even spread (multiples of the golden ratio: no random numbers)."""
    spread = 0.7 * (np.arange(count) * 0.6180339887 % 1 - 0.5)
    return spread + (
        np.where(labels.index < 0, len(labels.names), labels.index) if isinstance(labels, Classes) else 0
    )


def _name_rows(panel: Axes, labels: Classes | Scale | None, title: str) -> None:
    if not isinstance(labels, Classes):
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        return
    names = [short_name(name, LONGEST_NAME) for name in labels.names] + ["others"] * bool(
        (labels.index < 0).any()
    )
    panel.set_yticks(range(len(names)), names)
    panel.set_ylabel(short_name(title, LONGEST_NAME))


def _take(labels: object, kept: np.ndarray) -> list:
    return np.asarray(labels, dtype=object).ravel()[kept].tolist()
