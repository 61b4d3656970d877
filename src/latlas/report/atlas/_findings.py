"""What a diagnosis found, and what was done about it, as sections of the page."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from latlas.evaluation.diagnosis import Finding
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import findings
from latlas.report.drawing._text import decimal
from latlas.report.page._html import badge, code, finite, paragraph, stacked_table, text

_COUNTED = {"serious": "serious problem", "warning": "warning", "note": "note"}


def health(data: ReportData) -> str:
    """Whether the fit is well, and if not what is wrong; empty without a diagnosis."""
    rows = findings(data)
    if rows is None:
        return ""
    counts = Counter(row.severity for row in rows)
    notes = (
        f" {_count(counts, 'note')} beside that {_are(counts['note'])} worth knowing."
        if counts["note"]
        else ""
    )
    wrong = counts["serious"] + counts["warning"]
    if not wrong:
        return f"The diagnosis found nothing wrong with this fit.{notes}"
    found = " and ".join(_count(counts, severity) for severity in ("serious", "warning") if counts[severity])
    names = list(
        dict.fromkeys(row.name.replace("_", " ") for row in rows if row.severity in ("serious", "warning"))
    )
    return f"The diagnosis found {found}: {', '.join(names)}.{notes}"


def health_badge(data: ReportData) -> tuple[str, str] | None:
    """A word and its kind for the head of the page; None without a diagnosis."""
    rows = findings(data)
    if rows is None:
        return None
    counts = Counter(row.severity for row in rows)
    found = [_count(counts, severity) for severity in ("serious", "warning") if counts[severity]]
    return (", ".join(found), "bad") if found else ("healthy", "good")


def _count(counts: Counter, severity: str) -> str:
    plural = "" if counts[severity] == 1 else "s"
    return f"{counts[severity]} {_COUNTED[severity]}{plural}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


COLUMNS = ("finding", "measured", "held against", "what it means", "what to do")
_HOW = "The worst first. A finding holds one number against another; its name stays the same from run to run."


def findings_section(data: ReportData, title: str) -> str:
    """The findings as a table, or the sentence that there are none; nothing without a diagnosis."""
    rows = findings(data)
    if rows is None:
        return ""
    words = (
        f"{paragraph(_HOW)}{stacked_table('Findings', COLUMNS, map(_row, rows))}"
        if rows
        else paragraph(health(data))
    )
    return f'<section class="card" id="findings"><h2>{text(title)}</h2>{words}</section>'


def treatments_section(data: ReportData, title: str) -> str:
    """What was tried against the findings, in the order of the run; nothing where nothing was."""
    if not data.measures.treatments:
        return ""
    items = "".join(_treatment(entry) for entry in data.measures.treatments if isinstance(entry, Mapping))
    return (
        f'<section class="card" id="treatments"><h2>{text(title)}</h2>'
        f'<p>The fit was watched while it ran, and treated:</p><ol class="log">{items}</ol></section>'
    )


def _row(row: Finding) -> list[tuple[str, str]]:
    return [
        ("", f"<code>{text(row.name)}</code>{badge(row.severity, row.severity)}"),
        ("number", finite(row.measured)),
        ("number", finite(row.threshold)),
        ("", code(row.meaning)),
        ("", code(row.remedy)),
    ]


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
