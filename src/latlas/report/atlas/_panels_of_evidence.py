"""The figures of an evaluation: where log p(x) lies, where the nats go."""

import math

from latlas.core import Estimate
from latlas.report.atlas._words import ALL, among, shared
from latlas.report.data._curve import beta_name, read_curve
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import bracket, gap
from latlas.report.drawing._text import number, told
from latlas.report.figures._bracket import bracket_figure, bracket_rows
from latlas.report.figures._curve import pruning_figure, rate_distortion_figure
from latlas.report.figures._evidence import evidence_figure, evidence_rows
from latlas.report.figures._gap import gap_figure
from latlas.report.figures._intervals import in_words
from latlas.report.page._panel import Panel, Words


def _has_bracket(data: ReportData) -> bool:
    return bracket(data) is not None


def _evidence_caption(data: ReportData) -> str:
    return (
        f"log p(x) estimates what the model really gives {among(data, None)}, the ELBO is the floor that training "
        "raises; the thick line is one standard error, the thin line two."
    )


def _evidence_alt(data: ReportData) -> str:
    return "; ".join(in_words(evidence_rows(data))) + "."


def _bracket_caption(data: ReportData) -> str:
    found = bracket(data)
    if found is None:
        return ""
    hollow = "" if found.upper_is_bound else ", which is hollow because on real data it is no bound"
    exact = "" if found.exact is None else " The dotted line is the exact value."
    return (
        f"What the model really gives {among(data, shared(found))}, log p(x), lies in the shaded "
        f"range: between the lower side and the upper one{hollow}. The ELBO is the floor that training raises. "
        f"Thick lines are one standard error, thin lines two.{exact}"
    )


def _bracket_alt(data: ReportData) -> str:
    found = bracket(data)
    rows = in_words(bracket_rows(data))
    if found is not None and found.exact is not None:
        rows.append(f"exact {number(found.exact, 5)} nats")
    return "; ".join(rows) + "."


def _gap_caption(data: ReportData) -> str:
    found = gap(data)
    if found is None:
        return ""
    ends = found.between
    text = (
        f"What the ELBO{_at(ends.elbo)} lacks of log p(x){_at(ends.log_evidence)}. Hatched: lost because the "
        "cloud of places that the map gives an example is too simple in shape"
        f"{_at(ends.refined_elbo, 'the best such cloud reaches ')}. Plain: lost by the network that places the "
        "examples; a wider encoder, or `latlas encode --refine`, brings it back."
    )
    if found.converged < ALL:
        text += (
            " The search for the best clouds had not come to its end: the plain part is at least this much."
        )
    return text


def _at(figure: Estimate, words: str = "") -> str:
    return "" if not math.isfinite(figure.value) else f" ({words}{number(figure.value, 4)})"


def _gap_alt(data: ReportData) -> str:
    found = gap(data)
    if found is None:
        return ""
    parts = [
        ("gap", found.total),
        ("approximation", found.approximation),
        ("amortisation", found.amortization),
    ]
    parts += [
        ("from ELBO", found.between.elbo),
        ("refined", found.between.refined_elbo),
        ("log p(x)", found.between.log_evidence),
    ]
    return "; ".join(f"{name} {told(part)} nats" for name, part in parts if math.isfinite(part.value)) + "."


EVIDENCE = Panel(
    "evidence", lambda data: bool(evidence_rows(data)), evidence_figure,
    Words(
        "How good, and how sure", _evidence_caption, _evidence_alt,
        "It was not measured; run `latlas evaluate RUN DATA` with held-out examples.",
    ),
    needless=_has_bracket,
)  # fmt: skip
BRACKET = Panel(
    "bracket", _has_bracket, bracket_figure,
    Words(
        "Where log p(x) lies", _bracket_caption, _bracket_alt,
        "It was not enclosed from both sides; run `latlas evaluate RUN DATA --bound bracket`.",
    ),
)  # fmt: skip
GAP = Panel(
    "gap", lambda data: gap(data) is not None, gap_figure,
    Words(
        "Why the ELBO lies below", _gap_caption, _gap_alt,
        "The gap was not split; run `latlas evaluate RUN DATA --gap`.",
    ),
)  # fmt: skip


def _has_kl(data: ReportData) -> bool:
    curve = read_curve(data)
    return curve is not None and curve.kl is not None


def _curve_caption(data: ReportData) -> str:
    curve = read_curve(data)
    text = (
        "Each point is a model fitted at another price of a nat of rate, β: further right a place on the map "
        "may hold more of its example, further down less is lost in rebuilding it. Points on the line are the "
        "best trades; those above it are beaten by a mixture of two others."
    )
    if curve is None or curve.chosen is None:
        return text
    return f"{text} The diamond is the one chosen, β = {beta_name(curve.betas[curve.chosen])}."


def _curve_alt(data: ReportData) -> str:
    curve = read_curve(data)
    if curve is None:
        return ""
    ends = " to ".join(
        f"rate {number(curve.rate[place])} and distortion {number(curve.distortion[place])} nats at "
        f"beta {beta_name(curve.betas[place])}"
        for place in (0, -1)
    )
    return f"Curve of {len(curve.betas)} models, from {ends}."


def _pruning_caption(data: ReportData) -> str:
    return (
        "What the dimensions of the map cost, and at most tell, as a nat gets more expensive: in each model the largest "
        "first, × or blank where a dimension has next to none. Their number at a β says how many the data "
        "are worth at that price."
    )


def _pruning_alt(data: ReportData) -> str:
    curve = read_curve(data)
    if curve is None or curve.kl is None:
        return ""
    alive = (curve.kl > data.latent.active_threshold).sum(axis=1)
    pairs = zip(curve.betas, alive, strict=True)
    return (
        "Dimensions in use: " + ", ".join(f"{count} at beta {beta_name(beta)}" for beta, count in pairs) + "."
    )


CURVE = Panel(
    "rate-distortion", lambda data: read_curve(data) is not None, rate_distortion_figure,
    Words(
        "What information costs", _curve_caption, _curve_alt,
        "Only one price of information was tried; run `latlas fit DATA --out NEW --betas 0.1,0.3,1,3,10`.",
    ),
)  # fmt: skip
PRUNING = Panel(
    "pruning", _has_kl, pruning_figure, Words("Which dimensions pay", _pruning_caption, _pruning_alt),
    needless=lambda data: not _has_kl(data),
)  # fmt: skip
