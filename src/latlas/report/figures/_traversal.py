"""What each latent dimension means: items decoded while it alone moves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latlas.core import RequestError
from latlas.report.data._data import LatentMap, ReportData
from latlas.report.data._items import Items, kind_of, shaped
from latlas.report.drawing._file import picture_path, write_figure
from latlas.report.drawing._text import number
from latlas.report.drawing._theme import LIGHT, SCALE, WIDTH, Theme, new_figure
from latlas.report.figures._images import colored, mosaic, reduced, value_limits

MOST_DIMENSIONS, MOST_STEPS = 16, 12
NAME_WIDTH = 1.1  # inches to the left of the images


def traversal_figure(
    traversals: Float[np.ndarray, "latent steps ..."],
    values: Sequence[float] | Real[np.ndarray, " steps"],
    *,
    kl_per_dimension: Float[np.ndarray, " latent"] | None = None,
    item_kind: str | None = None,
    theme: Theme = LIGHT,
) -> Figure:
    """Rows are latent dimensions, columns are the values that each takes while the others stay.

    Images stand side by side with one grey scale for all. Series and vectors are lines, one panel per
    dimension, coloured by the value. At most 16 dimensions and 12 steps, evenly chosen, are drawn.

    Args:
        traversals: decoded items, `(latent, steps, *item_shape)`; `latlas.latent.traverse` makes one row.
        values: of the moving dimension, one per step.
        kl_per_dimension: KL(q || p) of each dimension in nats; the rows are then in falling order and say it.
        item_kind: "image", "series" or "table"; None tells it by the shape.
        theme: colours of text and lines.

    Raises:
        RequestError: if there is no item, or the sizes disagree.

    References:
        Higgins et al. 2017, "beta-VAE", figures 1 to 4.
    """
    traversals, values = np.asarray(traversals, float), np.asarray(values, float)
    _check(traversals, values, kl_per_dimension)
    names = np.array([f"z{place + 1}" for place in range(len(traversals))], object)
    if kl_per_dimension is not None:
        kl = np.asarray(kl_per_dimension, float)
        order = np.argsort(-kl, kind="stable")
        names = np.array([f"{names[place]}  {number(float(kl[place]), 2)} nats" for place in order], object)
        traversals = traversals[order]
    steps = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_STEPS)).round().astype(int))
    traversals, values, names = traversals[:MOST_DIMENSIONS, steps], values[steps], names[:MOST_DIMENSIONS]
    try:
        items = Items(traversals.shape[2:], item_kind)
        data = ReportData("", items, LatentMap(interpolation=traversals))
    except ValueError as error:
        raise RequestError(str(error)) from error
    with theme.context():
        if kind_of(data.items) == "image":
            return _images(shaped(traversals, data.items), names, values, data, theme)
        return _lines(traversals.reshape(*traversals.shape[:3], -1), names, values)


def save_traversals(
    path: str | Path,
    traversals: Float[np.ndarray, "latent steps ..."],
    values: Sequence[float] | Real[np.ndarray, " steps"],
    *,
    kl_per_dimension: Float[np.ndarray, " latent"] | None = None,
    item_kind: str | None = None,
) -> None:
    """Writes `traversal_figure` as a picture file; the same traversals are the same bytes.

    Args:
        path: where to; `.png` or `.svg`.
        traversals: as in `traversal_figure`.
        values: likewise.
        kl_per_dimension: likewise.
        item_kind: likewise.

    Raises:
        RequestError: if there is no item, the sizes disagree, or the suffix is another.
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    path = picture_path(path)
    figure = traversal_figure(traversals, values, kl_per_dimension=kl_per_dimension, item_kind=item_kind)
    write_figure(path, figure)


def _check(traversals: np.ndarray, values: np.ndarray, kl: np.ndarray | None) -> None:
    if traversals.ndim < 3 or traversals.size == 0:
        raise RequestError(
            f"The traversals have shape {traversals.shape}; give (latent, steps, *item_shape) with at least one of each."
        )
    if values.shape != traversals.shape[1:2]:
        raise RequestError(
            f"There are {values.size} values for {traversals.shape[1]} steps; give one value per step."
        )
    if kl is not None and np.size(kl) != len(traversals):
        raise RequestError(
            f"There are {np.size(kl)} KL values for {len(traversals)} latent dimensions; give one for each."
        )


def _images(
    items: np.ndarray, names: np.ndarray, values: np.ndarray, data: ReportData, theme: Theme
) -> Figure:
    rows, columns = items.shape[:2]
    flat = reduced(items.reshape(-1, *items.shape[2:]))
    picture = mosaic(colored(flat, value_limits(data)), columns)
    height = picture.shape[0] / picture.shape[1] * (WIDTH - NAME_WIDTH)
    figure = new_figure(height + 0.5)
    panel = figure.subplots()
    panel.imshow(picture, interpolation="none", extent=(0, columns, rows, 0), aspect="auto")
    panel.set_yticks(np.arange(rows) + 0.5, list(names))
    panel.set_xticks(
        np.arange(columns) + 0.5, [f"{value:.3g}".replace("-", "\N{MINUS SIGN}") for value in values]
    )
    panel.set_xlabel("value of the dimension")
    panel.tick_params(length=0, labelcolor=theme.text)
    panel.spines[:].set_visible(False)
    return figure


def _lines(items: np.ndarray, names: np.ndarray, values: np.ndarray) -> Figure:
    """The first channel of each item."""
    columns = 1 if len(items) < 4 else 2
    rows = -(-len(items) // columns)
    figure = new_figure(0.6 + 1.2 * rows)
    panels: list[Axes] = (
        figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    )
    scale = ScalarMappable(Normalize(values.min(), values.max()), SCALE)
    for panel, name, row in zip(panels, names, items, strict=False):
        for value, item in zip(values, row, strict=True):
            panel.plot(item[:, 0], color=scale.to_rgba(value), linewidth=1.1)
        panel.set_title(name)
        panel.grid(axis="y")
        panel.yaxis.set_major_locator(MaxNLocator(3))
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for panel in panels[len(items) :]:
        panel.set_visible(False)
    bar = figure.colorbar(scale, ax=panels, label="value of the dimension", fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)
    return figure
