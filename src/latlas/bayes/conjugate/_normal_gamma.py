"""Linear regression whose weights and noise precision are one normal-gamma factor: exact."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._cavi import AbstractConjugateModel
from latlas.bayes.conjugate._checks import check_positive
from latlas.bayes.conjugate._linear_posterior import LOG_2PI, LinearRegressionPosterior, gaussian, triangular
from latlas.core import numpy_in_float64


class NormalGammaRegression(AbstractConjugateModel):
    r"""Linear regression with unknown noise precision whose posterior is known: q contains it.

    $y_n \sim N(w^\top x_n, \tau^{-1})$, $w \sim N(0, (\tau \lambda)^{-1} I)$, $\tau$ Gamma distributed: the posterior is
    a normal-gamma distribution, the evidence a Student-t density, and the ELBO equals it. `cavi` wants `(x, y)` as
    `LinearRegression` does.

    Attributes:
        weight_precision: $\lambda$, in units of the noise's precision.
        noise_concentration, noise_rate: of the Gamma prior of the noise's precision.
    """

    weight_precision: float = 1.0
    noise_concentration: float = 1e-3
    noise_rate: float = 1e-3

    def __check_init__(self):
        check_positive(
            weight_precision=self.weight_precision,
            noise_concentration=self.noise_concentration,
            noise_rate=self.noise_rate,
        )

    @numpy_in_float64
    def prepare(
        self, data: tuple[Float[Array | np.ndarray, "rows features"], Float[Array | np.ndarray, " rows"]]
    ) -> PyTree:
        """The data as a triangular system of the same squared errors.

        Args:
            data: `(x, y)`.

        Raises:
            DataError: if their shapes do not fit, or they are not finite.
        """
        return triangular(data)

    def start(self, key: PRNGKeyArray, problem: PyTree) -> LinearRegressionPosterior:
        """The prior; `key` is not used.

        Args:
            key: not used.
            problem: from `prepare`.
        """
        features = problem.r.shape[1]
        root = jnp.sqrt(jnp.asarray(self.weight_precision, float)) * jnp.eye(features)
        noise = (jnp.asarray(self.noise_concentration, float), jnp.asarray(self.noise_rate, float))
        return LinearRegressionPosterior(jnp.zeros(features), root, *noise, None, None, joint=True)

    def sweep(self, problem: PyTree, posterior: LinearRegressionPosterior) -> LinearRegressionPosterior:
        """The posterior.

        Args:
            problem: from `prepare`.
            posterior: not used, as there is one factor.
        """
        loc, tril = gaussian(problem.r.T @ problem.r, problem.r.T @ problem.c, self.weight_precision)
        errors = jnp.sum((problem.c - problem.r @ loc) ** 2) + problem.rest
        rate = self.noise_rate + (errors + self.weight_precision * jnp.sum(loc**2)) / 2
        concentration = self.noise_concentration + problem.num_rows / 2
        return LinearRegressionPosterior(loc, tril, concentration, rate, None, None, joint=True)

    def elbo(self, problem: PyTree, posterior: LinearRegressionPosterior) -> Float[Array, ""]:
        """Expected log likelihood less KL(q || prior).

        Args:
            problem: from `prepare`.
            posterior: the q in question.
        """
        features = len(posterior.loc)
        # given tau, precisions of both Gaussians are proportional to it: the spread's terms are free of it
        spread = posterior.weight_squares() - posterior.loc**2
        moments = self.weight_precision * (
            jnp.sum(spread) + posterior.noise_precision.mean * jnp.sum(posterior.loc**2)
        )
        log_prior = (features * (jnp.log(self.weight_precision) - LOG_2PI) - moments) / 2
        prior = dist.Gamma(self.noise_concentration, self.noise_rate)
        kl = dist.kl_divergence(posterior.noise_precision, prior)
        return posterior.log_likelihood(problem) + log_prior + posterior.weight_entropy() - kl

    @numpy_in_float64
    def log_evidence(
        self, data: tuple[Float[Array | np.ndarray, "rows features"], Float[Array | np.ndarray, " rows"]]
    ) -> float:
        """Log p(y | x), exact, in nats.

        Args:
            data: `(x, y)`.
        """
        problem = triangular(data)
        q = self.sweep(problem, self.start(jr.key(0), problem))
        determinants = len(q.loc) * jnp.log(self.weight_precision) / 2 - jnp.sum(
            jnp.log(jnp.diagonal(q.precision_tril))
        )
        gammas = _log_gamma_integral(q.noise_concentration, q.noise_rate) - _log_gamma_integral(
            self.noise_concentration, self.noise_rate
        )
        return float(determinants + gammas - problem.num_rows * LOG_2PI / 2)


def _log_gamma_integral(concentration, rate):
    return gammaln(concentration) - concentration * jnp.log(rate)
