"""Items as a picture file."""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from latlas.core import RequestError, write_atomically
from latlas.data import flat_image_shape
from latlas.report.data._data import ReportData
from latlas.report.data._items import Items, kind_of, part, shaped
from latlas.report.drawing._file import picture_path, write_figure
from latlas.report.drawing._theme import LIGHT
from latlas.report.figures._images import colored, mosaic, value_limits
from latlas.report.figures._items import samples_figure

SHORTEST_SIDE = 48  # pixels of an item in the file; smaller images are enlarged by a whole factor


def save_image_grid(
    path: str | Path,
    items: np.ndarray,
    item_shape: tuple[int, ...],
    *,
    item_kind: str | None = None,
    feature_names: tuple[str, ...] | None = None,
) -> None:
    """Writes items as one picture: images side by side, every pixel whole; series and tables as a figure.

    Args:
        path: where to; `.png` or `.svg`.
        items: `(n, *item_shape)`, or flat `(n, size)`; all are shown if they are images. NaN is left blank.
        item_shape: of one item, as in `Items`.
        item_kind: "image", "series" or "table"; None tells it by the shape, and grey images that came flat, square
            or not, by their pixels.
        feature_names: one per value, for tables.

    Raises:
        RequestError: if there is no item, a shape does not fit, or the suffix is another.
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    path = picture_path(path)
    if len(items) == 0:
        raise RequestError(f"There is no item to put into {path}; ask for at least one.")
    if item_kind is None and feature_names is None and len(item_shape) == 1:
        item_shape = flat_image_shape(items) or item_shape
    try:
        data = ReportData("", Items(item_shape, item_kind, feature_names, samples=items))
    except ValueError as error:
        raise RequestError(str(error)) from error
    if path.suffix.lower() == ".png" and kind_of(data.items) == "image":
        write_atomically(path, _png(_grid(data)))
    else:
        write_figure(path, samples_figure(data, LIGHT))


def _grid(data: ReportData) -> np.ndarray:
    items = colored(shaped(part(data.items, "samples"), data.items), value_limits(data))
    factor = max(1, -(-SHORTEST_SIDE // max(items.shape[1:3])))
    items = items.repeat(factor, axis=1).repeat(factor, axis=2)
    return mosaic(items, int(np.ceil(np.sqrt(len(items)))))


def _png(picture: np.ndarray) -> bytes:
    buffer = BytesIO()
    imsave(buffer, picture, format="png", metadata={"Software": "latlas"})
    return buffer.getvalue()
