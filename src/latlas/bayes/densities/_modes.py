"""Where a posterior peaks, from several starts, and the coordinates in which it is round there."""

import enum
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy.special import logsumexp, ndtr

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._lbfgs import minimise, negative_log_prob
from latlas.core import host_rng
from latlas.distributions.families import Affine, Triangular

RADIUS = 2.0  # starts lie within this of the given one, as Stan's do
FAR = (
    18.0,
    60.0,
)  # sds of a mode, in each coordinate, at which later searches begin: others may hide behind it
MAX_ITERATIONS = 1000
MAX_NEWTON_STEPS = 30
MAX_NEWTON_DIM = 500  # beyond it no dense Hessian
DECREMENT = 1e-6  # nats that a Newton step still promises when a mode counts as found
MIN_WEIGHT = 0.01  # share of the mass below which a mode is left out of account
MORE_STARTS = 12
SAME_MODE = 0.5  # sds between two ends of a search that count as one mode


@dataclass(frozen=True)
class Mode:
    """A local maximum of a density.

    Attributes:
        location: `(n,)`.
        log_prob: in nats.
        scale_tril: Cholesky factor of the inverse negative Hessian there.
    """

    location: Float[np.ndarray, " n"]
    log_prob: float
    scale_tril: Float[np.ndarray, "n n"]

    @property
    def log_evidence(self) -> float:
        """Laplace's estimate of the integral around this mode, in nats."""
        n = len(self.location)
        return self.log_prob + np.sum(np.log(np.diagonal(self.scale_tril))) + 0.5 * n * np.log(2.0 * np.pi)

    @property
    def whitening(self) -> Affine:
        """Coordinates in which the density is a standard normal to second order at the mode."""
        return Affine(self.location, Triangular(self.scale_tril))


class Lost(enum.Enum):
    """Why a search ended at no mode."""

    NOT_FINITE = "the log density, its gradient or its Hessian is not finite there"
    SLOPE = "the log density has no curvature there"
    RIDGE = "the negative Hessian is not positive definite there"
    NO_ASCENT = "no Newton step raises the log density"
    TOO_MANY_STEPS = "Newton's method did not arrive"


@dataclass(frozen=True)
class Search:
    """What several starts found.

    Attributes:
        modes: distinct ones, the largest Laplace evidence first; empty where every start ran off or ended on a ridge.
        num_starts: searches begun.
        lost: why some of them ended at no mode.
        left_out: share of the mass, by Laplace's estimates, in modes other than those that are fitted.
        num_from_prior: searches that began at a draw from the prior.
    """

    modes: tuple[Mode, ...]
    num_starts: int
    lost: tuple[Lost, ...]
    left_out: float = 0.0
    num_from_prior: int = 0

    @property
    def num_lost(self) -> int:
        """Searches that ended at no mode."""
        return len(self.lost)

    @property
    def weights(self) -> Float[np.ndarray, " modes"]:
        """Shares of the modes in the mass, by Laplace's estimates."""
        evidences = np.array([mode.log_evidence for mode in self.modes])
        return np.exp(evidences - logsumexp(evidences))


def find_modes(
    key: PRNGKeyArray, density: Density, start: Float[np.ndarray, " n"], *, num_starts: int = 12
) -> Search:
    """Modes by L-BFGS from several starts, each finished by Newton steps with the exact Hessian.

    L-BFGS alone stops in the long valleys of badly scaled posteriors, where the gradient is small in every unit but the
    right one; what a Newton step still promises, in nats, has no unit.

    Args:
        key: for the starts.
        density: in any coordinates; beyond 500 dimensions no search is made, for it needs the Hessian.
        start: the first start. Others are, in turn, draws from the target's prior, where it has one, and uniform within 2
            of the first in each coordinate; the later half begins in pairs on either side of the best mode that was
            found by then, 18 or 60 standard deviations off.
        num_starts: searches.
    """
    if density.dim > MAX_NEWTON_DIM:
        return Search((), 0, ())
    rng = host_rng(key)
    directions = rng.standard_normal((num_starts, len(start)))
    from_prior = _prior_starts(key, density, num_starts)
    modes, lost = [], []
    for number in range(num_starts):
        begin = from_prior[number] if number in from_prior else _begin(directions, number, start, modes)
        end = _newton(density, _ascend(density, begin))
        if isinstance(end, Lost):
            lost.append(end)
        elif not any(_same(end, other) for other in modes):
            modes.append(end)
    modes = tuple(sorted(modes, key=lambda m: -m.log_evidence))
    search = Search(modes, num_starts, tuple(lost), num_from_prior=len(from_prior))
    return replace(search, left_out=float(search.weights[1:].sum())) if modes else search


@dataclass(frozen=True, eq=False)
class LazySearch:
    """A search for modes that begins when somebody asks.

    Attributes:
        key: for the starts.
        density: in any coordinates.
        start: the first start.
        num_starts: searches.
    """

    key: PRNGKeyArray
    density: Density
    start: Float[np.ndarray, " n"]
    num_starts: int

    @cached_property
    def found(self) -> Search:
        """The modes."""
        return find_modes(self.key, self.density, self.start, num_starts=self.num_starts)


