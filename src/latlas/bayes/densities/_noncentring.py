"""Automatic non-centring, read off the curvature of any log density.

In a funnel, one coordinate (a log scale) sets the width of others. Their conditional precision then changes with that
coordinate by a constant factor per unit: the log of a pivot of -Hessian is linear in it. So pivots at 128 draws
tell which coordinates are scales of which others, and how strongly; that is what a statistician reads off the model when
centring or non-centring it, found here without a model, and in between where the data make it in between.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from latlas.bayes.densities._density import Density
from latlas.core import host_rng
from latlas.distributions.families import AbstractBijection, Affine, Diagonal

NUM_DRAWS = 128
_MIN_SLOPE = 0.25  # change of a log precision per standard deviation of the scale that counts
_MIN_TOTAL = 0.5  # or root of the sum of its squares over all children: N of them leave their scale a width of 1 / sqrt(2 N)
_MIN_FIT = 0.5  # R^2 of that regression
_FEW = 4  # coordinates of a regression that has too few draws for all of them
_DEEP = 3.0  # sds of a scale: where its funnel has its neck, if within the posterior at all
_COUPLED = 0.02  # partial correlation that counts when the order of elimination is chosen


class NonCentring(AbstractBijection):
    r"""$u_P = w_P,\; u_R = c + M (e^{S (w_P - p)} \odot w_R)$: children R in units of scales that depend on parents P.

    Attributes:
        parents: coordinates that set scales.
        children: the others, in the order of elimination.
        pivot: p, where the scales are one.
        centre: c.
        mixing: M, upper triangular with ones on the diagonal: how children follow those eliminated after them.
        slopes: S, log scale of each child per unit of each parent.
    """

    parents: Int[np.ndarray, " parents"]
    children: Int[np.ndarray, " children"]
    pivot: Float[Array | np.ndarray, " parents"]
    centre: Float[Array | np.ndarray, " children"]
    mixing: Float[Array | np.ndarray, "children children"]
    slopes: Float[Array | np.ndarray, "children parents"]

    @property
    def origin(self) -> Float[np.ndarray, " n"]:
        """The w where scales are one and children at their centre."""
        w = np.zeros(len(self.parents) + len(self.children))
        w[self.parents] = self.pivot
        return w

    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """u at `w`."""
        offset = self.mixing @ (jnp.exp(self._log_scale(w)) * w[self.children])
        return w.at[self.children].set(self.centre + offset)

    def inverse_and_log_det(self, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], Scalar]:
        """By one linear solve; the parents, which set the scales, are the same in w."""
        scaled = jnp.linalg.solve(self.mixing, u[self.children] - self.centre)
        log_scale = self._log_scale(u)
        return u.at[self.children].set(scaled * jnp.exp(-log_scale)), -jnp.sum(log_scale)

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """Sum of the children's log scales."""
        return jnp.sum(self._log_scale(w))

    def _log_scale(self, w):
        return self.slopes @ (w[self.parents] - self.pivot)


