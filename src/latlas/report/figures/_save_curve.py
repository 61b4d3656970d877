"""The rate-distortion curve as a picture file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latlas.core import RequestError
from latlas.report.data._curve import read_curve
from latlas.report.data._data import ReportData
from latlas.report.drawing._file import picture_path, write_figure
from latlas.report.drawing._theme import LIGHT
from latlas.report.figures._curve import rate_distortion_figure


def save_rate_distortion(path: str | Path, curve: Mapping[str, Any]) -> None:
    """Writes the rate-distortion curve of a path of betas as one picture; the same curve is the same bytes.

    Args:
        path: where to; `.png` or `.svg`.
        curve: as in `ReportData`: `betas`, `rate` and `distortion`, and as far as they are known
            `rate_standard_error`, `distortion_standard_error`, `on_hull` and `chosen`.

    Raises:
        RequestError: if no point is finite, the columns differ in length, or the suffix is another.
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    path = picture_path(path)
    try:
        data = ReportData(title="", item_shape=(1,), curve=curve)
    except ValueError as error:
        raise RequestError(str(error)) from error
    if read_curve(data) is None:
        raise RequestError(f"No point of the curve is finite, so that there is nothing to put into {path}.")
    write_figure(path, rate_distortion_figure(data, LIGHT))
