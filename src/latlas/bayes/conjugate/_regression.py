"""Linear regression with unknown precisions of the noise and of the weights, each a factor of its own."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import digamma
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._cavi import AbstractConjugateModel
from latlas.bayes.conjugate._checks import check_positive
from latlas.bayes.conjugate._linear_posterior import LOG_2PI, LinearRegressionPosterior, gaussian, triangular
from latlas.core import numpy_in_float64


class LinearRegression(AbstractConjugateModel):
    r"""Linear regression with unknown noise precision and unknown weight precision.

    $y_n \sim N(w^\top x_n, \tau^{-1})$, $w_j \sim N(0, \alpha_j^{-1})$, $\tau$ and $\alpha_j$ Gamma distributed, with
    one $\alpha$ for all weights or, with `ard`, one for each (automatic relevance determination); $q(w)\,q(\tau)\,
    q(\alpha)$. `cavi` wants `(x, y)` of shapes `(rows, features)` and `(rows,)`. There is no intercept: centre both, or
    give x a column of ones. A sweep costs the same for any number of rows.

    Attributes:
        noise_concentration, noise_rate: of the Gamma prior of the noise's precision.
        weight_concentration, weight_rate: of the Gamma prior of the weights' precision.
        ard: whether each weight has a precision of its own.

    References:
        Bishop 2006, section 10.3; Drugowitsch 2013, arXiv:1310.5438.
    """

    noise_concentration: float = 1e-3
    noise_rate: float = 1e-3
    weight_concentration: float = 1e-3
    weight_rate: float = 1e-3
    ard: bool = False

    def __check_init__(self):
        check_positive(
            noise_concentration=self.noise_concentration,
            noise_rate=self.noise_rate,
            weight_concentration=self.weight_concentration,
            weight_rate=self.weight_rate,
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
        """Weights for noise as large as the targets; `key` is not used, as there is one optimum in practice.

        Args:
            key: not used.
            problem: from `prepare`.
        """
        features = problem.r.shape[1]
        shape = (features,) if self.ard else ()
        squares = jnp.maximum(problem.rest + jnp.sum(problem.c**2), jnp.finfo(float).tiny)
        zeros = jnp.zeros(shape)
        first = LinearRegressionPosterior(
            loc=jnp.zeros(features),
            precision_tril=jnp.eye(features),
            noise_concentration=jnp.asarray(problem.num_rows / 2 + self.noise_concentration),
            noise_rate=squares / 2 + self.noise_rate,
            weight_concentration=zeros + 1.0,
            weight_rate=zeros + 1.0,
        )
        return self.sweep(problem, first)

    def sweep(self, problem: PyTree, posterior: LinearRegressionPosterior) -> LinearRegressionPosterior:
        """The weights, then their precision, then the noise's.

        Args:
            problem: from `prepare`.
            posterior: the current q.
        """
        noise = posterior.noise_concentration / posterior.noise_rate
        assert posterior.weight_concentration is not None  # this model has a precision of the weights to find
        assert posterior.weight_rate is not None
        alpha = posterior.weight_concentration / posterior.weight_rate
        loc, tril = gaussian(noise * problem.r.T @ problem.r, noise * problem.r.T @ problem.c, alpha)
        new = eqx.tree_at(lambda q: (q.loc, q.precision_tril), posterior, (loc, tril))
        squares = new.weight_squares()
        errors, spread = new.squared_errors(problem)
        each = squares if self.ard else jnp.sum(squares)
        count = 1 if self.ard else len(squares)
        return LinearRegressionPosterior(
            loc=loc,
            precision_tril=tril,
            noise_concentration=jnp.asarray(self.noise_concentration + problem.num_rows / 2),
            noise_rate=self.noise_rate + (errors + spread) / 2,
            weight_concentration=jnp.full(each.shape, self.weight_concentration + count / 2),
            weight_rate=self.weight_rate + each / 2,
        )

    def elbo(self, problem: PyTree, posterior: LinearRegressionPosterior) -> Float[Array, ""]:
        """Expected log likelihood, less the KL of the precisions and of the weights given theirs.

        Args:
            problem: from `prepare`.
            posterior: the q in question.
        """
        noise, weight = posterior.noise_precision, posterior.weight_precision
        assert weight is not None  # this model has a precision of the weights to find
        assert posterior.weight_concentration is not None
        assert posterior.weight_rate is not None
        squares = posterior.weight_squares()
        log_alpha = digamma(posterior.weight_concentration) - jnp.log(posterior.weight_rate)
        log_prior = jnp.sum(log_alpha - LOG_2PI - weight.mean * squares) / 2
        kl = jnp.sum(dist.kl_divergence(noise, dist.Gamma(self.noise_concentration, self.noise_rate)))
        kl += jnp.sum(dist.kl_divergence(weight, dist.Gamma(self.weight_concentration, self.weight_rate)))
        return posterior.log_likelihood(problem) + log_prior + posterior.weight_entropy() - kl
