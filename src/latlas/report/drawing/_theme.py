"""How every figure looks: colours for a light and a dark page, and nothing of matplotlib's global state.

The palette is Okabe and Ito's, which readers with any colour vision tell apart (Okabe, Ito 2008, "Color
universal design"), and which stands out on white and on near-black alike; so a theme changes only text and
lines.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, YELLOW, GREY = "#e69f00", "#56b4e9", "#f0e442", "#999999"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW)
# viridis, safe for any colour vision, less the ends that a dark or a light page would swallow
SCALE = ListedColormap(colormaps["viridis"](np.linspace(0.25, 0.9, 256)))
WIDTH = 5.2  # inches: text stays readable when a telephone shrinks the figure to 360 pixels

D = TypeVar("D")
D_contra = TypeVar("D_contra", contravariant=True)

_lock = threading.RLock()  # matplotlib's settings are one per process


@dataclass(frozen=True)
class Theme:
    """Colours of text and lines, as `#rrggbb`.

    Attributes:
        text: titles and values.
        muted: axes, ticks and what stands back.
        grid: grid lines.
        surface: the page behind the figure; figures themselves are transparent.
    """

    text: str
    muted: str
    grid: str
    surface: str

    @contextmanager
    def context(self) -> Iterator[None]:
        """Matplotlib's own defaults with this theme, whatever the user's settings; restored on leaving."""
        with _lock, mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_settings(self))
            yield


LIGHT = Theme(text="#1c2128", muted="#59636e", grid="#dde2e8", surface="#fdfdfc")
DARK = Theme(text="#e8ebef", muted="#a3adb8", grid="#343b44", surface="#15191e")


@runtime_checkable
class FigureFunction(Protocol[D_contra]):
    """Draws one figure of a report."""

    def __call__(self, data: D_contra, theme: Theme = LIGHT) -> Figure:
        """The figure, in this theme's colours."""
        ...


def themed(draw: Callable[[D, Theme], Figure]) -> FigureFunction[D]:
    """A figure function that draws under its theme's settings."""

    @functools.wraps(draw)
    def drawn(data: D, theme: Theme = LIGHT) -> Figure:
        with theme.context():
            return draw(data, theme)

    return drawn


def new_figure(
    height: float, width: float = WIDTH, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """An empty transparent figure, inches."""
    return Figure(figsize=(width, height), layout=layout, facecolor="none")


def _settings(theme: Theme) -> dict:
    return {
        "font.size": 11,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.labelsize": 11,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "legend.fontsize": 10,
        "legend.frameon": False,
        "legend.handlelength": 1.4,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "savefig.dpi": 160,
        "text.color": theme.text,
        "axes.labelcolor": theme.text,
        "axes.titlecolor": theme.text,
        "axes.edgecolor": theme.muted,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "axes.formatter.useoffset": False,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "svg.hashsalt": "latlas",  # the same figure is the same bytes
        "svg.fonttype": "path",  # the reader's machine needs no font
    }
