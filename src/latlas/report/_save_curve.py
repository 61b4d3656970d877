"""The rate-distortion curve as a picture file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latlas.core import RequestError
from latlas.report._curve import read_curve
from latlas.report._data import ReportData
from latlas.report._figures_curve import rate_distortion_figure
from latlas.report._picture_file import picture_path, write_figure
from latlas.report._theme import LIGHT


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
