"""A Gaussian mixture with unknown weights, means and full covariances: the variational treatment in closed form."""

import warnings
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import lazy_loader
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._cavi import AbstractConjugateModel, AbstractConjugatePosterior
from latlas.bayes.conjugate._checks import check_count, check_positive, finite_array
from latlas.bayes.conjugate._mixture_weights import (
    AbstractMixtureWeights,
    DirichletWeights,
    StickBreakingWeights,
)
from latlas.bayes.conjugate._normal_wishart import NormalWishart
from latlas.core import DataError, RequestError, numpy_in_float64

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX


class GaussianMixturePosterior(AbstractConjugatePosterior):
    r"""$q(\pi) \prod_k q(\mu_k, \Lambda_k)$ of a Gaussian mixture; $q(z_n)$ is `predict_proba`.

    Components are in no order: another start may name them otherwise.

    Attributes:
        weight_factor: parameters of $q(\pi)$.
        components: parameters of the normal-Wishart $q(\mu_k, \Lambda_k)$: `loc`, `mean_precision`,
            `degrees_of_freedom`, `rate_matrix`.
    """

    weight_factor: AbstractMixtureWeights
    components: NormalWishart

    @property
    @numpy_in_float64
    def weights(self) -> dist.Distribution:
        """q(weights): a Dirichlet, or a truncated stick-breaking distribution."""
        return self.weight_factor.distribution()

    @property
    @numpy_in_float64
    def means(self) -> dist.MultivariateStudentT:
        """The marginal of the components' means, batch shape `(num_components,)`."""
        return self.components.means()

    @property
    @numpy_in_float64
    def precisions(self) -> dist.Wishart:
        """The marginal of the components' precision matrices, batch shape `(num_components,)`."""
        return self.components.precisions()

    @property
    @numpy_in_float64
    def predictive(self) -> dist.MixtureSameFamily:
        """The next row: a mixture of Student-t distributions, its weights the posterior means (Bishop 10.81)."""
        weights = dist.Categorical(probs=self.weight_factor.mean())
        return dist.MixtureSameFamily(weights, self.components.predictive())

    @numpy_in_float64
    def sample(self, key: PRNGKeyArray, num_samples: int) -> dict[str, np.ndarray]:
        """Draws of `weights`, `means` and `precisions`, each with a leading axis of the draws.

        Args:
            key: draws.
            num_samples: how many, at least 1.
        """
        weight_key, component_key = jr.split(key)
        means, precisions = self.components.sample(component_key, num_samples)
        weights = self.weight_factor.sample(weight_key, num_samples)
        draws = {"weights": weights, "means": means, "precisions": precisions}
        return {name: np.asarray(values) for name, values in draws.items()}

    @numpy_in_float64
    def predict_proba(
        self, x: Float[Array | np.ndarray, "rows features"]
    ) -> Float[np.ndarray, "rows num_components"]:
        """q(z): each component's responsibility for each row.

        Args:
            x: rows of the features that were fitted.

        Raises:
            DataError: if there are NaNs or another number of features.
        """
        return np.asarray(jax.nn.softmax(self.log_joint(self._rows(x)), -1))

    @numpy_in_float64
    def predict(self, x: Float[Array | np.ndarray, "rows features"]) -> Int[np.ndarray, " rows"]:
        """The component that is most responsible for each row.

        Args:
            x: rows of the features that were fitted.
        """
        return np.asarray(jnp.argmax(self.log_joint(self._rows(x)), -1))

    @numpy_in_float64
    def log_prob(self, x: Float[Array | np.ndarray, "rows features"]) -> Float[np.ndarray, " rows"]:
        """Log density of each row under the predictive distribution, in nats.

        Args:
            x: rows of the features that were fitted.
        """
        rows = self._rows(x)[:, None]
        weights = jnp.log(self.weight_factor.mean())
        return np.asarray(jax.nn.logsumexp(weights + self.components.predictive().log_prob(rows), -1))

    def log_joint(self, x: Float[Array | np.ndarray, "rows features"]) -> Float[Array, "rows num_components"]:
        """E_q[log p(x, z)] of each row and component: logits of q(z) (Bishop 10.46).

        Args:
            x: rows of the features that were fitted.
        """
        return self.weight_factor.expected_log() + self.components.expected_log_prob(jnp.asarray(x))

    def _rows(self, x):
        array, features = finite_array("x", x, 2), self.components.loc.shape[-1]
        if array.shape[1] != features:
            raise DataError(f"x has {array.shape[1]} columns and the mixture was fitted on {features}.")
        return jnp.asarray(array)


