"""Escaped pieces of a page: every string of the data passes through here."""

import math
from collections.abc import Iterable, Mapping, Sequence
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


def stacked_table(label: str, columns: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    """A table whose rows become blocks on a telephone; its second and third columns are numbers.

    Args:
        label: what it lists, for those who do not see it.
        columns: their heads.
        rows: of each cell its class, or "", and its HTML.
    """
    # a row that becomes a block would take its meaning as a table away: the roles keep it
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in columns)
    body = "".join(_row(columns, row) for row in rows)
    return (
        f'<table class="stacked" role="table" aria-label="{text(label)}"><thead role="rowgroup">'
        f'<tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )


def facts_table(title: str, rows: Mapping[str, Any]) -> str:
    """Names and values; nothing where there are none."""
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{text(name)}</th><td{_number(value)}>{text(plain(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table><caption>{text(title)}</caption><tbody>{body}</tbody></table>"


def _row(columns: Sequence[str], cells: Sequence[tuple[str, str]]) -> str:
    return '<tr role="row">{}</tr>'.format(
        "".join(
            f'<td role="cell" data-label="{name}"{_class(kind)}><div>{cell}</div></td>'
            for name, (kind, cell) in zip(columns, cells, strict=True)
        )
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _number(value: Any) -> str:
    return ' class="number"' if isinstance(value, int | float) or "±" in str(value) else ""
