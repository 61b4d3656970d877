"""The parts of an evaluation, read from the plain values of `evaluation.json`.

A part that is missing, or whose numbers are not finite (JSON has none and writes null), is None: so a page is
made of whatever was measured, and of no more.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from latlas.report.data._data import ReportData
from latlas.report.drawing._text import decimal

SEVERITIES = ("serious", "warning", "note")  # the worst first


class Measured(NamedTuple):
    """A finite number with its standard error, in nats per example; the error is NaN where none is known.

    Attributes:
        value: the number.
        error: one standard error of it.
        reliable: whether its error means what it says; None where nobody said.
    """

    value: float
    error: float
    reliable: bool | None = None


class Bracket(NamedTuple):
    """Between which figures log p(x) lies.

    Attributes:
        lower: the lower side.
        upper: the upper side.
        width: upper less lower.
        upper_is_bound: False on real data, where the upper side is an estimate.
        simulated_width: the width on data simulated from the model, where both sides are bounds.
        exact: log p(x), where the model knows it.
        elbo: on the same examples, as far as the file tells them apart.
        importance: the importance-weighted log p(x) on the same examples.
        num_examples: how many; None where nobody said.
    """

    lower: Measured
    upper: Measured
    width: Measured
    upper_is_bound: bool
    simulated_width: Measured | None
    exact: Measured | None
    elbo: Measured | None
    importance: Measured | None
    num_examples: int | None


class Gap(NamedTuple):
    """What the ELBO lacks of log p(x), and why; the two parts sum to the total.

    Attributes:
        total: log p(x) less ELBO.
        approximation: log p(x) less the best ELBO of the family.
        amortization: the best ELBO of the family less the network's.
        elbo: the network's.
        refined_elbo: the best of the family.
        log_evidence: log p(x).
        converged: share of the examples for which the search for the best came to its end; NaN where nobody said.
        reliable: whether log p(x) can be believed; None where nobody said.
    """

    total: Measured
    approximation: Measured
    amortization: Measured
    elbo: Measured | None
    refined_elbo: Measured | None
    log_evidence: Measured | None
    converged: float
    reliable: bool | None


class Certificate(NamedTuple):
    """Upper bounds on how far the posterior is from the exact one, for the median example.

    Attributes:
        kl: KL(q || posterior), nats per example.
        total_variation: of any probability, by Pinsker's inequality; None where it was not measured.
        between: the same at two standard errors of the KL below and above; None where they are unknown.
        vacuous: share of the examples for which it is above 1 and says nothing.
        is_exact: whether they are the divergences themselves and not bounds.
        reliable: whether the upper side behind them can be believed; None where nobody said.
    """

    kl: Measured
    total_variation: Measured | None
    between: tuple[float, float] | None
    vacuous: float
    is_exact: bool
    reliable: bool | None


class FindingRow(NamedTuple):
    """One line of the diagnosis; a number that is not finite is NaN."""

    name: str
    severity: str
    measured: float
    threshold: float
    meaning: str
    remedy: str


def measured(entry: Any) -> Measured | None:
    """A number, or a dictionary with `value` and `standard_error`; None where it is not finite."""
    if not isinstance(entry, Mapping):
        entry = {"value": entry}
    value, reliable = decimal(entry.get("value")), entry.get("reliable")
    if not math.isfinite(value):
        return None
    return Measured(
        value, decimal(entry.get("standard_error")), reliable if isinstance(reliable, bool) else None
    )


def bracket(data: ReportData) -> Bracket | None:
    """The bracket, if both its sides are known."""
    entry, whole = _part(data, "bracket"), data.measures.evaluation or {}
    lower, upper = measured(entry.get("lower")), measured(entry.get("upper"))
    if lower is None or upper is None:
        return None
    return Bracket(
        lower,
        upper,
        measured(entry.get("width")) or Measured(upper.value - lower.value, math.nan),
        entry.get("upper_is_bound") is True,
        measured(entry.get("simulated_width")),
        measured(entry.get("exact")),
        # files from before these were kept have only those of all examples
        measured(entry.get("elbo", whole.get("elbo"))),
        measured(entry.get("importance", whole.get("log_evidence"))),
        _count(entry.get("num_examples", whole.get("num_examples"))),
    )


def gap(data: ReportData) -> Gap | None:
    """The gap, if both its parts are known."""
    entry = _part(data, "gap")
    approximation, amortization = measured(entry.get("approximation")), measured(entry.get("amortization"))
    if approximation is None or amortization is None:
        return None
    reliable = entry.get("reliable")
    return Gap(
        measured(entry.get("total")) or Measured(approximation.value + amortization.value, math.nan),
        approximation,
        amortization,
        *(measured(entry.get(name)) for name in ("elbo", "refined_elbo", "log_evidence")),
        decimal(entry.get("converged")),
        reliable if isinstance(reliable, bool) else None,
    )


def certificate(data: ReportData) -> Certificate | None:
    """The certificate, if it bounds anything."""
    entry = _part(data, "certificate")
    kl, variation = _middle(entry.get("kl")), _middle(entry.get("total_variation"))
    if kl is None:
        return None
    low, high = (_middle(entry.get(f"total_variation_{end}")) for end in ("low", "high"))
    count, total = decimal(entry.get("num_vacuous")), decimal(entry.get("num_examples"))
    vacuous = float(variation is not None and variation.value > 1)
    if math.isfinite(count) and total > 0:
        vacuous = count / total
    elif isinstance(entry.get("vacuous"), bool):  # says only where the mean lies
        vacuous = float(entry["vacuous"])
    reliable = entry.get("reliable")
    return Certificate(
        kl,
        variation,
        None if low is None or high is None else (low.value, high.value),
        vacuous,
        entry.get("basis") == "exact",
        reliable if isinstance(reliable, bool) else None,
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _middle(entry: Any) -> Measured | None:
    """A number with its error, or the median of many."""
    return measured(entry["median"] if isinstance(entry, Mapping) and "median" in entry else entry)


def findings(data: ReportData) -> list[FindingRow] | None:
    """What the diagnosis found, the worst first; None where there was no diagnosis."""
    entry = _part(data, "diagnosis")
    if not isinstance(entry.get("findings"), Sequence):
        return None
    rows = [
        FindingRow(
            str(found.get("name") or "unnamed"),
            str(found.get("severity") or "note"),
            decimal(found.get("measured")),
            decimal(found.get("threshold")),
            str(found.get("meaning") or ""),
            str(found.get("remedy") or ""),
        )
        for found in entry["findings"]
        if isinstance(found, Mapping)
    ]
    return sorted(rows, key=lambda row: _rank(row.severity))


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _part(data: ReportData, name: str) -> Mapping[str, Any]:
    entry = (data.measures.evaluation or {}).get(name)
    return entry if isinstance(entry, Mapping) else {}
