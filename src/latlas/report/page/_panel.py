"""What one figure of the page needs: when it can be drawn, and the words that go with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from latlas.report.drawing._theme import FigureFunction

D = TypeVar("D")


def _never(data: Any) -> bool:
    return False


@dataclass(frozen=True)
class Words(Generic[D]):
    """What is said of one figure.

    Attributes:
        title: its heading.
        caption: how to read it, one or two sentences.
        alt: what it shows, for a reader who does not see it.
        missing: how to get it where it is missing.
    """

    title: str
    caption: Callable[[D], str]
    alt: Callable[[D], str]
    missing: str = ""


@dataclass(frozen=True)
class Panel(Generic[D]):
    """One figure of the report.

    Attributes:
        name: its anchor on the page.
        ready: whether the data hold what it shows.
        draw: the figure, of the data and a theme.
        words: its heading, and what is said of it.
        needless: whether another figure says the same of these data; it is then neither drawn nor missed.
        wide: whether it takes the width of the page instead of a column.
    """

    name: str
    ready: Callable[[D], bool]
    draw: FigureFunction[D]
    words: Words[D]
    needless: Callable[[D], bool] = _never
    wide: bool = False
