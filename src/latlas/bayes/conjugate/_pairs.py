"""The textbook's conjugate pairs, whose posterior and evidence are exact: what everything approximate is held against.

The evidence of several observations is the product of one-step predictive densities, each a NumPyro distribution with
the parameters that the observations before it leave.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, Int

from latlas.bayes.conjugate._checks import check_count, check_positive, finite_array
from latlas.core import DataError, RequestError, numpy_in_float64


class AbstractConjugateBlock(eqx.Module):
    """A prior and a likelihood of independent observations whose posterior is of the prior's family."""

    @abc.abstractmethod
    def prior(self) -> dist.Distribution:
        """p(parameter)."""

    @abc.abstractmethod
    def likelihood(self, parameter: Array) -> dist.Distribution:
        """p(one observation | parameter).

        Args:
            parameter: a draw from the prior, or any value of its support.
        """

    @abc.abstractmethod
    def exact_posterior(self, data: Array) -> dist.Distribution:
        """p(parameter | data).

        Args:
            data: observations along the leading axis.

        Raises:
            DataError: if an observation is not finite or not possible.
        """

    @abc.abstractmethod
    def log_evidence(self, data: Array) -> float:
        """Log p(data), in nats, of all observations together.

        Args:
            data: observations along the leading axis.

        Raises:
            DataError: if an observation is not finite or not possible.
        """


class NormalNormal(AbstractConjugateBlock):
    """An unknown mean: Normal prior, Normal observations of known scale.

    Attributes:
        loc: of the prior.
        scale: of the prior.
        noise_scale: of each observation.
    """

    loc: float = 0.0
    scale: float = 1.0
    noise_scale: float = 1.0

    def __check_init__(self):
        check_positive(scale=self.scale, noise_scale=self.noise_scale)
        if not np.isfinite(self.loc):
            raise RequestError(f"loc is {self.loc!r}; give a finite number.")

    @numpy_in_float64
    def prior(self) -> dist.Normal:
        """Normal(loc, scale)."""
        return dist.Normal(self.loc, self.scale)

    def likelihood(self, parameter: Float[Array | np.ndarray, ""]) -> dist.Normal:
        """Normal(parameter, noise_scale).

        Args:
            parameter: the mean.
        """
        return dist.Normal(parameter, self.noise_scale)

    @numpy_in_float64
    def exact_posterior(self, data: Float[Array | np.ndarray, " rows"]) -> dist.Normal:
        """The mean's, a Normal.

        Args:
            data: shape `(rows,)`.
        """
        y = finite_array("data", data, 1)
        precision = self.scale**-2 + len(y) * self.noise_scale**-2
        loc = (self.loc * self.scale**-2 + np.sum(y) * self.noise_scale**-2) / precision
        return dist.Normal(loc, precision**-0.5)

    @numpy_in_float64
    def log_evidence(self, data: Float[Array | np.ndarray, " rows"]) -> float:
        """Log density of a Normal whose observations all covary by the prior's variance.

        Args:
            data: shape `(rows,)`.
        """
        y = finite_array("data", data, 1)
        shared = jnp.full((len(y), 1), self.scale, float)
        noise = jnp.full(len(y), self.noise_scale**2, float)
        return float(dist.LowRankMultivariateNormal(jnp.full(len(y), self.loc), shared, noise).log_prob(y))


class BetaBinomial(AbstractConjugateBlock):
    """An unknown probability: Beta prior, Binomial observations.

    Attributes:
        concentration1: of successes in the prior.
        concentration0: of failures.
        total_count: trials of each observation.
    """

    concentration1: float = 1.0
    concentration0: float = 1.0
    total_count: int = 1

    def __check_init__(self):
        check_positive(concentration1=self.concentration1, concentration0=self.concentration0)
        check_count(total_count=self.total_count)

    @numpy_in_float64
    def prior(self) -> dist.Beta:
        """Beta(concentration1, concentration0)."""
        return dist.Beta(self.concentration1, self.concentration0)

    def likelihood(self, parameter: Float[Array | np.ndarray, ""]) -> dist.Distribution:
        """Binomial(total_count, parameter).

        Args:
            parameter: the probability of success.
        """
        return dist.Binomial(self.total_count, probs=parameter)

    @numpy_in_float64
    def exact_posterior(self, data: Int[Array | np.ndarray, " rows"]) -> dist.Beta:
        """The probability's, a Beta.

        Args:
            data: numbers of successes, shape `(rows,)`.
        """
        y = _counts(data, 1, self.total_count)
        return dist.Beta(self.concentration1 + np.sum(y), self.concentration0 + np.sum(self.total_count - y))

    @numpy_in_float64
    def log_evidence(self, data: Int[Array | np.ndarray, " rows"]) -> float:
        """Sum of beta-binomial log densities, each given the observations before.

        Args:
            data: numbers of successes, shape `(rows,)`.
        """
        y = _counts(data, 1, self.total_count)
        successes = self.concentration1 + _before(y)
        failures = self.concentration0 + _before(self.total_count - y)
        return float(jnp.sum(dist.BetaBinomial(successes, failures, self.total_count).log_prob(y)))


