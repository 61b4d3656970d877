"""How well the model explains data, and which latent dimensions carry it."""

import numpy as np
from matplotlib.figure import Figure

from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import elbo, evidence
from latlas.report.data._items import part
from latlas.report.drawing._theme import BLUE, ORANGE, Theme, new_figure, themed
from latlas.report.figures._intervals import Row, intervals

MOST_NAMED = 32  # bars that still have room for the number of their dimension


def evidence_rows(data: ReportData) -> list[Row]:
    """ELBO and log evidence, as far as they were measured and are finite."""
    rows = (("ELBO", elbo(data), ORANGE), ("log p(x)", evidence(data), BLUE))
    return [Row(name, value, color) for name, value, color in rows if value is not None]


@themed
def evidence_figure(data: ReportData, theme: Theme) -> Figure:
    """ELBO and importance-weighted log p(x), with one (thick) and two (thin) standard errors."""
    return intervals(evidence_rows(data), theme)


@themed
def kl_figure(data: ReportData, theme: Theme) -> Figure:
    """KL of every latent dimension in nats, largest first, with the threshold above which it is in use."""
    kl = np.nan_to_num(
        np.asarray(part(data.latent, "kl_per_dimension"), dtype=float).ravel(), nan=0.0, posinf=0.0
    )
    order = np.argsort(-kl, kind="stable")
    in_use = data.latent.in_use
    assert in_use is not None  # there is a KL
    kl, active, places = kl[order], in_use[order], np.arange(len(order))
    figure = new_figure(2.7)
    panel = figure.subplots()
    panel.bar(places, kl, min(0.8, 0.1 * max(len(kl), 2)), color=np.where(active, BLUE, theme.muted))
    panel.plot(
        places[~active], np.zeros((~active).sum()), "x", color=theme.muted, markersize=4, clip_on=False
    )
    panel.axhline(data.latent.active_threshold, color=theme.text, linewidth=1, linestyle=":")
    threshold = f"dotted: {data.latent.active_threshold:g} nats, in use above"
    above = {"xycoords": "axes fraction", "ha": "right", "va": "top", "fontsize": 10}
    panel.annotate(threshold, (1, 1), **above)
    panel.set_xlim(-0.7, len(kl) - 0.3)
    panel.set_ylim(0, max(1.08 * kl.max(initial=0.0), 4 * data.latent.active_threshold))
    panel.set_ylabel("KL (nats)")
    if len(kl) <= MOST_NAMED:
        panel.set_xticks(places, [str(place + 1) for place in order], fontsize=10 if len(kl) <= 16 else 7)
        panel.set_xlabel("latent dimension, most informative first")
    else:
        panel.set_xlabel("rank of the latent dimension")
    panel.tick_params(axis="x", length=0)
    panel.grid(axis="y")
    return figure
