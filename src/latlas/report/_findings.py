"""What a diagnosis found, and what was done about it, as sections of the page."""

from collections.abc import Mapping
from typing import Any

from latlas.report._data import ReportData
from latlas.report._evaluation import SEVERITIES, FindingRow, findings
from latlas.report._html import badge, code, finite, paragraph, text
from latlas.report._text import decimal
from latlas.report._words_health import health

COLUMNS = ("finding", "measured", "held against", "what it means", "what to do")
_HOW = "The worst first. A finding holds one number against another; its name stays the same from run to run."


def findings_section(data: ReportData, title: str) -> str:
    """The findings as a table, or the sentence that there are none; nothing without a diagnosis."""
    rows = findings(data)
    if rows is None:
        return ""
    words = f"{paragraph(_HOW)}{_table(rows)}" if rows else paragraph(health(data))
    return f'<section class="card" id="findings"><h2>{text(title)}</h2>{words}</section>'


def treatments_section(data: ReportData, title: str) -> str:
    """What was tried against the findings, in the order of the run; nothing where nothing was."""
    if not data.treatments:
        return ""
    items = "".join(_treatment(entry) for entry in data.treatments if isinstance(entry, Mapping))
    return (
        f'<section class="card" id="treatments"><h2>{text(title)}</h2>'
        f'<p>The fit was watched while it ran, and treated:</p><ol class="log">{items}</ol></section>'
    )


def _table(rows: list[FindingRow]) -> str:
    # on a telephone a row becomes a block, which would take its meaning as a table away: the roles keep it
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(_row(row) for row in rows)
    return (
        '<table class="stacked" role="table" aria-label="Findings"><thead role="rowgroup">'
        f'<tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )


def _row(row: FindingRow) -> str:
    kind = row.severity if row.severity in SEVERITIES else "note"
    cells = (
        ("", f"<code>{text(row.name)}</code>{badge(row.severity, kind)}"),
        ("number", finite(row.measured)),
        ("number", finite(row.threshold)),
        ("", code(row.meaning)),
        ("", code(row.remedy)),
    )
    return '<tr role="row">{}</tr>'.format(
        "".join(
            f'<td role="cell" data-label="{name}"{_class(kind)}><div>{cell}</div></td>'
            for name, (kind, cell) in zip(COLUMNS, cells, strict=True)
        )
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _treatment(entry: Mapping[str, Any]) -> str:
    parts = [f"<strong>{text(entry.get('finding') or 'unnamed')}</strong>"]
    if entry.get("measured") is not None:
        parts.append(f" (measured {finite(decimal(entry['measured']))})")
    attempt, step = entry.get("attempt"), entry.get("step")
    if attempt == 0:
        parts.append(", before the first step")
    elif step is not None:
        parts.append(f", at step {text(step)}")
    if entry.get("remedy"):
        parts.append(f": {code(str(entry['remedy']))}")
        parts.append(f" (led to fit {text(attempt)})" if attempt else "")
    parts += [
        f'<br><span class="unknown">{name}:</span> {code(str(entry[name]))}'
        for name in ("why", "outcome")
        if entry.get(name)
    ]
    return f"<li>{''.join(parts)}</li>"