class GammaPoisson(AbstractConjugateBlock):
    """An unknown rate: Gamma prior, Poisson observations.

    Attributes:
        concentration: of the prior.
        rate: of the prior.
    """

    concentration: float = 1.0
    rate: float = 1.0

    def __check_init__(self):
        check_positive(concentration=self.concentration, rate=self.rate)

    @numpy_in_float64
    def prior(self) -> dist.Gamma:
        """Gamma(concentration, rate)."""
        return dist.Gamma(self.concentration, self.rate)

    def likelihood(self, parameter: Float[Array | np.ndarray, ""]) -> dist.Poisson:
        """Poisson(parameter).

        Args:
            parameter: the rate.
        """
        return dist.Poisson(parameter)

    @numpy_in_float64
    def exact_posterior(self, data: Int[Array | np.ndarray, " rows"]) -> dist.Gamma:
        """The rate's, a Gamma.

        Args:
            data: counts, shape `(rows,)`.
        """
        y = _counts(data, 1)
        return dist.Gamma(self.concentration + np.sum(y), self.rate + len(y))

    @numpy_in_float64
    def log_evidence(self, data: Int[Array | np.ndarray, " rows"]) -> float:
        """Sum of gamma-Poisson log densities, each given the observations before.

        Args:
            data: counts, shape `(rows,)`.
        """
        y = _counts(data, 1)
        predictive = dist.GammaPoisson(self.concentration + _before(y), self.rate + np.arange(len(y)))
        return float(jnp.sum(predictive.log_prob(y)))


class DirichletMultinomial(AbstractConjugateBlock):
    """Unknown probabilities of categories: Dirichlet prior, multinomial observations.

    Attributes:
        concentration: of each category in the prior.
        total_count: draws of each observation.
    """

    concentration: Float[np.ndarray, " categories"]
    total_count: int

    def __init__(self, concentration: Float[np.ndarray, " categories"], total_count: int = 1):
        self.concentration = finite_array("concentration", concentration, 1, min_rows=2)
        self.total_count = total_count
        check_positive(concentration=self.concentration)
        check_count(total_count=total_count)

    @numpy_in_float64
    def prior(self) -> dist.Dirichlet:
        """Dirichlet(concentration)."""
        return dist.Dirichlet(self.concentration)

    def likelihood(self, parameter: Float[Array | np.ndarray, " categories"]) -> dist.Distribution:
        """Multinomial(total_count, parameter).

        Args:
            parameter: the probabilities.
        """
        return dist.Multinomial(self.total_count, probs=parameter)

    @numpy_in_float64
    def exact_posterior(self, data: Int[Array | np.ndarray, "rows categories"]) -> dist.Dirichlet:
        """The probabilities', a Dirichlet.

        Args:
            data: counts, shape `(rows, categories)`.
        """
        return dist.Dirichlet(self.concentration + np.sum(self._rows(data), 0))

    @numpy_in_float64
    def log_evidence(self, data: Int[Array | np.ndarray, "rows categories"]) -> float:
        """Sum of Dirichlet-multinomial log densities, each given the observations before.

        Args:
            data: counts, shape `(rows, categories)`.
        """
        rows = self._rows(data)
        predictive = dist.DirichletMultinomial(self.concentration + _before(rows), self.total_count)
        return float(jnp.sum(predictive.log_prob(rows)))

    def _rows(self, data):
        rows = _counts(data, 2)
        if rows.shape[1] != len(self.concentration):
            raise DataError(
                f"data has {rows.shape[1]} columns and the prior {len(self.concentration)} categories; give one count "
                "per category."
            )
        if np.any(wrong := np.sum(rows, 1) != self.total_count):
            raise DataError(
                f"data has rows that sum to {np.sum(rows, 1)[wrong][0]:g}; each must sum to total_count = "
                f"{self.total_count}."
            )
        return rows


def _counts(data, ndim, largest=np.inf):
    y = finite_array("data", data, ndim)
    if np.any((y < 0) | (y != np.round(y)) | (y > largest)):
        limit = "" if largest == np.inf else f" to {largest}"
        raise DataError(
            f"data has values such as {y[(y < 0) | (y != np.round(y)) | (y > largest)][0]:g}; give whole counts "
            f"from 0{limit}."
        )
    return y


def _before(y):
    """Sums of all observations before each."""
    return np.cumsum(y, 0) - y
