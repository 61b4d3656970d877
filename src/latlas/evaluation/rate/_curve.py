"""The rate-distortion curve of a path of betas: what a nat of information in the latent buys."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray, PyTree

from latlas.core import Example, Progress, RequestError, in_float32
from latlas.evaluation.evidence._elbo import elbo_terms, mean_estimate
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples

Betas = Sequence[float] | Float[np.ndarray, " betas"]

# nats of a dimension below which it tells nothing of its example; a report's `LatentMap.active_threshold` is the same
PRUNED_BELOW = 0.01


@dataclass(frozen=True)
class RateDistortionCurve:
    r"""Rate and distortion of one model per beta, in nats per example (Alemi et al. 2018, arXiv:1711.00464).

    Each model minimises distortion + beta * rate, so that a model at its optimum touches the curve D(R) where its slope is
    -beta: beta is the price of a nat of rate, paid in nats of distortion.

    Attributes:
        betas: positive and rising.
        rate: mean of KL(q(z | x) || p(z)).
        distortion: mean of -E_q[log p(x | z)].
        elbo: their negative sum: the bound on log p(x), highest near beta = 1.
        rate_standard_error: of the mean over the examples.
        distortion_standard_error: of the mean over the examples.
        elbo_standard_error: of the mean over the examples.
        kl_per_dimension: the rate of each latent dimension, or `None` where q and p do not factorise over them.
    """

    betas: Float[np.ndarray, " betas"]
    rate: Float[np.ndarray, " betas"]
    distortion: Float[np.ndarray, " betas"]
    elbo: Float[np.ndarray, " betas"]
    rate_standard_error: Float[np.ndarray, " betas"]
    distortion_standard_error: Float[np.ndarray, " betas"]
    elbo_standard_error: Float[np.ndarray, " betas"]
    kl_per_dimension: Float[np.ndarray, "betas latent"] | None = None

    def __post_init__(self) -> None:
        """Brings all to float64 and refuses betas that are no path."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, np.asarray(value, np.float64))
        checked_betas(self.betas)
        if (
            len(
                {
                    len(getattr(self, field.name))
                    for field in fields(self)
                    if getattr(self, field.name) is not None
                }
            )
            > 1
        ):
            raise ValueError("A curve takes as many values of each quantity as there are betas.")

    def hull(self) -> Int[np.ndarray, " points"]:
        """The points on the lower convex hull in the plane of rate and distortion, in the order of rising rate.

        No mixture of two of the models trades better than these: what lies above the hull was fitted badly, or its
        price buys nothing that its neighbours' do not. The hull ends at the lowest distortion; points that are not
        finite are left out.
        """
        points = np.stack([self.rate, self.distortion], axis=1)
        order = [i for i in np.lexsort((self.distortion, self.rate)) if np.all(np.isfinite(points[i]))]
        kept: list[int] = []
        for i in order:
            if kept and self.distortion[i] >= self.distortion[kept[-1]]:
                continue  # more rate and no less distortion
            while len(kept) > 1 and _turn(*points[[kept[-2], kept[-1], i]]) <= 0:
                kept.pop()
            kept.append(i)
        return np.array(kept, dtype=int)

    @property
    def on_hull(self) -> Bool[np.ndarray, " betas"]:
        """Whether each point is on the hull."""
        return np.isin(np.arange(len(self.betas)), self.hull())

    def is_monotone(self, standard_errors: float = 3.0) -> bool:
        """Whether no rate rises and no distortion falls with beta by more than so many standard errors.

        At the optimum both hold exactly. The error is that of the difference of two means taken as independent; those
        of one path share their examples and draws, so that it is rather too large.

        Args:
            standard_errors: how much noise is forgiven at each step.
        """

        def falls(values, errors):
            noise = np.hypot(errors[1:], errors[:-1])
            return bool(np.all(np.diff(values) <= standard_errors * noise))

        return falls(self.rate, self.rate_standard_error) and falls(
            -self.distortion, self.distortion_standard_error
        )

    def active_units(self, threshold: float = PRUNED_BELOW) -> Int[np.ndarray, " betas"]:
        """Number of latent dimensions with at least so many nats, at each beta.

        Args:
            threshold: nats below which a dimension is dead.

        Raises:
            ValueError: if the rate is not known per dimension.
        """
        return np.sum(self._ranked() >= threshold, axis=1)

    def pruned_at(self, threshold: float = PRUNED_BELOW) -> Float[np.ndarray, " latent"]:
        """For each dimension the smallest beta from which on it is dead; infinite for those that never die.

        Dimensions of different models are matched by their rank, the most informative first, since their numbering is
        arbitrary. It is the information bottleneck's pruning: as the price rises, the dimension that is worth the
        least is given up first. A linear-Gaussian model gives up dimension j at beta = eigenvalue_j / noise variance
        (see `gaussian_rate_distortion`).

        Args:
            threshold: nats below which a dimension is dead.

        Raises:
            ValueError: if the rate is not known per dimension.
        """
        dead = self._ranked() < threshold
        from_here_on = np.flip(np.cumprod(np.flip(dead, axis=0), axis=0), axis=0).astype(bool)
        first = np.argmax(from_here_on, axis=0)
        return np.where(from_here_on[-1], self.betas[first], np.inf)

    def beta_for(self, *, rate: float | None = None, distortion: float | None = None) -> float:
        """The beta that is to be asked for a target, by interpolation of log(beta) along the hull.

        Args:
            rate: nats per example that the latent is to hold; or give
            distortion: nats per example that may be lost.

        Raises:
            RequestError: if not exactly one target is given, or it lies outside the curve.
        """
        targets = {"rate": rate, "distortion": distortion}
        given = [(name, target) for name, target in targets.items() if target is not None]
        if len(given) != 1:
            raise RequestError("A target is one number: give either rate or distortion, and not both.")
        name, target = given[0]
        hull = self.hull()
        if len(hull) == 0:
            raise RequestError(
                "No point of the curve is finite, so that it leads to no beta: fit the path again."
            )
        values = getattr(self, name)[hull]
        low, high = float(values.min()), float(values.max())
        if not low <= target <= high:
            wider = "smaller" if (target > high) == (name == "rate") else "larger"
            raise RequestError(
                f"The {name} {target:g} lies outside the curve, whose hull goes from {low:.4g} to {high:.4g} nats: "
                f"choose a target between them, or fit the path with {wider} betas too."
            )
        order = np.argsort(values)
        return float(np.exp(np.interp(target, values[order], np.log(self.betas[hull][order]))))

    def to_dict(self) -> dict[str, Any]:
        """Lists and plain numbers, ready for JSON, with `on_hull`; what is not finite is `None`."""
        values = {name: _plain(value) for name, value in asdict(self).items()}
        return values | {"on_hull": self.on_hull.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RateDistortionCurve":
        """The inverse of `to_dict`; `None` among numbers becomes nan.

        Raises:
            ValueError: if a column is missing, or the columns differ in length.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names[:-1] if values.get(name) is None]
        if missing:
            raise ValueError(
                f"A curve has the columns {', '.join(names[:-1])}; {', '.join(missing)} did not come."
            )
        columns = {name: np.array(values[name], np.float64) for name in names[:-1]}
        kl = values.get(names[-1])
        return cls(**columns, kl_per_dimension=None if kl is None else np.array(kl, np.float64))

    def _ranked(self) -> Float[np.ndarray, "betas latent"]:
        if self.kl_per_dimension is None:
            raise ValueError(
                "The rate of this path is not known per dimension: its posterior or prior does not factorise."
            )
        return np.flip(np.sort(self.kl_per_dimension, axis=1), axis=1)


def checked_betas(betas: Betas) -> Float[np.ndarray, " betas"]:
    """Betas as an array.

    Raises:
        RequestError: if there is none, or they are not positive, finite and rising.
    """
    values = np.asarray(betas, np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise RequestError(f"A path needs at least one beta, in one list; got the shape {np.shape(betas)}.")
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise RequestError(f"A path takes positive betas; got {', '.join(f'{b:g}' for b in values)}.")
    if np.any(np.diff(values) <= 0):
        raise RequestError(
            f"A path takes each beta once, in rising order; got {', '.join(f'{b:g}' for b in values)}."
        )
    return values


@in_float32
def rate_distortion_curve(
    key: PRNGKeyArray,
    models: PyTree,
    betas: Betas,
    batch: Example,
    *,
    num_samples: int = 100,
    chunk_size: int = 500,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> RateDistortionCurve:
    """The curve of a path of models, all of them measured on the same examples in one compiled program.

    Args:
        key: draws the latents; all models see the same noise, so that they differ by their parameters alone.
        models: one latent-variable model per beta, as one pytree whose arrays have a leading axis, as
            `Trainer.fit_many` returns it.
        betas: positive and rising, in the order of the models.
        batch: examples with a leading axis; held-out ones, for a curve that means something.
        num_samples: draws of z per example and model.
        chunk_size: draws decoded at once, over all models; memory grows with it.
        prepare: as in `elbo`.
        progress: as in `elbo`.

    Raises:
        RequestError: if the betas are not positive and rising, or not as many as there are models.
        ValueError: if a count is below one, or there are no examples.
    """
    betas = checked_betas(betas)
    lengths = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(models) if eqx.is_array(leaf)}
    if lengths != {len(betas)}:
        raise RequestError(
            f"A path has one model per beta; got {len(betas)} betas, and leading axes of {sorted(lengths)} models."
        )
    sampling = Sampling(num_samples, max(1, chunk_size // len(betas)))
    terms = map_examples(_MeasurePath(sampling), key, models, batch, sampling, prepare, progress)
    rate, distortion, elbo = (
        [mean_estimate(column) for column in values.T]
        for values in (terms.rate, terms.distortion, -(terms.rate + terms.distortion))
    )
    per_dimension = terms.kl_per_dimension
    return RateDistortionCurve(
        betas=betas,
        rate=np.array([estimate.value for estimate in rate]),
        distortion=np.array([estimate.value for estimate in distortion]),
        elbo=np.array([estimate.value for estimate in elbo]),
        rate_standard_error=np.array([estimate.standard_error for estimate in rate]),
        distortion_standard_error=np.array([estimate.standard_error for estimate in distortion]),
        elbo_standard_error=np.array([estimate.standard_error for estimate in elbo]),
        kl_per_dimension=None
        if per_dimension is None
        else np.asarray(np.mean(per_dimension, axis=0, dtype=np.float64)),
    )


class _MeasurePath(eqx.Module):
    sampling: Sampling

    def __call__(self, key, models, example):
        def measured(model):
            q, p = model.posterior(example), model.prior(example.condition)
            return elbo_terms(q, p, self.sampling.terms(key, model, example, q))

        return eqx.filter_vmap(measured)(models)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Positive where the way from a over b to c turns to the left: b then lies below the line from a to c."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _plain(value: np.ndarray | None) -> list | None:
    if value is None:
        return None
    plain = value.astype(object)
    plain[~np.isfinite(value)] = None
    return plain.tolist()


def gaussian_rate_distortion(
    betas: Betas,
    eigenvalues: Float[np.ndarray, " features"] | Sequence[float],
    noise_scale: float,
    latent_dim: int | None = None,
) -> RateDistortionCurve:
    r"""The best that any linear-Gaussian model reaches at each beta: reverse water-filling.

    With x | z ~ N(W z + loc, s^2 I), z ~ N(0, I), fixed s, and data whose covariance has the eigenvalues lambda_j, the
    minimum of distortion + beta * rate over W, loc and all Gaussian q(z | x) is
    $R = \sum_j \tfrac12 \log^+ \frac{\lambda_j}{\beta s^2}$ and
    $D = \tfrac{n}{2} \log 2 \pi s^2 + \sum_j \frac{\min(\lambda_j, \beta s^2)}{2 s^2}$,
    the sum of R and the minimum over the `latent_dim` largest eigenvalues (beyond them the minimum is lambda_j).
    Dimension j carries information as long as beta < lambda_j / s^2 and is dead from there on.

    Args:
        betas: positive and rising.
        eigenvalues: of the covariance of the data, all of them, in any order.
        noise_scale: s, the standard deviation of the noise.
        latent_dim: number of latent dimensions; by default as many as features.

    Returns:
        The curve, with standard errors of zero and the dimensions in the order of falling eigenvalues.

    References:
        Tipping and Bishop 1999 (the optimum at beta = 1); Cover and Thomas 2006, section 10.3.3 (reverse
        water-filling); Lucas et al. 2019, arXiv:1911.02469 (a linear VAE reaches it).
    """
    betas = checked_betas(betas)
    spread = np.sort(np.asarray(eigenvalues, np.float64))[::-1]
    latent_dim = len(spread) if latent_dim is None else latent_dim
    variance = float(noise_scale) ** 2
    level = betas[:, None] * variance
    kept, lost = spread[None, :latent_dim], spread[latent_dim:]
    kl = 0.5 * np.log(np.maximum(kept / level, 1.0))
    remaining = np.sum(np.minimum(kept, level), axis=1) + np.sum(lost)
    rate = np.sum(kl, axis=1)
    distortion = 0.5 * len(spread) * math.log(2 * math.pi * variance) + remaining / (2 * variance)
    nothing = np.zeros_like(betas)
    return RateDistortionCurve(betas, rate, distortion, -(rate + distortion), nothing, nothing, nothing, kl)
