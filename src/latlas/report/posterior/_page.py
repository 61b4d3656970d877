"""The page of a Bayesian fit: the verdict, the evidence, what was tried, the parameters, the checks."""

import math
from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from latlas.core import PARETO_K_LIMIT, write_atomically
from latlas.report.data._posterior import BayesReportData, site
from latlas.report.drawing._text import decimal, number, with_error
from latlas.report.figures._posterior import (
    histograms,
    interval_groups,
    intervals_figure,
    marginals_figure,
    pairs_figure,
    predictive_figure,
)
from latlas.report.page._document import document, figure, tiles_list
from latlas.report.page._html import badge, code, facts_table, paragraph, text
from latlas.report.page._panel import Panel, Words
from latlas.report.posterior._collect import collect_bayes
from latlas.report.posterior._predictive import predictive_table
from latlas.report.posterior._tables import deciding_table, informing_table, ladder_table, parameters_table
from latlas.report.posterior._words import (
    KINDS,
    evidence,
    fitted,
    meaning,
    next_steps,
    pair,
    reasons,
    reference,
)


def render_bayes(data: BayesReportData) -> str:
    """The page of a Bayesian fit, whole HTML that opens from disk and loads nothing.

    The same data give the same bytes. Every string of the data is escaped.
    """
    shown = [panel for panel in _PANELS if panel.ready(data)]
    body = "\n".join(
        [
            f"<header><h1>{text(data.title)}</h1></header>",
            "<main>",
            _banner(data),
            tiles_list(_tiles(data)),
            _summary(data),
            _card("parameters", "The parameters", _PARAMETERS, parameters_table(data)),
            '<section class="figures" aria-label="Figures">',
            *(figure(panel, data) for panel in shown),
            "</section>",
            _card("predictive", "Would the model make such data?", _PREDICTIVE, predictive_table(data)),
            _card(
                "ladder",
                "What was tried",
                _TRIED,
                ladder_table(data) if data.evaluation.get("ladder") else "",
            ),
            _card("checks", "What the verdict rests on", _RESTS, deciding_table(data)),
            _card("remarks", "What else was measured", _INFORMS, informing_table(data)),
            _details(data),
            "</main>",
        ]
    )
    return document(data.title, body)


