"""Draws far beyond a fit's own, at all scales, weighted by how much of the posterior each of them stands for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solve_triangular
from scipy.special import gammainc, gammaln, logsumexp
from scipy.stats import chi2

from latlas.bayes.densities._density import Density
from latlas.bayes.targets._coordinates import judged_parameters
from latlas.bayes.verdict._importance import smoothed
from latlas.bayes.verdict._tails import tail_shapes
from latlas.core import PARETO_K_LIMIT

SMALL_SHAPE = 0.4  # of the tail beyond all draws: at 0.5 there is no sd, and from here on 4,000 draws often miss a fifth
_NUM_DRAWS = 8192
_WIDEST = 300.0  # times the width of the fit's draws
_NARROW, _WIDE = (
    0.25,
    0.375,
)  # of the draws: as wide as the fit's, and wide in all directions; the others in one
_ONE_BY_ONE = 4  # coordinates that are widened alone
_MIN_EFFECTIVE = 100.0
_BEYOND = 0.1  # of the fit's draws: the distance that holds the others is stepped outwards from
_STEP = 3.0
_SEEN = 1e-4  # of the mass beyond one step: less is in none of 4,000 draws, and no matter of theirs
_MAX_ERROR = 0.04  # of a shape
_REACH = 20  # draws that are three times as far out, or too much of the tail is beyond them all


@dataclass(frozen=True)
class WideDraws:
    """Draws of normals once to three hundred times as wide as the middle of a fit's draws, weighted.

    Attributes:
        values: of the parameters that are judged.
        radii: in the units of the fit's draws, a unit normal's where they are normal.
        own_radii: of the fit's draws, in the same units.
        log_ratios: log p~ - log q, in nats up to a constant; -inf where there is no density.
    """

    values: Float[np.ndarray, "draws m"]
    radii: Float[np.ndarray, " draws"]
    own_radii: Float[np.ndarray, " others"]
    log_ratios: Float[np.ndarray, " draws"]

    @property
    def weights(self) -> Float[np.ndarray, " draws"]:
        """Normalised."""
        return np.exp(self.log_ratios - logsumexp(self.log_ratios))

    @property
    def usable(self) -> bool:
        """Whether means over all of them can be trusted."""
        worth = 1.0 / np.sum(self.weights**2)
        return bool(worth > _MIN_EFFECTIVE and smoothed(self.log_ratios)[1] < PARETO_K_LIMIT)

    def mass(self, where: Bool[np.ndarray, " draws"]) -> tuple[float, float]:
        """The share of the posterior there, and its standard error."""
        weights = self.weights
        share = weights @ where
        return float(share), float(np.sqrt(np.sum(weights**2 * (where - share) ** 2)))

    def tail_shapes(
        self, values: Float[np.ndarray, "others m"]
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Shape of each parameter's tail far out, log 3 / log(P(c) / P(3 c)), with its standard error.

        c is three or nine times the distance from the median beyond which a tenth of the given draws lie: the farther of
        them beyond which there is enough mass to matter and enough draws to tell. A tail like x^-a has shape 1/a; short of
        its limit a shape is rather too large. The density itself says this, whether or not a chain ever went there.
        Neither number depends on how well the weights are normalised. nan where no distance tells it.
        """
        median = np.median(values, axis=0)
        distances, weights = np.abs(self.values - median), self.weights
        near = np.quantile(np.abs(values - median), 1.0 - _BEYOND, axis=0)
        beyond = [distances > step * near for step in (_STEP, _STEP**2, _STEP**3)]
        masses = [weights @ far for far in beyond]
        shapes, errors = np.full(len(near), np.nan), np.full(len(near), np.nan)
        with np.errstate(all="ignore"):  # a mass of none, an infinite ratio
            noise = [np.sqrt(weights**2 @ far) / mass for far, mass in zip(beyond, masses, strict=True)]
            for i in range(len(masses) - 1):
                shape = np.log(_STEP) / np.log(masses[i] / masses[i + 1])
                error = shape**2 / np.log(_STEP) * np.hypot(noise[i], noise[i + 1])
                # a heavy tail is told by fewer draws: it need not be told how heavy
                told = (error < _MAX_ERROR) | (shape - 3.0 * error > SMALL_SHAPE)
                known = (
                    (masses[i] > _SEEN)
                    & told
                    & (np.sum(distances > _STEP ** (i + 3) * near, axis=0) > _REACH)
                )
                shapes, errors = np.where(known, shape, shapes), np.where(known, error, errors)
        return shapes, errors