def find_non_centring(key: PRNGKeyArray, density: Density, guess: Affine) -> NonCentring | None:
    """Coordinates in which the density's curvature no longer changes with its scales; None where there is nothing to do.

    Args:
        key: for the draws at which the Hessian is taken.
        density: in its own unconstrained coordinates.
        guess: a diagonal normal about the posterior.
    """
    loc, scale = np.asarray(guess.loc), np.asarray(guess.factor.diagonal)
    noise = host_rng(key).standard_normal((NUM_DRAWS, len(loc)))
    precision = -density.hessian(loc + scale * noise)
    usable = np.isfinite(precision).all(axis=(1, 2))
    if usable.sum() < min(2 * len(loc) + 2, NUM_DRAWS // 2):
        return None
    noise, precision = noise[usable], precision[usable]
    effect = _log_slopes(np.einsum("bii->bi", precision), noise)
    np.fill_diagonal(effect, 0.0)
    one, all_together = np.abs(effect).max(axis=0), np.linalg.norm(effect, axis=0)
    parents = np.flatnonzero((one > _MIN_SLOPE) | (all_together > _MIN_TOTAL))
    if len(parents) in (0, len(loc)):
        return None
    children = _elimination_order(
        np.abs(precision.mean(0)), [i for i in range(len(loc)) if i not in set(parents)]
    )
    pivots, follows = _eliminate(precision[:, children][:, :, children])
    slopes = -0.5 * _log_slopes(pivots, noise)[:, parents] / scale[parents]
    mixing = np.linalg.inv(np.eye(len(children)) - np.median(follows, axis=0))
    return NonCentring(parents, children, loc[parents], loc[children], mixing, slopes)


def look_into_neck(
    key: PRNGKeyArray, density: Density, bijection: NonCentring, guess: Affine, spread: Affine
) -> NonCentring:
    """The bijection read off where the children are narrow, three standard deviations of their scales below the middle.

    Data flatten the dependence where a scale is large. In the neck, where a funnel is hard, only the prior speaks; what is
    right there leaves no neck behind.

    Args:
        key: for the draws.
        density: in its own unconstrained coordinates.
        bijection: found about `guess`.
        guess: a diagonal normal about the posterior, in those coordinates.
        spread: the same in the coordinates of `bijection`: it knows how far the scales range.

    Returns:
        The new bijection; the given one where nothing is found.
    """
    centre, sd = np.array(guess.loc), np.array(guess.factor.diagonal)
    ranges = np.asarray(spread.factor.diagonal)[bijection.parents]
    shift = -_DEEP * np.sign(bijection.slopes.sum(axis=0)) * ranges
    centre[bijection.parents] = np.asarray(spread.loc)[bijection.parents] + shift
    sd[bijection.parents] = 0.5 * ranges
    sd[bijection.children] *= np.exp(bijection.slopes @ shift)
    found = find_non_centring(key, density, Affine(centre, Diagonal(sd)))
    return bijection if found is None or set(found.parents) != set(bijection.parents) else found


def _log_slopes(precisions, noise):
    """Change of each log precision per standard deviation of each coordinate; 0 where a line does not fit."""
    slopes = np.zeros((precisions.shape[1], noise.shape[1]))
    for i, column in enumerate(precisions.T):
        positive = column > 0
        if positive.mean() < 0.95:
            continue
        y = np.log(column[positive])
        coefficients, left = _regression(noise[positive], y)
        total = np.sum((y - y.mean()) ** 2)
        if total > 1e-12 and left < (1.0 - _MIN_FIT) * total:
            slopes[i] = coefficients
    return slopes


def _regression(x, y):
    """Coefficients of `y` on the columns of `x`, and the sum of squares that is left.

    Where there are fewer than two draws a column, on the few that explain most, chosen one after another: a width is set
    by one scale or two, and a line through many columns would fit anything.
    """
    chosen = list(range(x.shape[1]))
    if len(y) < 2 * x.shape[1] + 2:
        chosen, residual = [], y - y.mean()
        for _ in range(_FEW):
            explains = np.abs(residual @ (x - x.mean(0))) / x.std(0)
            explains[chosen] = -1.0
            chosen.append(int(np.argmax(explains)))
            residual = _least_squares(x[:, chosen], y)[1]
    coefficients = np.zeros(x.shape[1])
    coefficients[chosen], residual = _least_squares(x[:, chosen], y)
    return coefficients, np.sum(residual**2)


def _least_squares(x, y):
    design = np.column_stack([np.ones(len(x)), x])
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    return coefficients[1:], y - design @ coefficients


def _elimination_order(precision, candidates):
    """Fewest couplings first, as in sparse factorisations: leaves before the hubs they hang on."""
    diagonal = np.sqrt(np.diagonal(precision))
    coupled = precision > _COUPLED * np.outer(diagonal, diagonal)
    left, order = list(candidates), []
    while left:
        degrees = coupled[np.ix_(left, left)].sum(axis=1) - coupled[left, left]
        chosen = left.pop(int(np.argmin(degrees)))
        neighbours = [j for j in left if coupled[chosen, j]]
        coupled[np.ix_(neighbours, neighbours)] = True
        order.append(chosen)
    return np.array(order)


def _eliminate(precision):
    """Pivots, and how each coordinate's conditional mean follows those eliminated later."""
    schur = precision.copy()
    n = schur.shape[1]
    pivots, follows = np.zeros((len(schur), n)), np.zeros((len(schur), n, n))
    for k in range(n):
        pivots[:, k] = schur[:, k, k]
        with np.errstate(divide="ignore", invalid="ignore"):
            follows[:, k, k + 1 :] = np.nan_to_num(-schur[:, k, k + 1 :] / schur[:, k, k][:, None])
        # few are coupled: members of a group are independent given what they share
        coupled = k + 1 + np.flatnonzero(schur[:, k, k + 1 :].any(axis=0))
        block = np.ix_(np.arange(len(schur)), coupled, coupled)
        schur[block] += schur[:, coupled, k][:, :, None] * follows[:, k, coupled][:, None, :]
    return pivots, follows
