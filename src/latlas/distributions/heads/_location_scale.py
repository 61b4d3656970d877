"""Location-scale heads on the real line: Gaussian, Laplace, Student-t. Each takes its scale as an object."""

import math

import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Scalar

from latlas.distributions.heads._degrees import AbstractDegrees, FixedDegrees
from latlas.distributions.heads._head import AbstractHead, masked_sum
from latlas.distributions.heads._scale import AbstractScale, LearnedScale
from latlas.distributions.heads._shapes import checked_params


class Gaussian(AbstractHead):
    """Independent normal entries.

    >>> import jax.numpy as jnp
    >>> from latlas.distributions import FixedScale
    >>> round(float(Gaussian(scale=FixedScale(0.5)).log_prob(jnp.zeros(1), jnp.zeros(1))), 4)
    -0.2258

    Attributes:
        scale: `FixedScale(0.1)`, `LearnedScale()`, `LearnedScale(x.shape)` or `PredictedScale()`.
    """

    scale: AbstractScale

    def __init__(self, scale: AbstractScale | None = None) -> None:
        """By default one learned scale, shared by all entries."""
        self.scale = LearnedScale() if scale is None else scale

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x`; with a predicted scale a last axis of two besides."""
        return self.scale.param_shape(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of -(x - loc)^2 / 2 scale^2 - log(scale sqrt(2 pi)), in nats."""
        loc, scale = self.scale.loc_and_scale(checked_params(self, params, x))

        def log_prob(x: Array) -> Array:
            return (
                -0.5 * ((x.astype(loc.dtype) - loc) / scale) ** 2
                - jnp.log(scale)
                - 0.5 * math.log(2 * math.pi)
            )

        return masked_sum(log_prob, x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """One draw of `x`."""
        loc, scale = self.scale.loc_and_scale(params)
        return loc + scale * jr.normal(key, loc.shape, loc.dtype)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """The location."""
        return self.scale.loc_and_scale(params)[0]

    def distribution(self, params: Float[Array, "..."]) -> dist.Distribution:
        """The elementwise NumPyro distribution; use it inside one example only."""
        return dist.Normal(*self.scale.loc_and_scale(params))


class Laplace(AbstractHead):
    """Independent Laplace entries: absolute instead of squared errors.

    The standard deviation is sqrt(2) scale.

    Attributes:
        scale: `FixedScale(0.1)`, `LearnedScale()`, `LearnedScale(x.shape)` or `PredictedScale()`.
    """

    scale: AbstractScale

    def __init__(self, scale: AbstractScale | None = None) -> None:
        """By default one learned scale, shared by all entries."""
        self.scale = LearnedScale() if scale is None else scale

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x`; with a predicted scale a last axis of two besides."""
        return self.scale.param_shape(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of -|x - loc| / scale - log(2 scale), in nats."""
        loc, scale = self.scale.loc_and_scale(checked_params(self, params, x))
        return masked_sum(
            lambda x: -jnp.abs(x.astype(loc.dtype) - loc) / scale - jnp.log(2.0 * scale), x, observed
        )

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """One draw of `x`."""
        loc, scale = self.scale.loc_and_scale(params)
        return loc + scale * jr.laplace(key, loc.shape, loc.dtype)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """The location."""
        return self.scale.loc_and_scale(params)[0]

    def distribution(self, params: Float[Array, "..."]) -> dist.Distribution:
        """The elementwise NumPyro distribution; use it inside one example only."""
        return dist.Laplace(*self.scale.loc_and_scale(params))


class StudentT(AbstractHead):
    """Independent Student-t entries, for data with outliers.

    A far point pulls with 1/distance, where under a Gaussian it pulls with its distance.
    The degrees of freedom are above two by construction, so that the variance exists; it is
    scale^2 nu / (nu - 2).

    Attributes:
        scale: `FixedScale(0.1)`, `LearnedScale()`, `LearnedScale(x.shape)` or `PredictedScale()`.
        degrees: `FixedDegrees(4.0)` or `LearnedDegrees()`.
    """

    scale: AbstractScale
    degrees: AbstractDegrees

    def __init__(self, scale: AbstractScale | None = None, degrees: AbstractDegrees | None = None) -> None:
        """By default one learned scale, shared by all entries, and four degrees of freedom."""
        self.scale = LearnedScale() if scale is None else scale
        self.degrees = FixedDegrees(4.0) if degrees is None else degrees

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of `x`; with a predicted scale a last axis of two besides."""
        return self.scale.param_shape(shape)

    def log_prob(
        self, params: Float[Array, "..."], x: Array, observed: Bool[Array, "..."] | None = None
    ) -> Scalar:
        """Sum over observed entries of the Student-t log density, in nats."""
        loc, scale = self.scale.loc_and_scale(checked_params(self, params, x))
        degrees = jnp.broadcast_to(self.degrees.value, loc.shape)

        def log_prob(x: Array) -> Array:
            z = (x.astype(loc.dtype) - loc) / scale
            return (
                _log_t_normaliser(degrees)
                - jnp.log(scale)
                - 0.5 * (degrees + 1.0) * _log1p_square(z, degrees)
            )

        return masked_sum(log_prob, x, observed)

    def sample(self, key: PRNGKeyArray, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """One draw of `x`."""
        loc, scale = self.scale.loc_and_scale(params)
        return loc + scale * jr.t(key, jnp.broadcast_to(self.degrees.value, loc.shape), loc.shape, loc.dtype)

    def mean(self, params: Float[Array, "..."]) -> Float[Array, "..."]:
        """The location."""
        return self.scale.loc_and_scale(params)[0]

    def distribution(self, params: Float[Array, "..."]) -> dist.Distribution:
        """The elementwise NumPyro distribution; use it inside one example only."""
        loc, scale = self.scale.loc_and_scale(params)
        return dist.StudentT(jnp.broadcast_to(self.degrees.value, loc.shape), loc, scale)


def _log_t_normaliser(degrees: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Log Gamma((nu + 1)/2) - log Gamma(nu/2) - log(pi nu)/2 for nu > 2, without cancellation.

    At nu = 1e4 each log Gamma is 4e4 and float32 would leave an error of 4e-3 per entry.
    """
    a = 0.5 * degrees
    # Gamma(a + 1/2) / Gamma(a), moved up three steps ...
    steps = sum(jnp.log1p(-0.5 / (a + k + 0.5)) for k in range(3))  # log of (a + k) / (a + k + 1/2)
    b = a + 3.0
    # ... to where its asymptotic series is exact to 1e-8 (Tricomi, Erdelyi 1951)
    r = 1.0 / b
    series = r * (-1 / 8 + r**2 * (1 / 192 + r**2 * (-1 / 640 + r**2 * (17 / 14336))))
    return steps + series + 0.5 * jnp.log1p(3.0 / a) - 0.5 * math.log(2.0 * math.pi)


def _log1p_square(z: Float[Array, "*shape"], degrees: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 + z^2 / nu), where z^2 may overflow."""
    t = jnp.abs(z) * jnp.reciprocal(jnp.sqrt(degrees))
    far = t > 1e6
    near = jnp.where(far, 1.0, z)
    return jnp.where(far, 2.0 * jnp.log(jnp.where(far, t, 1.0)), jnp.log1p(near * near / degrees))