def wide_draws(
    rng: np.random.Generator, density: Density, draws: Float[np.ndarray, "draws n"]
) -> WideDraws | None:
    """Draws around those given, at every scale; None where these span no volume or no draw has a density.

    z = eps, normal, for a quarter of them, so that a normal posterior is met in any dimension. z = s eps with log s uniform
    between 0 and log 300 for three eighths, whose density falls as |z|^-n: weights of a posterior that is heavy in all
    directions at once are bounded. For the others only the direction of one coordinate is widened so, one of those with the
    heaviest tails: they are for a heavy coordinate among light ones. Weights are by the density of the mixture. The unit of
    z is that of the middle of the draws, since a far draw makes a covariance as wide as it likes.
    """
    loc, covariance = draws.mean(0), np.atleast_2d(np.cov(draws.T))
    dim = len(loc)
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    own = np.linalg.norm(solve_triangular(factor, (draws - loc).T, lower=True), axis=0)
    middle = np.median(own) / np.sqrt(chi2.median(dim))
    heaviest = np.argsort(-tail_shapes(np.abs(draws - loc)))[:_ONE_BY_ONE]
    # row i of the factor is the direction in which coordinate i varies and the others follow by regression
    directions = factor[heaviest] / np.linalg.norm(factor[heaviest], axis=1, keepdims=True)
    z = _mixture(rng, directions, dim)
    w = loc + middle * z @ factor.T
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratios = density.value(w) - _log_density(z, directions)
    log_ratios = np.where(np.isfinite(log_ratios), log_ratios, -np.inf)
    if not np.isfinite(log_ratios).any():
        return None
    return WideDraws(
        judged_parameters(density.target, w), np.linalg.norm(z, axis=1), own / middle, log_ratios
    )


def _mixture(rng, directions, dim):
    eps = rng.standard_normal((_NUM_DRAWS, dim))
    scales = np.exp(rng.uniform(0.0, np.log(_WIDEST), _NUM_DRAWS))[:, None]
    narrow, wide = int(_NARROW * _NUM_DRAWS), int(_WIDE * _NUM_DRAWS)
    z = eps.copy()
    z[narrow : narrow + wide] *= scales[narrow : narrow + wide]
    rest = slice(narrow + wide, None)
    one = directions[np.arange(_NUM_DRAWS - narrow - wide) % len(directions)]
    z[rest] += (scales[rest] - 1.0) * np.sum(one * eps[rest], axis=1, keepdims=True) * one
    return z


def _log_density(z, directions):
    """Of the mixture, in nats."""
    half = 0.5 * np.sum(z**2, axis=1)
    normal = -half - 0.5 * z.shape[1] * np.log(2.0 * np.pi)
    along = z @ directions.T
    one = _log_of_all_scales(0.5 * along**2, 1) - (-0.5 * along**2 - 0.5 * np.log(2.0 * np.pi))
    parts = (
        np.log(_NARROW) + normal,
        np.log(_WIDE) + _log_of_all_scales(half, z.shape[1]),
        np.log1p(-_NARROW - _WIDE) + normal + logsumexp(one, axis=1) - np.log(len(directions)),
    )
    return logsumexp(parts, axis=0)


def _log_of_all_scales(half, dim):
    """log of the density of s eps by half its squared norm: its integral over log s is a difference of two gamma laws."""
    within = gammainc(0.5 * dim, half) - gammainc(0.5 * dim, half / _WIDEST**2)
    constant = gammaln(0.5 * dim) - np.log(2.0 * np.log(_WIDEST)) - 0.5 * dim * np.log(2.0 * np.pi)
    return constant + np.log(within) - 0.5 * dim * np.log(half)
