"""A figure as a picture file."""

import re
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from latlas.core import RequestError, write_atomically
from latlas.report.drawing._theme import LIGHT

_VARIABLES = {LIGHT.text: "--text", LIGHT.muted: "--muted", LIGHT.grid: "--grid", LIGHT.surface: "--surface"}
_DROP = (
    r"<metadata>.*?</metadata>",
    r"<defs>\s*<style.*?</style>\s*</defs>",
    r' xmlns(?::\w+)?="[^"]*"',
    r"\s*<!--.*?-->",
)
_ID = re.compile(r'(\bid="|href="#|url\(#)')


def to_svg(figure: Figure) -> bytes:
    """The figure as SVG bytes: the same bytes for the same figure."""
    buffer = BytesIO()
    with LIGHT.context():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def to_inline_svg(figure: Figure, name: str) -> str:
    """The figure as an element of an HTML page, drawn in the LIGHT theme.

    Its text and lines take the page's `--text`, `--muted`, `--grid` and `--surface`. It names no address: an
    HTML parser needs no namespaces.

    Args:
        figure: drawn with `LIGHT`.
        name: put before every id, so that the ids of two figures on a page differ.
    """
    text = to_svg(figure).decode("utf-8")
    text = text[text.index("<svg") :]
    width = 1.2 * 96 * figure.get_figwidth()  # CSS pixels: a narrow figure does not fill a wide column
    for pattern in _DROP:
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(
        r'<svg [^>]*?(viewBox="[^"]*")[^>]*>',
        rf'<svg \1 style="max-width:{width:.0f}px" aria-hidden="true">',
        text,
        count=1,
    )
    text = _ID.sub(rf"\g<1>{name}-", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return re.sub(r"\n\s*", "\n", text).strip()


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
