"""The frame of every page: what it may load, its style, its tiles and its figures."""

from collections.abc import Sequence
from typing import TypeVar

from latlas.report.drawing._file import to_inline_svg
from latlas.report.drawing._theme import LIGHT
from latlas.report.page._html import code, text
from latlas.report.page._panel import Panel
from latlas.report.page._style import STYLE

D = TypeVar("D")

# styles may stand in the page, pictures in its own text; nothing else is loaded, run or sent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, body: str) -> str:
    """A whole HTML page that loads nothing.

    Args:
        title: of the window; escaped here.
        body: HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)} · "
        f"latlas</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def tiles_list(tiles: Sequence[tuple[str, str]]) -> str:
    """The few facts at the head of a page, as (name, value) in HTML."""
    if not tiles:
        return ""
    return '<dl class="tiles">' + "".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in tiles) + "</dl>"


def figure(panel: Panel[D], data: D) -> str:
    """A figure with its heading, its words for those who do not see it, and its caption."""
    picture = to_inline_svg(panel.draw(data, LIGHT), panel.name)
    wide = ' class="wide"' if panel.wide else ""
    return (
        f'<figure id="{panel.name}"{wide}><h2>{text(panel.words.title)}</h2>\n'
        f'<div class="picture" role="img" aria-label="{text(panel.words.alt(data))}">'
        f"{picture}</div>\n<figcaption>{code(panel.words.caption(data))}</figcaption></figure>"
    )
