"""The report as one HTML page that opens from disk: no network, no script, nothing from outside."""

from latlas.report.atlas._details import details
from latlas.report.atlas._findings import findings_section, health, health_badge, treatments_section
from latlas.report.atlas._outliers import outliers_section
from latlas.report.atlas._panels import panels
from latlas.report.atlas._trust import trust
from latlas.report.atlas._words import certainty, learned, num_active, num_dimensions, quality, split
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import bracket, findings
from latlas.report.drawing._text import between, decimal, with_error
from latlas.report.figures._scores import finite_scores
from latlas.report.page._document import document, figure, tiles_list
from latlas.report.page._html import badge, code, paragraph, plain, text
from latlas.report.page._panel import Panel

_WORST = "The worst explained examples"
_FOUND, _DONE = "What the diagnosis found", "What was done about it"
_EVIDENCE = "log p(x), nats per example"
_KINDS = {True: "good", False: "bad", None: "unknown"}


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
    shown = [panel for panel in panels() if panel.ready(data) and not panel.needless(data)]
    missing = [panel for panel in panels() if not panel.ready(data) and not panel.needless(data)]
    body = "\n".join(
        [
            f"<header><h1>{text(data.title)}</h1>{_tiles(data)}</header>",
            "<main>",
            _summary(data, shown),
            findings_section(data, _FOUND),
            treatments_section(data, _DONE),
            '<section class="figures" aria-label="Figures">',
            *(figure(panel, data) for panel in shown),
            "</section>",
            outliers_section(data, _WORST),
            _missing(missing, data),
            details(data),
            "</main>",
        ]
    )
    return document(data.title, body)


def _tiles(data: ReportData) -> str:
    entry = (data.measures.evaluation or {}).get("log_evidence") or {}
    tiles, found, well = [], bracket(data), health_badge(data)
    if found is not None:
        tiles.append((_EVIDENCE, text(between(found.lower.value, found.upper.value)) + _verdict(data)))
    elif entry:
        value = with_error(decimal(entry.get("value")), decimal(entry.get("standard_error")))
        tiles.append((_EVIDENCE, text(value) + _verdict(data)))
    if well is not None:
        tiles.append(("diagnosis", badge(*well)))
    if num_dimensions(data) is not None and num_active(data) is not None:
        tiles.append(("dimensions in use", f"{num_active(data)} of {num_dimensions(data)}"))
    tiles += [
        (text(name), text(f"{value:,}" if isinstance(value, int) else plain(value)))
        for name, value in data.run.facts.items()
    ]
    return tiles_list(tiles)


def _verdict(data: ReportData) -> str:
    verdict = trust(data)
    return badge(verdict.badge, _KINDS[verdict.reliable])


def _summary(data: ReportData, shown: list[Panel]) -> str:
    left = ["<h2>What was learned</h2>", paragraph(learned(data))]
    if health(data):
        left += ["<h2>Whether it is well</h2>", paragraph(health(data))]
    places = [("findings", _FOUND)] if findings(data) is not None else []
    places += [("treatments", _DONE)] if data.measures.treatments else []
    places += [(panel.name, panel.words.title) for panel in shown]
    places += [("outliers", _WORST)] if finite_scores(data) is not None else []
    if places:
        links = "".join(f'<li><a href="#{name}">{text(title)}</a></li>' for name, title in places)
        left.append(f'<h2>Where to look</h2><ul class="links">{links}</ul>')
    right = ["<h2>How good it is</h2>", paragraph(quality(data))]
    verdict = trust(data)
    if verdict.sentence:
        right.append(f'<p class="verdict {_KINDS[verdict.reliable]}">{code(verdict.sentence)}</p>')
    right += [paragraph(words) for words in (split(data), certainty(data)) if words]
    return f'<section class="summary"><div>{"".join(left)}</div><div>{"".join(right)}</div></section>'


def _missing(missing: list[Panel], data: ReportData) -> str:
    parts = [(panel.words.title, panel.words.missing) for panel in missing]
    if findings(data) is None:
        parts.insert(0, (_FOUND, "The fit was not examined; run `latlas diagnose RUN DATA`."))
    if not parts:
        return ""
    items = "".join(
        f"<li><strong>{text(title)}.</strong> {code(words.replace('RUN', data.run.path))}</li>"
        for title, words in parts
    )
    return f'<section class="missing"><h2>Not in this report</h2><ul>{items}</ul></section>'
