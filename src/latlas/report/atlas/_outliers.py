"""The ten examples that the model explains worst, as a section of the page."""

import numpy as np

from latlas.report.data._data import ReportData
from latlas.report.data._items import shaped
from latlas.report.data._scores import EXTREME, Scores
from latlas.report.drawing._text import number
from latlas.report.figures._residuals import residuals
from latlas.report.figures._scores import finite_scores
from latlas.report.page._html import finite, paragraph, stacked_table, text

COLUMNS = ("example", "log p(x)", "below the median", "made up: lower", "what stands out")


def outliers_section(data: ReportData, title: str) -> str:
    """The worst examples in a table, the lowest first; nothing where no example was scored."""
    scores = finite_scores(data)
    if scores is None:
        return ""
    rows = [_row(data, scores, place, int(at)) for place, at in enumerate(scores.order)]
    table = stacked_table("The worst examples", COLUMNS, rows)
    return f'<section class="card" id="outliers"><h2>{text(title)}</h2>{paragraph(_how(scores))}{table}</section>'


def _how(scores: Scores) -> str:
    words = "The examples with the lowest log p(x), in nats: slips in the data, rare kinds, or what the model did not learn."
    if scores.total > len(scores.log_p):
        words += f" {len(scores.log_p):,} of the {scores.total:,} examples were scored, evenly spread."
    share = scores.share_below
    if share is None:
        return words
    extreme = int(np.sum(share <= EXTREME))
    expected = EXTREME * len(share)
    return (
        f"{words} Of examples that the model makes up, the share in the fourth column scores lower: near 0 for what it "
        f"would hardly ever make. That holds for {extreme:,} of {len(share):,} examples, where about {number(expected, 2)} "
        "are "
        "expected by chance."
    )


def _row(data: ReportData, scores: Scores, place: int, at: int) -> list[tuple[str, str]]:
    row, share = int(scores.rows[at]), scores.share_below
    name = f"row {row}" if scores.names is None else f"{scores.names[row]} (row {row})"
    labels = data.latent.labels
    label = "" if labels is None else f", {data.latent.label_name} {labels[row]}"
    known = scores.log_p[np.isfinite(scores.log_p)]
    return [
        ("", text(name + label)),
        ("number", finite(float(scores.log_p[at]))),
        ("number", finite(float(np.median(known) - scores.log_p[at]))),
        ("number", "" if share is None else f"{100 * share[at]:.1f} %"),
        ("", text(_standing_out(data, scores, place))),
    ]


def _standing_out(data: ReportData, scores: Scores, place: int) -> str:
    """The value that lies furthest from its reconstruction, in units of the usual distance there."""
    if scores.worst is None or scores.rebuilt is None or data.items.originals is None:
        return ""
    usual = np.sqrt(np.nanmean(residuals(data) ** 2, axis=0)).ravel()
    x, rebuilt = (shaped(a[place], data.items).ravel() for a in (scores.worst, scores.rebuilt))
    off = np.nan_to_num(np.abs(x - rebuilt) / np.where(usual > 0, usual, np.inf))
    at = int(off.argmax())
    if not off[at] > 0:
        return ""
    names = data.items.feature_names
    place_ = np.unravel_index(at, data.items.shape)
    called = names[at] if names is not None else f"place {', '.join(str(int(i)) for i in place_)}"
    return f"{called}: {number(float(x[at]), 4)}, rebuilt as {number(float(rebuilt[at]), 4)}"
