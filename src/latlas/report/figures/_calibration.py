"""Ranks of true parameters among a fit's draws: flat where fits are right, a U where they are overconfident."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binom

from latlas.bayes import Calibration
from latlas.core import RequestError
from latlas.report.drawing._file import picture_path, write_figure
from latlas.report.drawing._theme import BLUE, LIGHT, VERMILLION, Theme, new_figure

MOST_SHOWN = 12
MEAN_COUNT, MOST_BINS = 8, 20  # simulations a bar, and bars
BAND = 0.99  # of the bars of a right engine lie within the band
COLUMNS = 3


@dataclass(frozen=True)
class _Histogram:
    counts: np.ndarray
    edges: np.ndarray
    low: float
    high: float


def calibration_figure(calibration: Calibration, theme: Theme = LIGHT) -> Figure:
    """A histogram of ranks for each parameter, those that depart most from uniform first, with the band of uniform ones.

    Up to twelve parameters; the band holds 99 % of the bars of an engine that is right. Bars of parameters that fail a test
    are drawn in another colour, and what is wrong stands above them.
    """
    worst = np.min(list(calibration.p_values.values()), axis=0)
    shown = np.argsort(worst, kind="stable")[:MOST_SHOWN]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with theme.context():
        figure = new_figure(0.5 + 1.9 * rows, width=2.2 * columns + 0.6)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for panel, index in zip(panels, shown, strict=False):
            found = _histogram(calibration, index)
            wrong = worst[index] < calibration.limit
            panel.axhspan(found.low, found.high, color=theme.grid, linewidth=0, zorder=0)
            panel.axhline(len(calibration.ranks) / len(found.counts), color=theme.muted, linewidth=0.8)
            panel.stairs(
                found.counts, found.edges, fill=True, color=VERMILLION if wrong else BLUE, alpha=0.85
            )
            panel.set_title(f"{calibration.names[index]}: {_word(calibration, index)}", fontsize=10)
            panel.set_xlim(0, calibration.num_draws + 1)
        for panel in panels[len(shown) :]:
            panel.set_visible(False)
        for panel in panels[len(shown) - columns : len(shown)]:
            panel.tick_params(labelbottom=True)
        figure.supxlabel("draws below the truth", fontsize=11)
        figure.supylabel("simulations", fontsize=11)
    return figure


def save_calibration(path: str | Path, calibration: Calibration) -> None:
    """Writes the histograms of a calibration as one picture; the same calibration is the same bytes.

    Args:
        path: where to; `.png` or `.svg`.
        calibration: of `latlas.bayes.simulation_based_calibration`.

    Raises:
        RequestError: if it holds no simulation, or the suffix is another.
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    path = picture_path(path)
    if not len(calibration.ranks):
        raise RequestError(
            f"The calibration holds no simulation, so that there is nothing to put into {path}."
        )
    write_figure(path, calibration_figure(calibration))


def _histogram(calibration, index):
    values, cells = calibration.ranks[:, index], calibration.num_draws + 1
    wanted = min(max(len(values) // MEAN_COUNT, 4), MOST_BINS, cells)
    bins = max(count for count in range(1, wanted + 1) if cells % count == 0)  # bars of equally many ranks
    if bins < 4:
        bins = wanted
    edges = np.round(np.linspace(0, cells, bins + 1))
    counts = np.histogram(values, edges)[0]
    low, high = binom.interval(BAND, len(values), 1 / bins)
    return _Histogram(counts, edges, low, high)


def _word(calibration, index):
    failed = {name for name, values in calibration.p_values.items() if values[index] < calibration.limit}
    words = []
    if "bias" in failed:
        words.append("too low" if calibration.bias[index] > 0 else "too high")
    if "dispersion" in failed:
        words.append("overconfident" if calibration.dispersion[index] > 1 else "too wide")
    if failed and not words:
        words.append("wrong shape")
    return ", ".join(words) or "uniform"
