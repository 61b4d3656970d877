"""Tables of a Bayesian fit: parameters, the ladder, the checks."""

import math
from collections.abc import Mapping
from typing import Any

from latlas.report.data._posterior import BayesReportData, disagreement
from latlas.report.drawing._text import decimal, number
from latlas.report.page._html import badge, code, finite, stacked_table, text

MOST_PARAMETERS = 60
_COLUMNS = {"mean": "mean", "sd": "sd", "q05": "5 %", "q50": "median", "q95": "95 %", "mcse": "mcse"}
_LADDER = ("engine and family", "ELBO", "seconds", "what came of it")
_CHECKS = ("check", "measured", "limit", "what it says")


def parameters_table(data: BayesReportData) -> str:
    """Mean, sd, quantiles and Monte Carlo error of each entry, and its distance from NUTS; the first sixty."""
    rows = data.evaluation.get("parameters") or {}
    heads = [*_COLUMNS.values(), *(("off NUTS (sd)", "sd ÷ NUTS") if data.reference else ())]
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", *heads))
    shown = list(rows)[:MOST_PARAMETERS]
    body = "".join(
        f'<tr><th scope="row">{text(name)}</th>{_numbers(rows[name])}{_against(data, name)}</tr>'
        for name in shown
    )
    left_out = len(rows) - len(shown)
    more = ""
    if left_out:
        more = f"<p>And {left_out:,} more, all in <code>{text(data.run.path)}/evaluation.json</code>.</p>"
    return f'<div class="parameters"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}'


def ladder_table(data: BayesReportData) -> str:
    """What was tried, in order."""
    return stacked_table("Attempts", _LADDER, map(_rung, data.evaluation.get("ladder") or ()))


def checks_table(data: BayesReportData) -> str:
    """The checks behind the verdict, those that failed first."""
    checks = sorted(data.evaluation.get("diagnosis") or (), key=lambda check: bool(check.get("passed")))
    return stacked_table("Checks", _CHECKS, map(_check, checks))


def _numbers(row: Mapping[str, Any]) -> str:
    values = [decimal(row.get(name)) for name in _COLUMNS]
    size = abs(values[1])
    return (
        "".join(f"<td>{_rounded(value, size)}</td>" for value in values[:-1])
        + f"<td>{finite(values[-1])}</td>"
    )


def _rounded(value: float, sd: float) -> str:
    """To the third digit of the standard deviation: what stands behind it is noise."""
    if not (math.isfinite(value) and math.isfinite(sd) and 1e-4 < sd < 1e6):
        return finite(value)
    digits = max(0, 2 - math.floor(math.log10(sd)))
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _against(data: BayesReportData, name: str) -> str:
    if not data.reference:
        return ""
    if name not in data.reference:
        return "<td></td><td></td>"
    shift, ratio = disagreement(data.draws[name], data.reference[name])
    return f"<td>{f'{shift:+.2f}'.replace('-', chr(0x2212))}</td><td>{number(ratio, 3)}</td>"


def _rung(rung: Mapping[str, Any]) -> list[tuple[str, str]]:
    elbo = rung.get("elbo")
    return [
        ("", f"<strong>{text(rung.get('engine'))}</strong>, {text(rung.get('family'))}"),
        ("number", "none" if elbo is None else finite(decimal(elbo["value"]))),
        ("number", f"{decimal(rung.get('seconds')):.1f}"),
        ("", code(str(rung.get("note") or ""))),
    ]


def _check(check: Mapping[str, Any]) -> list[tuple[str, str]]:
    passed = bool(check.get("passed"))
    name = str(check.get("name")).replace("_", " ")
    return [
        ("", text(name) + badge("passed" if passed else "failed", "good" if passed else "serious")),
        ("number", finite(decimal(check.get("value")))),
        ("number", finite(decimal(check.get("limit")))),
        ("", code(str(check.get("sentence") or ""))),
    ]
