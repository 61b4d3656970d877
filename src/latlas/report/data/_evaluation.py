"""The parts of an evaluation, read from the plain values of `evaluation.json` as the evaluation's own types.

A part that is missing, of another form, or whose numbers are not finite is None: so a page is made of whatever was
measured, and of no more.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from latlas.core import Estimate, Evidence
from latlas.evaluation.diagnosis import Diagnosis, Finding
from latlas.evaluation.evidence import BracketSummary, CertificateSummary, SameExamples
from latlas.evaluation.inference import GapSummary
from latlas.evaluation.rate import Information
from latlas.report.data._data import ReportData

T = TypeVar("T")


def elbo(data: ReportData) -> Estimate | None:
    """The ELBO of all examples."""
    found = _part(data, "elbo", Estimate.from_dict)
    return found if found is not None and math.isfinite(found.value) else None


def evidence(data: ReportData) -> Evidence | None:
    """The importance-weighted log p(x) of all examples."""
    found = _part(data, "log_evidence", Evidence.from_dict)
    return found if found is not None and math.isfinite(found.value) else None


def bracket(data: ReportData) -> BracketSummary | None:
    """The bracket, if both its sides are known."""
    found = _part(data, "bracket", BracketSummary.from_dict)
    if found is None or not math.isfinite(found.lower.value) or not math.isfinite(found.upper.value):
        return None
    if not math.isfinite(found.width.value):
        found = replace(found, width=Estimate(found.upper.value - found.lower.value, math.nan))
    of_all, weighted = elbo(data), evidence(data)
    if found.same_examples is None and of_all is not None and weighted is not None:
        # files from before these were kept have only those of all examples
        count = (data.measures.evaluation or {}).get("num_examples")
        whole = SameExamples(of_all, weighted, count if isinstance(count, int) else 0)
        found = replace(found, same_examples=whole)
    return found


def gap(data: ReportData) -> GapSummary | None:
    """The gap, if both its parts are known."""
    found = _part(data, "gap", GapSummary.from_dict)
    if found is None:
        return None
    total = found.approximation.value + found.amortization.value
    if not math.isfinite(total):
        return None
    return found if math.isfinite(found.total.value) else replace(found, total=Estimate(total, math.nan))


def certificate(data: ReportData) -> CertificateSummary | None:
    """The certificate, if it bounds anything."""
    found = _part(data, "certificate", CertificateSummary.from_dict)
    return found if found is not None and math.isfinite(found.kl.median) else None


def information(data: ReportData) -> Information | None:
    """How much of the rate tells examples apart, if it was measured."""
    found = _part(data, "information", Information.from_dict)
    return found if found is not None and math.isfinite(found.estimate.value) else None


def findings(data: ReportData) -> tuple[Finding, ...] | None:
    """What the diagnosis found, the worst first; None where there was no diagnosis."""
    found = _part(data, "diagnosis", Diagnosis.from_dict)
    return None if found is None else tuple(found.findings)


def _part(data: ReportData, name: str, read: Callable[[Any], T]) -> T | None:
    entry = (data.measures.evaluation or {}).get(name)
    if not isinstance(entry, Mapping):
        return None
    try:
        return read(entry)
    except ValueError:
        return None
