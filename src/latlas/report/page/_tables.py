"""Tables of the page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from latlas.report.page._html import plain, text


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