class GaussianMixture(AbstractConjugateModel):
    r"""Gaussian mixture with full covariances, all parameters unknown (Bishop 2006, section 10.2).

    $\pi \sim \mathrm{Dirichlet}$, $\Lambda_k \sim W(\nu_0, W_0)$, $\mu_k \sim N(m_0, (\kappa_0 \Lambda_k)^{-1})$,
    $z_n \sim \pi$, $x_n \sim N(\mu_{z_n}, \Lambda_{z_n}^{-1})$; $q = q(\pi) \prod_k q(\mu_k, \Lambda_k) \prod_n q(z_n)$.
    `cavi` wants rows of features, shape `(rows, features)`. With one component q contains the posterior and the ELBO is
    the log evidence. The defaults are scikit-learn's, but for `weights`; three of them look at the data, and with them
    evidences of different data sets cannot be compared.

    Attributes:
        num_components: at most so many clusters; those that are not needed keep their prior.
        weight_concentration: of each component, or of the Dirichlet process; default 1 / num_components.
        mean_precision: $\kappa_0$, the rows that the prior mean counts for.
        degrees_of_freedom: $\nu_0 > d - 1$; default the number of features.
        mean_prior: $m_0$, shape `(features,)`; default the mean of the data.
        covariance_prior: $W_0^{-1}$, shape `(features, features)`; default the covariance of the data. The prior's mean
            of $\Lambda$ is $\nu_0 W_0$.
        weights: "dirichlet", or "dirichlet_process" for a truncated stick-breaking prior.
    """

    num_components: int
    weight_concentration: float | None
    mean_precision: float
    degrees_of_freedom: float | None
    mean_prior: Float[np.ndarray, " features"] | None
    covariance_prior: Float[np.ndarray, "features features"] | None
    weights: Literal["dirichlet", "dirichlet_process"]

    def __init__(
        self,
        num_components: int,
        weight_concentration: float | None = None,
        mean_precision: float = 1.0,
        degrees_of_freedom: float | None = None,
        mean_prior: Float[np.ndarray, " features"] | None = None,
        covariance_prior: Float[np.ndarray, "features features"] | None = None,
        weights: Literal["dirichlet", "dirichlet_process"] = "dirichlet",
    ):
        check_count(num_components=num_components)
        check_positive(
            weight_concentration=weight_concentration,
            mean_precision=mean_precision,
            degrees_of_freedom=degrees_of_freedom,
        )
        if weights not in ("dirichlet", "dirichlet_process"):
            raise RequestError(f"weights is {weights!r}; it is 'dirichlet' or 'dirichlet_process'.")
        self.num_components = num_components
        self.weight_concentration = weight_concentration
        self.mean_precision = mean_precision
        self.degrees_of_freedom = degrees_of_freedom
        self.mean_prior = None if mean_prior is None else finite_array("mean_prior", mean_prior, 1)
        self.covariance_prior = (
            None if covariance_prior is None else finite_array("covariance_prior", covariance_prior, 2)
        )
        self.weights = weights

    @numpy_in_float64
    def prepare(self, data: Float[Array | np.ndarray, "rows features"]) -> PyTree:
        """The rows and the prior of all components.

        Args:
            data: shape `(rows, features)`, at least `num_components` rows.

        Raises:
            DataError: if the rows cannot be used, or do not fit the prior.
        """
        x = finite_array("data", data, 2, min_rows=self.num_components)
        return _Rows(jnp.asarray(x), self._prior(x))

    def start(self, key: PRNGKeyArray, problem: PyTree) -> GaussianMixturePosterior:
        """Optimal factors given the clusters of one run of k-means.

        Args:
            key: seeds k-means.
            problem: from `prepare`.
        """
        seed = int(jr.randint(key, (), 0, np.iinfo(np.int32).max))
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", sklearn.exceptions.ConvergenceWarning
            )  # fewer distinct rows than clusters are no fault here
            labels = sklearn.cluster.KMeans(self.num_components, n_init=1, random_state=seed).fit_predict(
                np.asarray(problem.x)
            )
        return _optimal(problem, jax.nn.one_hot(labels, self.num_components, dtype=problem.x.dtype))

    def sweep(self, problem: PyTree, posterior: GaussianMixturePosterior) -> GaussianMixturePosterior:
        """The responsibilities, then all other factors given them.

        Args:
            problem: from `prepare`.
            posterior: the current q.
        """
        return _optimal(problem, jax.nn.softmax(posterior.log_joint(problem.x), -1))

    def elbo(self, problem: PyTree, posterior: GaussianMixturePosterior) -> Float[Array, ""]:
        """The ELBO with the optimal q(z): sum over rows of logsumexp E_q[log p(x, z)], less the KL of the rest.

        Args:
            problem: from `prepare`.
            posterior: the q in question.
        """
        rows = jax.nn.logsumexp(posterior.log_joint(problem.x), -1)
        prior = problem.prior
        kl = posterior.weight_factor.kl_to(prior.weight_factor)
        return jnp.sum(rows) - kl - jnp.sum(posterior.components.kl_to(prior.components))

    def _prior(self, x):
        rows, features = x.shape
        nu = float(features) if self.degrees_of_freedom is None else float(self.degrees_of_freedom)
        if nu <= features - 1:
            raise RequestError(
                f"degrees_of_freedom is {nu} and the data have {features} columns; it must be above {features - 1}."
            )
        loc = x.mean(0) if self.mean_prior is None else self.mean_prior
        if self.covariance_prior is None and rows < 2:
            raise DataError(
                "data has 1 row, which has no covariance; give covariance_prior, or at least 2 rows."
            )
        default = self.covariance_prior is None
        rate = np.atleast_2d(np.cov(x.T)) if self.covariance_prior is None else self.covariance_prior
        if loc.shape != (features,) or rate.shape != (features, features):
            raise DataError(
                f"data has {features} columns, mean_prior the shape {loc.shape} and covariance_prior {rate.shape}; they "
                f"need ({features},) and ({features}, {features})."
            )
        if not np.allclose(rate, rate.T) or np.linalg.eigvalsh(rate)[0] <= 1e-12 * np.trace(rate):
            what = (
                "The covariance of the data, which is the default of covariance_prior,"
                if default
                else "covariance_prior"
            )
            raise DataError(
                f"{what} is not symmetric positive definite; leave out constant or duplicate columns, or give a "
                "covariance_prior that is."
            )
        k = self.num_components
        components = NormalWishart(
            loc=jnp.tile(jnp.asarray(loc), (k, 1)),
            mean_precision=jnp.full(k, float(self.mean_precision)),
            degrees_of_freedom=jnp.full(k, nu),
            rate_matrix=jnp.tile(jnp.asarray(rate), (k, 1, 1)),
        )
        return GaussianMixturePosterior(self._weight_prior(), components)

    def _weight_prior(self):
        k = self.num_components
        concentration = 1 / k if self.weight_concentration is None else float(self.weight_concentration)
        if self.weights == "dirichlet" or k == 1:  # one stick is not broken
            return DirichletWeights(jnp.full(k, concentration))
        return StickBreakingWeights(jnp.ones(k - 1), jnp.full(k - 1, concentration))


class _Rows(eqx.Module):
    x: Float[Array, "rows features"]
    prior: GaussianMixturePosterior


@eqx.filter_jit
def _optimal(problem, masses):
    prior = problem.prior
    return GaussianMixturePosterior(
        prior.weight_factor.updated(jnp.sum(masses, 0)), prior.components.updated(problem.x, masses)
    )