def save_bayes_report(key: PRNGKeyArray, path: str | Path, fit: Any, *, title: str = "Bayesian fit") -> None:
    """Writes the page of a fit, new or stored, to a file.

    Args:
        key: for the draws in the figures.
        path: the file, `.html`.
        fit: what `latlas.bayes.fit` or `latlas.bayes.load` gave.
        title: what was fitted.

    Raises:
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    write_atomically(path, render_bayes(collect_bayes(key, fit, title=title)).encode())


_PARAMETERS = (
    "Half of the probability lies below the median, nine tenths between 5 % and 95 %; sd is the standard deviation, mcse "
    "the error of the mean that comes from drawing at random, and ESS the effective sample size: so many independent draws "
    "would have the same error. R-hat compares chains with each other: 1 where they agree."
)
_PREDICTIVE = (
    "Posterior predictive checks: replicates of the data by the fitted model, held against the data. A statistic that "
    "nearly all replicates exceed, or nearly none, is one that the model does not reproduce, however well it was fitted."
)
_TRIED = "From cheap to expensive; the next one was tried because the one before did not pass its checks."
_RESTS = "Each check holds one number against a limit. The verdict at the top follows from these and from nothing else."
_INFORMS = (
    "These decide nothing, because each of them can lie beyond its limit for a fit that is right. Of the parameters the "
    "verdict holds all the same; whether to believe log p(data) is said beside it, above."
)


def _banner(data: BayesReportData) -> str:
    kind = KINDS.get(data.kind, "unknown")
    word = data.kind[:1].upper() + data.kind[1:]
    return (
        f'<section class="banner {kind}" aria-label="Verdict"><p class="word">{text(word or "No verdict")}</p>'
        f"{paragraph(meaning(data))}{paragraph(reasons(data)) if reasons(data) else ''}</section>"
    )


def _tiles(data: BayesReportData) -> list[tuple[str, str]]:
    tiles = []
    for name, title in (("log_evidence", "log p(data), nats"), ("elbo", "ELBO, nats")):
        value, error = pair(data, name)
        if math.isfinite(value):
            tiles.append((title, text(with_error(value, error)) + _of_evidence(data, name)))
    k = decimal(data.evaluation.get("pareto_k"))
    if math.isfinite(k):
        above = badge(f"above {PARETO_K_LIMIT}", "note") if k > PARETO_K_LIMIT else ""
        tiles.append(("Pareto k-hat", text(number(k, 2)) + above))
    tiles.append(("engine", text(f"{data.evaluation.get('engine')}, {data.evaluation.get('family')}")))
    seconds = decimal(data.evaluation.get("seconds"))
    if math.isfinite(seconds):
        tiles.append(("time", f"{seconds:.1f} s"))
    return tiles


def _of_evidence(data: BayesReportData, name: str) -> str:
    """Whether to believe log p(data), which the verdict on the parameters does not say."""
    reliable = (data.evaluation.get(name) or {}).get("reliable")
    return (
        badge("reliable" if reliable else "not reliable", "good" if reliable else "warning")
        if isinstance(reliable, bool)
        else ""
    )


def _summary(data: BayesReportData) -> str:
    steps = "".join(f"<li>{code(step)}</li>" for step in next_steps(data))
    left = f'<h2>What was fitted</h2>{paragraph(fitted(data))}<h2>What to do next</h2><ul class="log">{steps}</ul>'
    right = f"<h2>How far the bound is from the truth</h2>{paragraph(evidence(data))}"
    if data.reference:
        right += f"<h2>Against NUTS</h2>{paragraph(reference(data))}"
    return f'<section class="summary"><div>{left}</div><div>{right}</div></section>'


def _card(name: str, title: str, how: str, table: str) -> str:
    if not table:
        return ""
    return f'<section class="card" id="{name}"><h2>{text(title)}</h2>{paragraph(how)}{table}</section>'


def _details(data: BayesReportData) -> str:
    tables = [facts_table("Options", data.run.options), facts_table("Versions", data.run.versions)]
    return (
        "<details><summary>Options and versions</summary>"
        f'<div class="tables">{"".join(tables)}</div></details>'
    )


def _left_out(data: BayesReportData) -> str:
    count = len(data.draws) - len(data.shown)
    return f" {len(data.shown)} of {len(data.draws):,} are drawn." if count else ""


def _beside(data: BayesReportData) -> str:
    return " The closer orange and blue agree, the better the approximation." if data.reference else ""


def _marginals_caption(data: BayesReportData) -> str:
    return f"How probable each value of a parameter is, given the data.{_beside(data)}{_left_out(data)}"


def _pairs_caption(data: BayesReportData) -> str:
    return (
        "Each dot is one draw of all parameters. A tilted cloud means that two parameters trade off against each other; a "
        f"bent or funnel-shaped one is hard for most approximations.{_beside(data)}{_left_out(data)}"
    )


def _intervals_caption(data: BayesReportData) -> str:
    groups = interval_groups(data)
    drawn = sum(map(len, groups.values()))
    entries = sum("[" in name and site(name) in groups for name in data.draws)
    more = f" {drawn} of {entries:,} entries are drawn." if entries > drawn else ""
    return f"The dot is the median, and nine tenths of the probability lie on the line.{_beside(data)}{more}"


def _has_histograms(data: BayesReportData) -> bool:
    return bool(histograms(data))


def _replicates_caption(data: BayesReportData) -> str:
    return "The line is the data, and nine tenths of the replicates by the fitted model lie in the band."


def _replicates_alt(data: BayesReportData) -> str:
    return f"Histograms of {', '.join(histograms(data))} beside replicates."


def _names(data: BayesReportData) -> str:
    return ", ".join(data.shown)


_PANELS = (
    Panel(
        "marginals", lambda data: len(data.shown) > 0, marginals_figure,
        Words(
            "What is known of each parameter", _marginals_caption,
            lambda data: f"Histograms of the draws of {_names(data)}.",
        ),
    ),
    Panel(
        "intervals", lambda data: bool(interval_groups(data)), intervals_figure,
        Words(
            "Vectors, entry by entry", _intervals_caption,
            lambda data: f"Intervals of the entries of {', '.join(interval_groups(data))}.",
        ),
    ),
    Panel(
        "replicates", _has_histograms, predictive_figure,
        Words("Data and replicates", _replicates_caption, _replicates_alt),
    ),
    Panel(
        "pairs", lambda data: len(data.shown) > 1, pairs_figure,
        Words(
            "How parameters go together", _pairs_caption,
            lambda data: f"Scatter plots of the draws of each pair of {_names(data)}.",
        ),
        wide=True,
    ),
)  # fmt: skip
