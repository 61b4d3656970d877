"""What a diagnosis comes to, in a sentence."""

from collections import Counter

from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import findings

_COUNTED = {"serious": "serious problem", "warning": "warning", "note": "note"}


def health(data: ReportData) -> str:
    """Whether the fit is well, and if not what is wrong; empty without a diagnosis."""
    rows = findings(data)
    if rows is None:
        return ""
    counts = Counter(row.severity if row.severity in _COUNTED else "note" for row in rows)
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