def look_again(key: PRNGKeyArray, density: Density, start: Float[np.ndarray, " n"], search: Search) -> Search:
    """Twelve more searches where several modes share the mass, for a fit that takes all of them.

    What these find for the first time is what is likely still missing: it becomes `left_out`.
    """
    more = find_modes(key, density, start, num_starts=MORE_STARTS)
    new = tuple(m for m in more.modes if not any(_same(m, known) for known in search.modes))
    modes = tuple(sorted((*search.modes, *new), key=lambda m: -m.log_evidence))
    from_prior = search.num_from_prior + more.num_from_prior
    everything = Search(
        modes, search.num_starts + MORE_STARTS, search.lost + more.lost, num_from_prior=from_prior
    )
    share = sum(w for w, m in zip(everything.weights, modes, strict=True) if any(m is n for n in new))
    return replace(everything, left_out=float(share))


def _prior_starts(key, density, num_starts):
    """Number of a search -> the draw from the prior at which it begins: every other one of those that begin near."""
    numbers = range(1, (num_starts + 1) // 2, 2)
    # a whitened density is searched around the mode that whitens it
    if not numbers or density.affine is not None or density.bijection is not None:
        return {}
    draws = density.prior_draws(key, len(numbers))
    if draws is None:
        return {}
    usable = np.isfinite(draws).all(axis=1) & np.isfinite(density.value(np.nan_to_num(draws)))
    return {number: draw for number, draw, use in zip(numbers, draws, usable, strict=True) if use}


def _begin(directions, number, start, modes):
    """The given start, then some near it, then as many far out on either side of the best mode so far."""
    half = (len(directions) + 1) // 2
    if number == 0:
        return start
    if number < half or not modes:
        return start + RADIUS * (2.0 * ndtr(directions[number]) - 1.0)
    pair, side = divmod(number - half, 2)
    best = max(modes, key=lambda m: m.log_evidence)
    sign = 1.0 - 2.0 * side  # the two of a pair lie opposite one another
    return best.location + sign * FAR[pair % len(FAR)] * (best.scale_tril @ directions[half + pair])


def _ascend(density, begin):
    found = minimise(
        negative_log_prob(density),
        begin,
        max_iterations=MAX_ITERATIONS,
        max_evaluations=4 * MAX_ITERATIONS,
        change=1e-12,
    )
    return found.x


def _newton(density, w):
    """The mode that Newton's method reaches from `w`, or why there is none."""
    value, grad = (a[0] for a in density.value_and_grad(w[None]))
    for _ in range(MAX_NEWTON_STEPS):
        if not (np.isfinite(value) and np.isfinite(grad).all()):
            return Lost.NOT_FINITE
        precision = -density.hessian(w[None])[0]
        if not np.isfinite(precision).all():
            return Lost.NOT_FINITE
        if not precision.any():
            return Lost.SLOPE
        unit = _units(precision)
        eigenvalues, vectors = np.linalg.eigh(precision * np.outer(unit, unit))
        floor = 1e-14 * np.abs(eigenvalues).max()
        curvature = np.maximum(np.abs(eigenvalues), floor)
        along = vectors.T @ (unit * grad)
        if 0.5 * np.sum(along**2 / curvature) < DECREMENT:
            if eigenvalues[0] <= floor:
                return Lost.RIDGE
            return Mode(w, float(value), _factor_of_inverse(precision))
        step = unit * (vectors @ (along / curvature))
        w, value, grad, moved = _backtrack(density, w, value, grad, step)
        if not moved:
            return Lost.NO_ASCENT
    return Lost.TOO_MANY_STEPS


def _units(precision):
    # scales from 1e-4 to 1e4 make eigenvalues 1e16 apart, which would pass for a ridge in anything but their own units
    diagonal = np.abs(np.diagonal(precision))
    return 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))


def _backtrack(density, w, value, grad, step):
    size = 1.0
    for _ in range(30):
        new_value, new_grad = (a[0] for a in density.value_and_grad((w + size * step)[None]))
        if np.isfinite(new_value) and new_value > value + 1e-4 * size * grad @ step - 1e-9 * abs(value):
            return w + size * step, new_value, new_grad, True
        size *= 0.5
    return w, value, grad, False


def _factor_of_inverse(precision):
    # P = R R^T with R upper triangular, from the Cholesky factor of the reversed matrix; R^-T is lower triangular
    reverse = np.linalg.cholesky(precision[::-1, ::-1])[::-1, ::-1]
    return np.tril(np.linalg.solve(reverse.T, np.eye(len(precision))))


def _same(mode, other):
    apart = np.linalg.solve(other.scale_tril, mode.location - other.location)
    return np.sqrt(np.mean(apart**2)) < SAME_MODE
