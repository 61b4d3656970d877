"""What one figure of the page needs: when it can be drawn, and the words that go with it."""

from collections.abc import Callable
from dataclasses import dataclass

from latlas.report._data import ReportData
from latlas.report._theme import FigureFunction


def _never(data: ReportData) -> bool:
    return False


@dataclass(frozen=True)
class Panel:
    """One figure of the report.

    Attributes:
        name: its anchor on the page.
        title: its heading.
        ready: whether the data hold what it shows.
        draw: the figure, of the data and a theme.
        caption: how to read it, one or two sentences.
        alt: what it shows, for a reader who does not see it.
        missing: how to get it where it is missing.
        needless: whether another figure says the same of these data; it is then neither drawn nor missed.
    """

    name: str
    title: str
    ready: Callable[[ReportData], bool]
    draw: FigureFunction
    caption: Callable[[ReportData], str]
    alt: Callable[[ReportData], str]
    missing: str
    needless: Callable[[ReportData], bool] = _never
