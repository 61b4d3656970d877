"""Posterior predictive checks: would the fitted model make data like those that it was given?"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.targets import observed_values
from latlas.core import RequestError, finite_or_none
from latlas.report.data._posterior import BayesReportData
from latlas.report.drawing._text import decimal, number
from latlas.report.page._html import badge, finite, paragraph, stacked_table, text

NUM_REPLICATES, BINS = 500, 25
EXTREME = 0.025  # share of the replicates on either side, beyond which the data are no likely replicate
COLUMNS = ("data and statistic", "observed", "replicates: below", "replicates: 5 % to 95 %")
_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda y: y.mean(axis=-1),
    "sd": lambda y: y.std(axis=-1),
    "smallest": lambda y: y.min(axis=-1),
    "largest": lambda y: y.max(axis=-1),
    "share of zeros": lambda y: (y == 0).mean(axis=-1),
}


def predictive_checks(key: PRNGKeyArray, fit: Any) -> dict[str, Any]:
    """The data of a fit held against 500 replicates by the fitted model, as plain values for strict JSON.

    Args:
        key: for the replicates.
        fit: what `latlas.bayes.fit` gave.

    Returns:
        Observed site -> its `statistics`, each with what was `observed`, the share of the replicates `below` (ties count by
        half) and the quantiles `low` and `high` (5 and 95 %), and its histogram: `edges`, and per bar `counts`, `low` and
        `high`; or a `note` why nothing was compared. Empty for a log density, which does not say how data arise, and for a
        fit that was read from the disk.
    """
    try:
        model = getattr(fit, "model", None)
    except RequestError:
        return {}
    if model is None:
        return {}
    observed, drawn = observed_values(model, fit.data), fit.posterior_predictive(key, NUM_REPLICATES)
    found = {name: check_of(observed[name], drawn[name]) for name in observed if name in drawn}
    return {name: check for name, check in found.items() if check}


def check_of(observed: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """The entry of one site: `observed` of any shape, `drawn` with a leading axis of replicates."""
    y = np.asarray(observed, dtype=float).ravel()
    replicates = np.asarray(drawn, dtype=float).reshape(len(drawn), -1)
    known = np.isfinite(y)
    if replicates.shape[1] != len(y):
        return {
            "note": f"it has {len(y):,} values and a replicate {replicates.shape[1]:,}, so that nothing was compared: put "
            "the site into a plate, or expand its distribution to the shape of the data."
        }
    if not known.any() or not np.isfinite(replicates[:, known]).all():
        return {}
    y, replicates = y[known], replicates[:, known]
    return {"statistics": _statistics(y, replicates)} | (_histogram(y, replicates) if len(y) > 1 else {})


def _statistics(y: np.ndarray, replicates: np.ndarray) -> dict[str, Any]:
    found = {}
    whole = bool((y == np.round(y)).all())
    for name, statistic in _STATISTICS.items():
        if (len(y) == 1 and name != "mean") or (name == "share of zeros" and not whole):
            continue
        value, drawn = float(statistic(y)), statistic(replicates)
        low, high = np.quantile(drawn, [0.05, 0.95])
        below = float(np.mean(drawn < value) + 0.5 * np.mean(drawn == value))
        entries = {"observed": value, "below": below, "low": float(low), "high": float(high)}
        found[name] = {entry: finite_or_none(number_) for entry, number_ in entries.items()}
    return found


def _histogram(y: np.ndarray, replicates: np.ndarray) -> dict[str, Any]:
    low, high = np.percentile(np.concatenate([y, replicates.ravel()]), [0.1, 99.9])
    low, high = min(low, y.min()), max(high, y.max())
    room = 0.02 * (high - low) or 0.5
    edges = np.linspace(low - room, high + room, BINS + 1)
    counts = np.stack([np.histogram(np.clip(row, edges[0], edges[-1]), edges)[0] for row in replicates])
    bands = np.quantile(counts, [0.05, 0.95], axis=0)
    return {
        "edges": edges.tolist(),
        "counts": np.histogram(y, edges)[0].tolist(),
        "low": bands[0].tolist(),
        "high": bands[1].tolist(),
    }


def predictive_table(data: BayesReportData) -> str:
    """Every statistic of every observed site, those that the model does not reproduce first; empty without any."""
    rows = [
        (site, name, entry)
        for site, check in data.predictive.items()
        for name, entry in check.get("statistics", {}).items()
    ]
    rows.sort(key=lambda row: -abs(decimal(row[2].get("below")) - 0.5))
    notes = "".join(
        paragraph(f"`{site}`: {check['note']}")
        for site, check in data.predictive.items()
        if check.get("note")
    )
    return notes + (stacked_table("Predictive checks", COLUMNS, [_row(*row) for row in rows]) if rows else "")


def _row(site: str, name: str, entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    below = decimal(entry.get("below"))
    wrong = min(below, 1 - below) < EXTREME
    ends = " to ".join(number(decimal(entry.get(end)), 4) for end in ("low", "high"))
    return [
        ("", text(f"{site}: {name}") + (badge("not reproduced", "warning") if wrong else "")),
        ("number", finite(decimal(entry.get("observed")))),
        ("number", f"{100 * below:.1f} %"),
        ("", text(ends)),
    ]
