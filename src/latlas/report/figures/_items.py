"""Figures of items, each kind in its own way."""

from matplotlib.figure import Figure

from latlas.report.data._data import ReportData
from latlas.report.data._items import kind_of
from latlas.report.drawing._theme import Theme, themed
from latlas.report.figures import _images, _series, _table

_DRAWERS = {"image": _images, "series": _series, "table": _table}


@themed
def samples_figure(data: ReportData, theme: Theme) -> Figure:
    """Items drawn from the model."""
    return _DRAWERS[kind_of(data.items)].draw_samples(data, theme)


@themed
def reconstructions_figure(data: ReportData, theme: Theme) -> Figure:
    """Held-out originals and what the model makes of their codes."""
    return _DRAWERS[kind_of(data.items)].draw_reconstructions(data, theme)


@themed
def prototype_figure(data: ReportData, theme: Theme) -> Figure:
    """The item decoded from the middle of the prior."""
    return _DRAWERS[kind_of(data.items)].draw_prototype(data, theme)


@themed
def interpolation_figure(data: ReportData, theme: Theme) -> Figure:
    """Items decoded on the way from one code to another."""
    return _DRAWERS[kind_of(data.items)].draw_interpolation(data, theme)
