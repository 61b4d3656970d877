"""The figures of a path of betas."""

from latlas.report.data._curve import beta_name, read_curve
from latlas.report.data._data import ReportData
from latlas.report.drawing._text import number
from latlas.report.figures._curve import pruning_figure, rate_distortion_figure
from latlas.report.page._panel import Panel


def _has_kl(data: ReportData) -> bool:
    curve = read_curve(data)
    return curve is not None and curve.kl is not None


def _curve_caption(data: ReportData) -> str:
    curve = read_curve(data)
    text = (
        "Each point is a model fitted at another price of information, β: further right a place on the map "
        "holds more of its example, further down less is lost in rebuilding it. Points on the line are the "
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
        "How much the dimensions of the map tell as information gets dearer: in each model the most informative "
        "first, × or blank where a dimension tells next to nothing. Their number at a β says how many the data "
        "are worth at that price."
    )


def _pruning_alt(data: ReportData) -> str:
    curve = read_curve(data)
    if curve is None or curve.kl is None:
        return ""
    alive = (curve.kl > data.active_threshold).sum(axis=1)
    pairs = zip(curve.betas, alive, strict=True)
    return (
        "Dimensions in use: " + ", ".join(f"{count} at beta {beta_name(beta)}" for beta, count in pairs) + "."
    )


CURVE = Panel(
    "rate-distortion", "What information costs", lambda data: read_curve(data) is not None,
    rate_distortion_figure, _curve_caption, _curve_alt,
    "Only one price of information was tried; run `latlas fit DATA --out NEW --betas 0.1,0.3,1,3,10`.",
)  # fmt: skip
PRUNING = Panel(
    "pruning", "Which dimensions pay", _has_kl, pruning_figure, _pruning_caption, _pruning_alt, "",
    needless=lambda data: not _has_kl(data),
)  # fmt: skip
