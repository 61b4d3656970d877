"""Both faces of KL: the target with the reverse and the forward fit drawn over it."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latlas.bayes import Faces
from latlas.core import RequestError
from latlas.distributions.families import AbstractApproximation
from latlas.report.drawing._file import picture_path, write_figure
from latlas.report.drawing._theme import BLUE, LIGHT, ORANGE, Theme, new_figure

_REACH = 4.0  # standard deviations of the target on either side
_POINTS_1D, _POINTS_2D = 401, 121
# contours at the height of a Gaussian's at 1, 2 and 3 standard deviations
_LEVELS = np.exp(-0.5 * np.array([3.0, 2.0, 1.0]) ** 2)
_FITS = (("reverse", BLUE, "reverse, KL(q ‖ p)"), ("forward", ORANGE, "forward, KL(p ‖ q)"))


def save_faces(path: str | Path, faces: Faces) -> None:
    """Draws a target of one or two dimensions with both fits.

    In one dimension densities; in two the contours of each, at the heights that a Gaussian has at 1, 2 and 3 standard
    deviations.

    Args:
        path: where to; `.png` or `.svg`.
        faces: what `latlas.bayes.both_faces` found.

    Raises:
        RequestError: for a target of more than two dimensions, or another suffix.
        WorkError: if the file cannot be written; what stood there before is then intact.
    """
    path = picture_path(path)
    if faces.density.dim > 2:
        raise RequestError(
            f"The target has {faces.density.dim} dimensions; the figure of both faces draws one or two."
        )
    with LIGHT.context():
        figure = new_figure(3.6)
        (_draw_curves if faces.density.dim == 1 else _draw_contours)(figure.subplots(), faces, LIGHT)
        _legend(figure, LIGHT)
        write_figure(path, figure)


def _draw_curves(panel: Axes, faces: Faces, theme: Theme) -> None:
    x = _axis(faces, 0, _POINTS_1D)
    target = _heights(faces.density.value(x[:, None]))
    panel.fill_between(x, target / np.trapezoid(target, x), color=theme.grid)
    for name, colour, _ in _FITS:
        log_prob = _log_probs(getattr(faces, name).approximation, x[:, None])
        panel.plot(x, np.exp(log_prob), color=colour)
    panel.set_xlabel("w")
    panel.set_ylabel("density")


def _draw_contours(panel: Axes, faces: Faces, theme: Theme) -> None:
    x, y = _axis(faces, 0, _POINTS_2D), _axis(faces, 1, _POINTS_2D)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    shape = (len(y), len(x))
    heights = _heights(faces.density.value(grid)).reshape(shape)
    panel.contourf(
        x, y, heights, levels=[*_LEVELS, 1.01], colors=[theme.grid, theme.muted, theme.text], alpha=0.45
    )
    for name, colour, _ in _FITS:
        heights = _heights(_log_probs(getattr(faces, name).approximation, grid)).reshape(shape)
        panel.contour(x, y, heights, levels=_LEVELS, colors=colour)
    panel.set_xlabel("$w_1$")
    panel.set_ylabel("$w_2$")
    panel.set_aspect("equal")


def _legend(figure: Figure, theme: Theme) -> None:
    lines = [Line2D([], [], color=theme.grid, linewidth=6, label="target p")]
    lines += [Line2D([], [], color=colour, label=label) for _, colour, label in _FITS]
    figure.legend(handles=lines, loc="outside upper center", ncols=3)


def _axis(faces: Faces, axis: int, num_points: int) -> np.ndarray:
    reach = _REACH * faces.covariance[axis, axis] ** 0.5
    return np.linspace(faces.mean[axis] - reach, faces.mean[axis] + reach, num_points)


def _heights(log_density: np.ndarray) -> np.ndarray:
    finite = np.where(np.isfinite(log_density), log_density, -np.inf)
    return np.exp(finite - finite.max())


def _log_probs(q: AbstractApproximation, points: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(_scored(q, jnp.asarray(points)))


_scored = eqx.filter_jit(lambda q, points: jax.vmap(q.log_prob)(points))
