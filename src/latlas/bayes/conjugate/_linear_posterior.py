"""What linear regressions share: the data as a triangular system, and the Gaussian factor of the weights."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import digamma
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._cavi import AbstractConjugatePosterior
from latlas.bayes.conjugate._checks import check_count, finite_array
from latlas.core import DataError, numpy_in_float64

LOG_2PI = float(np.log(2 * np.pi))


class LinearRegressionPosterior(AbstractConjugatePosterior):
    r"""q of a linear regression: $q(w)\,q(\tau)\,q(\alpha)$, or $q(w, \tau)$ of `NormalGammaRegression`.

    Attributes:
        loc: mean of the weights.
        precision_tril: Cholesky factor of their precision matrix, which is times $\tau$ where `joint`.
        noise_concentration, noise_rate: of the Gamma $q(\tau)$ of the noise's precision.
        weight_concentration, weight_rate: of the Gamma $q(\alpha)$ of the weights' precision, one or one per weight;
            `None` where it is given.
        joint: whether $w$ and $\tau$ are one factor.
    """

    loc: Float[Array, " features"]
    precision_tril: Float[Array, "features features"]
    noise_concentration: Float[Array, ""]
    noise_rate: Float[Array, ""]
    weight_concentration: Float[Array, "..."] | None
    weight_rate: Float[Array, "..."] | None
    joint: bool = eqx.field(static=True, default=False)

    @property
    @numpy_in_float64
    def weights(self) -> dist.MultivariateNormal | dist.MultivariateStudentT:
        """q(w); where w and the noise's precision are one factor, its marginal, a Student-t."""
        root = self._root()
        tril = jnp.linalg.cholesky(root.T @ root)
        if not self.joint:
            return dist.MultivariateNormal(self.loc, scale_tril=tril)
        scale = jnp.sqrt(self.noise_rate / self.noise_concentration)
        return dist.MultivariateStudentT(2 * self.noise_concentration, self.loc, scale * tril)

    @property
    def noise_precision(self) -> dist.Gamma:
        """q of the noise's precision."""
        return dist.Gamma(self.noise_concentration, self.noise_rate)

    @property
    def weight_precision(self) -> dist.Gamma | None:
        """q of the weights' precision, or `None` where it is given."""
        return None if self.weight_rate is None else dist.Gamma(self.weight_concentration, self.weight_rate)

    @numpy_in_float64
    def sample(self, key: PRNGKeyArray, num_samples: int) -> dict[str, np.ndarray]:
        """Draws of `weights`, `noise_precision` and, where unknown, `weight_precision`.

        Args:
            key: draws.
            num_samples: how many, at least 1.
        """
        keys = jr.split(key, 3)
        noise_precision = self.noise_precision.sample(keys[0], (num_samples,))
        away = jr.normal(keys[1], (num_samples, *self.loc.shape), float) @ self._root()
        weights = self.loc + (away / jnp.sqrt(noise_precision)[:, None] if self.joint else away)
        draws = {"weights": np.asarray(weights), "noise_precision": np.asarray(noise_precision)}
        weight_precision = self.weight_precision
        if weight_precision is not None:
            draws["weight_precision"] = np.asarray(weight_precision.sample(keys[2], (num_samples,)))
        return draws

    @numpy_in_float64
    def sample_predictive(
        self, key: PRNGKeyArray, x: Float[Array | np.ndarray, "rows features"], num_samples: int
    ) -> Float[np.ndarray, "samples rows"]:
        """Draws of new targets, noise included; the rows of one draw share their weights.

        Args:
            key: draws.
            x: rows of the features that were fitted.
            num_samples: how many, at least 1.

        Raises:
            DataError: if there are NaNs or another number of features.
        """
        check_count(num_samples=num_samples)
        rows = finite_array("x", x, 2)
        if rows.shape[1] != len(self.loc):
            raise DataError(
                f"x has {rows.shape[1]} columns and the regression was fitted on {len(self.loc)}."
            )
        parameter_key, noise_key = jr.split(key)
        draws = self.sample(parameter_key, num_samples)
        noise = jr.normal(noise_key, (num_samples, len(rows)), float)
        return np.asarray(draws["weights"] @ rows.T + noise / np.sqrt(draws["noise_precision"])[:, None])

    def log_likelihood(self, problem: PyTree) -> Float[Array, ""]:
        """E_q[log p(y | x, w, tau)] in nats.

        Args:
            problem: from `prepare`.
        """
        errors, spread = self.squared_errors(problem)
        precision = self.noise_precision.mean
        # a covariance that is over tau meets the tau of the likelihood, and none is left
        squares = precision * errors + (spread if self.joint else precision * spread)
        log_precision = digamma(self.noise_concentration) - jnp.log(self.noise_rate)
        return (problem.num_rows * (log_precision - LOG_2PI) - squares) / 2

    def squared_errors(self, problem: PyTree) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """|y - X w|^2 at the mean weights, and what their covariance (times tau where `joint`) adds in expectation.

        Args:
            problem: from `prepare`.
        """
        errors = jnp.sum((problem.c - problem.r @ self.loc) ** 2) + problem.rest
        return errors, jnp.sum((problem.r @ self._root().T) ** 2)

    def weight_squares(self) -> Float[Array, " features"]:
        """E[w_j^2] for weights of this location and precision."""
        return self.loc**2 + jnp.sum(self._root() ** 2, 0)

    def weight_entropy(self) -> Float[Array, ""]:
        """Entropy of the Gaussian of this location and precision, in nats."""
        log_root = jnp.sum(jnp.log(jnp.diagonal(self.precision_tril)))
        return len(self.loc) * (1 + LOG_2PI) / 2 - log_root

    def _root(self):
        """A matrix R with R' R = covariance."""
        return solve_triangular(self.precision_tril, jnp.eye(len(self.loc)), lower=True)


class Triangular(eqx.Module):
    """|y - X w|^2 = |c - R w|^2 + rest, with no more rows than features.

    Attributes:
        r: triangular, from the QR decomposition of x.
        c: the targets in its basis.
        rest: squared length of the targets outside the span of x.
        num_rows: of the data.
    """

    r: Float[Array, "reduced features"]
    c: Float[Array, " reduced"]
    rest: Float[Array, ""]
    num_rows: Float[Array, ""]


def triangular(data: Any) -> Triangular:
    """The pair `(x, y)`, checked, as a triangular system.

    Raises:
        DataError: if the shapes do not fit, or values are not finite.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError(f"data is a {type(data).__name__}; a regression needs the pair (x, y).")
    x, y = finite_array("x", data[0], 2), finite_array("y", data[1], 1)
    if len(x) != len(y):
        raise DataError(f"x has {len(x)} rows and y {len(y)}; give one target per row.")
    q, r = np.linalg.qr(x)
    c = q.T @ y
    rest = np.sum((y - q @ c) ** 2)
    return Triangular(*(jnp.asarray(value, float) for value in (r, c, rest, len(y))))


def gaussian(
    gram: Float[Array, "features features"],
    moment: Float[Array, " features"],
    diagonal: float | Float[Array, "..."],
) -> tuple[Float[Array, " features"], Float[Array, "features features"]]:
    """Mean, and Cholesky factor of the precision, of weights with precision gram + diagonal."""
    tril = jnp.linalg.cholesky(gram + jnp.diag(jnp.broadcast_to(diagonal, moment.shape)))
    return solve_triangular(tril.T, solve_triangular(tril, moment, lower=True), lower=False), tril
