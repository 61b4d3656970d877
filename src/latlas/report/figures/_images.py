"""Items that are images, set side by side with one grey scale for all."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latlas.report.data._data import ReportData
from latlas.report.data._items import part, shaped, spread
from latlas.report.drawing._theme import WIDTH, Theme, new_figure

LONGEST_SIDE = 96  # pixels of an item in a report; larger ones are averaged down
MOST_PIXELS = 160_000  # of one figure
MOST_ITEMS = 64
MOST_PATHS, MOST_STEPS = 8, 12
GAP = 0.08  # of an item's side


def draw_samples(data: ReportData, theme: Theme) -> Figure:
    """Samples in a square."""
    samples = reduced(shaped(part(data.items, "samples"), data.items))
    count = min(len(samples), _room(samples))
    columns = int(np.ceil(np.sqrt(count)))
    return _one_picture(mosaic(_colored(samples[:count], data), columns))


def draw_reconstructions(data: ReportData, theme: Theme) -> Figure:
    """Pairs of rows: originals above, reconstructions below."""
    first = reduced(shaped(part(data.items, "originals")[:1], data.items))
    count = min(len(part(data.items, "originals")), _room(first) // 2, 20)
    columns = int(np.clip(count, 1, 10 if count > 8 else 8))
    count -= count % columns
    chosen = spread(len(part(data.items, "originals")), count)
    originals, rebuilt = (
        reduced(shaped(part(data.items, name)[chosen], data.items))
        for name in ("originals", "reconstructions")
    )
    figure = new_figure(1.0)
    rows = [(start, start + columns) for start in range(0, count, columns)]
    pictures = [
        mosaic(np.concatenate([_colored(items[a:b], data) for items in (originals, rebuilt)]), columns)
        for a, b in rows
    ]
    figure.set_size_inches(
        WIDTH, sum(_height(picture, WIDTH - 0.5) for picture in pictures) + 0.12 * len(pictures)
    )
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for panel, picture in zip(panels, pictures, strict=True):
        _show(panel, picture)
        height = picture.shape[0]
        panel.axis("on")
        panel.set_yticks([height * 0.25, height * 0.75], ["data", "model"])
        panel.set_xticks([])
        panel.tick_params(length=0, labelcolor=theme.text)
        panel.spines[:].set_visible(False)
    return figure


def draw_prototype(data: ReportData, theme: Theme) -> Figure:
    """The one image, large."""
    picture = _colored(reduced(shaped(part(data.latent, "prototype"), data.items)[None]), data)[0]
    return _one_picture(picture, width=2.0)


def draw_interpolation(data: ReportData, theme: Theme) -> Figure:
    """One path per row."""
    paths = shaped(part(data.latent, "interpolation"), data.items)
    steps = np.unique(np.linspace(0, paths.shape[1] - 1, min(paths.shape[1], MOST_STEPS)).round().astype(int))
    items = reduced(paths[:MOST_PATHS, steps].reshape(-1, *paths.shape[2:]))
    rows = max(1, _room(items) // len(steps))
    return _one_picture(mosaic(_colored(items[: rows * len(steps)], data), len(steps)))


def value_limits(data: ReportData) -> tuple[float, float]:
    """Black and white of every picture: the range of the data, or else of what the model made."""
    for items in (
        data.items.originals,
        data.items.samples,
        data.latent.prototype,
        data.latent.interpolation,
        data.items.reconstructions,
    ):
        if items is not None:
            values = np.asarray(items, dtype=float)
            values = values[np.isfinite(values)]
            if values.size:
                return float(values.min()), float(values.max())
    return 0.0, 1.0


def colored(items: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Images as RGBA bytes, `(n, h, w, 4)`; a missing value is transparent.

    Args:
        items: `(n, h, w)` or `(n, h, w, c)` with one, three or four channels.
        limits: the values shown as black and as white.
    """
    if items.ndim == 3:
        items = items[..., None]
    low, high = limits
    levels = np.clip((items - low) / (high - low if high > low else 1.0), 0, 1)
    known = np.isfinite(levels).all(axis=-1)
    levels = np.round(255 * np.nan_to_num(levels)).astype(np.uint8)
    rgb = np.repeat(levels[..., :1], 3, axis=-1) if levels.shape[-1] < 3 else levels[..., :3]
    alpha = levels[..., 3] if levels.shape[-1] == 4 else np.uint8(255)
    return np.concatenate([rgb, np.where(known, alpha, 0).astype(np.uint8)[..., None]], axis=-1)


def mosaic(items: np.ndarray, columns: int) -> np.ndarray:
    """RGBA items set in rows with transparent gaps, `(height, width, 4)`."""
    count, height, width, _ = items.shape
    rows, gap = -(-count // columns), max(1, round(GAP * min(height, width)))
    picture = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for place, item in enumerate(items):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        picture[top : top + height, left : left + width] = item
    return picture


def _colored(items: np.ndarray, data: ReportData) -> np.ndarray:
    return colored(items, value_limits(data))


def reduced(items: np.ndarray) -> np.ndarray:
    """Means over blocks, so that no side of the items `(n, h, w, ...)` is longer than `LONGEST_SIDE`."""
    for side in (1, 2):
        factor = -(-items.shape[side] // LONGEST_SIDE)
        if factor > 1:
            keep = items.shape[side] // factor
            items = np.moveaxis(items, side, 0)[: keep * factor]
            items = np.moveaxis(items.reshape(keep, factor, *items.shape[1:]).mean(axis=1), 0, side)
    return items


def _room(items: np.ndarray) -> int:
    """How many items one figure may hold."""
    return int(np.clip(MOST_PIXELS // (items.shape[1] * items.shape[2]), 1, MOST_ITEMS))


def _one_picture(picture: np.ndarray, width: float = WIDTH) -> Figure:
    height = min(_height(picture, width), 1.2 * width)
    figure = new_figure(height, picture.shape[1] / picture.shape[0] * height, layout=None)
    _show(figure.add_axes((0, 0, 1, 1)), picture)
    return figure


def _height(picture: np.ndarray, width: float) -> float:
    return picture.shape[0] / picture.shape[1] * width


def _show(panel: Axes, picture: np.ndarray) -> None:
    panel.imshow(picture, interpolation="none", extent=(0, picture.shape[1], picture.shape[0], 0))
    panel.axis("off")
