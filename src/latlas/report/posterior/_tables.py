"""Tables of a Bayesian fit: parameters, the ladder, the checks."""

import math
from collections.abc import Mapping
from typing import Any

from latlas.bayes.verdict import Check, judge
from latlas.report.data._posterior import MAX_R_HAT, BayesReportData, disagreement
from latlas.report.drawing._text import decimal, number
from latlas.report.page._html import badge, code, finite, stacked_table, text

MOST_PARAMETERS = 60
_COLUMNS = {"mean": "mean", "sd": "sd", "q05": "5 %", "q50": "median", "q95": "95 %", "mcse": "mcse"}
_OF_NUTS = ("off NUTS (sd)", "sd ÷ NUTS", "R-hat of NUTS")
_LADDER = ("engine and family", "ELBO", "seconds", "what came of it")
_CHECKS = ("check", "measured", "limit", "what it says")


def parameters_table(data: BayesReportData) -> str:
    """Mean, sd, quantiles, Monte Carlo error and effective draws of each entry, and how NUTS sees it; the first sixty."""
    rows = data.evaluation.get("parameters") or {}
    heads = [*_COLUMNS.values(), "ESS", *(_OF_NUTS if data.reference else ())]
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


def deciding_table(data: BayesReportData) -> str:
    """The checks that the verdict follows from, those that failed first; empty without any."""
    deciding = names_that_decide(data)
    checks = [check for check in _sorted_checks(data) if str(check.get("name")) in deciding]
    rows = [_check(check, "failed", "serious") for check in checks]
    return stacked_table("Checks that decide", _CHECKS, rows) if rows else ""


def informing_table(data: BayesReportData) -> str:
    """The checks that the verdict does not follow from, those beyond their limit first; empty without any."""
    deciding = names_that_decide(data)
    checks = [check for check in _sorted_checks(data) if str(check.get("name")) not in deciding]
    rows = [_check(check, "beyond its limit", "note") for check in checks]
    return stacked_table("Checks that inform", _CHECKS, rows) if rows else ""


def names_that_decide(data: BayesReportData) -> set[str]:
    """The checks that can change the verdict: those whose failure alone does, where all others pass."""
    names = [str(check.get("name")) for check in _sorted_checks(data)]

    def verdict(failed: str | None) -> str:
        return judge([Check(name, 0.0, 1.0, name != failed, "") for name in names]).kind

    return {name for name in names if verdict(name) != verdict(None)}


def _sorted_checks(data: BayesReportData) -> list[Mapping[str, Any]]:
    return sorted(data.evaluation.get("diagnosis") or (), key=lambda check: bool(check.get("passed")))


def _numbers(row: Mapping[str, Any]) -> str:
    values = [decimal(row.get(name)) for name in _COLUMNS]
    size = abs(values[1])
    return (
        "".join(f"<td>{_rounded(value, size)}</td>" for value in values[:-1])
        + f"<td>{finite(values[-1])}</td><td>{_effective(values[1], values[-1])}</td>"
    )


def _effective(sd: float, mcse: float) -> str:
    """The effective sample size: how many independent draws would give the mean the same error."""
    if not (math.isfinite(sd) and math.isfinite(mcse) and mcse > 0):
        return '<span class="unknown">unknown</span>'
    return f"{(sd / mcse) ** 2:,.0f}"


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
        return "<td></td>" * len(_OF_NUTS)
    shift, ratio = disagreement(data.draws[name], data.reference[name])
    r_hat = data.r_hats.get(name, math.nan)
    word = badge("above 1.05", "warning") if r_hat > MAX_R_HAT else ""
    told = f"{r_hat:.3f}{word}" if math.isfinite(r_hat) else '<span class="unknown">unknown</span>'
    return f"<td>{f'{shift:+.2f}'.replace('-', chr(0x2212))}</td><td>{number(ratio, 3)}</td><td>{told}</td>"


def _rung(rung: Mapping[str, Any]) -> list[tuple[str, str]]:
    elbo = rung.get("elbo")
    return [
        ("", f"<strong>{text(rung.get('engine'))}</strong>, {text(rung.get('family'))}"),
        ("number", "none" if elbo is None else finite(decimal(elbo["value"]))),
        ("number", f"{decimal(rung.get('seconds')):.1f}"),
        ("", code(str(rung.get("note") or ""))),
    ]


def _check(check: Mapping[str, Any], word: str, kind: str) -> list[tuple[str, str]]:
    passed = bool(check.get("passed"))
    name = str(check.get("name")).replace("_", " ")
    return [
        ("", text(name) + badge("passed" if passed else word, "good" if passed else kind)),
        ("number", finite(decimal(check.get("value")))),
        ("number", finite(decimal(check.get("limit")))),
        ("", code(str(check.get("sentence") or ""))),
    ]
