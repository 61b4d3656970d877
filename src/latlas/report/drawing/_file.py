"""A figure as a picture file."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from latlas.core import RequestError, write_atomically
from latlas.report.drawing._svg import to_svg
from latlas.report.drawing._theme import LIGHT

SUFFIXES = (".png", ".svg")


def picture_path(path: str | Path) -> Path:
    """A path that ends in the suffix of a picture.

    Raises:
        RequestError: if it ends in another.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError(
            f"{path} ends in {path.suffix!r}, and a picture is written as one of {', '.join(SUFFIXES)}."
        )
    return path


def write_figure(path: Path, figure: Figure) -> None:
    """Writes a figure drawn in the LIGHT theme, in the form that the suffix names: the same bytes every time."""
    if path.suffix.lower() == ".svg":
        write_atomically(path, to_svg(figure))
        return
    buffer = BytesIO()
    with LIGHT.context():
        figure.savefig(buffer, format="png", facecolor=LIGHT.surface, metadata={"Software": "latlas"})
    write_atomically(path, buffer.getvalue())
