"""Escaped pieces of a page: every string of the data passes through here."""

import math
from html import escape
from typing import Any

from latlas.report.drawing._text import number


def text(value: Any) -> str:
    """Any value as text that is never markup."""
    return escape(str(value), quote=True)


def code(value: str) -> str:
    """Escaped text, with what stands between back-quotes set as code."""
    parts = text(value).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def paragraph(value: str) -> str:
    """A paragraph of such text."""
    return f"<p>{code(value)}</p>"


def badge(word: str, kind: str) -> str:
    """A word that stands out; its colour repeats what it says."""
    return f' <span class="badge {kind}">{text(word)}</span>'


def plain(value: Any) -> str:
    """A value of a table as short text."""
    return number(value, 5) if isinstance(value, float) else "none" if value is None else str(value)


def finite(value: float) -> str:
    """A number of a table; words where there is none."""
    if not math.isfinite(value):
        return '<span class="unknown">not finite</span>'
    if value.is_integer() and abs(value) < 1e6:
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    return number(value)
