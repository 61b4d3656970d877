"""The report as one HTML page that opens from disk: no network, no script, nothing from outside."""

from collections.abc import Mapping
from html import escape
from typing import Any

from latlas.report._data import ReportData
from latlas.report._panels import Panel, panels
from latlas.report._style import STYLE
from latlas.report._svg import to_inline_svg
from latlas.report._text import decimal, number, with_error
from latlas.report._theme import LIGHT
from latlas.report._words import Trust, learned, num_active, num_dimensions, quality, split, trust

# styles may stand in the page, pictures in its own text; nothing else is loaded, run or sent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(data: ReportData) -> str:
    """The report, a whole HTML page.

    First what was learned, how good it is and where to look; then the figures; then the details. The same
    data give the same bytes. Light or dark follows the reader's setting.

    Args:
        data: what to show. A missing part is replaced by a sentence that says how to get it.

    Returns:
        HTML text, to be written as UTF-8. It holds no script and loads nothing; every string of the data is
        escaped.
    """
    shown = [panel for panel in panels() if panel.ready(data)]
    missing = [panel for panel in panels() if not panel.ready(data)]
    body = "\n".join(
        [
            f"<header><h1>{_text(data.title)}</h1>{_tiles(data)}</header>",
            "<main>",
            _summary(data, shown),
            '<section class="figures" aria-label="Figures">',
            *(_figure(panel, data) for panel in shown),
            "</section>",
            _missing(missing, data),
            _details(data),
            "</main>",
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(data.title)} · "
        f"latlas</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _tiles(data: ReportData) -> str:
    entry = (data.evaluation or {}).get("log_evidence") or {}
    tiles = []
    if entry:
        value = with_error(decimal(entry.get("value")), decimal(entry.get("standard_error")))
        tiles.append(("log p(x), nats per example", _text(value) + _badge(trust(data))))
    if num_dimensions(data) is not None and num_active(data) is not None:
        tiles.append(("dimensions in use", f"{num_active(data)} of {num_dimensions(data)}"))
    tiles += [
        (_text(name), _text(f"{value:,}" if isinstance(value, int) else _plain(value)))
        for name, value in data.facts.items()
    ]
    return (
        '<dl class="tiles">' + "".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in tiles) + "</dl>"
        if tiles
        else ""
    )


def _summary(data: ReportData, shown: list[Panel]) -> str:
    verdict = trust(data)
    left = ["<h2>What was learned</h2>", _paragraph(learned(data))]
    if shown:
        links = "".join(f'<li><a href="#{panel.name}">{_text(panel.title)}</a></li>' for panel in shown)
        left.append(f'<h2>Where to look</h2><ul class="links">{links}</ul>')
    right = ["<h2>How good it is</h2>", _paragraph(quality(data))]
    if verdict.sentence:
        kind = "good" if verdict.reliable else "bad"
        right.append(f'<p class="verdict {kind}">{_code(verdict.sentence)}</p>')
    if split(data):
        right.append(_paragraph(split(data)))
    return f'<section class="summary"><div>{"".join(left)}</div><div>{"".join(right)}</div></section>'


def _figure(panel: Panel, data: ReportData) -> str:
    picture = to_inline_svg(panel.draw(data, LIGHT), panel.name)
    alt = escape(panel.alt(data), quote=True)
    return (
        f'<figure id="{panel.name}"><h2>{_text(panel.title)}</h2>\n'
        f'<div class="picture" role="img" aria-label="{alt}">'
        f"{picture}</div>\n<figcaption>{_code(panel.caption(data))}</figcaption></figure>"
    )


def _missing(missing: list[Panel], data: ReportData) -> str:
    if not missing:
        return ""
    items = "".join(
        f"<li><strong>{_text(panel.title)}.</strong> {_code(panel.missing.replace('RUN', data.run))}</li>"
        for panel in missing
    )
    return f'<section class="missing"><h2>Not in this report</h2><ul>{items}</ul></section>'


def _details(data: ReportData) -> str:
    about = {"run": None if data.run == "RUN" else data.run, "likelihood": data.likelihood, "seed": data.seed}
    about |= {"item shape": " × ".join(map(str, data.item_shape)), "data fingerprint": data.fingerprint}
    tables = [
        _table("Run", {name: value for name, value in about.items() if value is not None}),
        _table("Options", data.options),
        _table("Evaluation (nats per example)", _flat(data.evaluation or {})),
        _table("Versions", data.versions),
    ]
    head = "<details><summary>Options, versions, seed</summary>"
    return f'{head}<div class="tables">{"".join(tables)}</div></details>'


def _table(title: str, rows: Mapping[str, Any]) -> str:
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(_plain(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table><caption>{_text(title)}</caption><tbody>{body}</tbody></table>"


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested entries in one table, the outer name first."""
    rows = {}
    for name, value in values.items():
        rows |= (
            _flat(value, f"{before}{name}, ")
            if isinstance(value, Mapping)
            else {f"{before}{name}".replace("_", " "): value}
        )
    return rows


def _badge(verdict: Trust) -> str:
    kind = {True: "good", False: "bad", None: "unknown"}[verdict.reliable]
    return f' <span class="badge {kind}">{_text(verdict.badge)}</span>'


def _paragraph(text: str) -> str:
    return f"<p>{_code(text)}</p>"


def _code(text: str) -> str:
    """Escaped text, with what stands between back-quotes set as code."""
    parts = _text(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _plain(value: Any) -> str:
    return number(value, 5) if isinstance(value, float) else "none" if value is None else str(value)


def _text(value: Any) -> str:
    return escape(str(value), quote=True)
