r"""The normal-Wishart distribution of a Gaussian's mean and precision matrix, one per component.

$p(\mu, \Lambda) = N(\mu \mid m, (\kappa \Lambda)^{-1})\, W(\Lambda \mid \nu, W)$, as in Bishop 2006, section 10.2 and
appendix B.
"""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jax import lax
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import digamma, multigammaln
from jaxtyping import Array, Float, PRNGKeyArray


class NormalWishart(eqx.Module):
    r"""Parameters of normal-Wishart distributions, with a leading axis of the components.

    Attributes:
        loc: $m$.
        mean_precision: $\kappa$.
        degrees_of_freedom: $\nu$.
        rate_matrix: $W^{-1}$, so that $E[\Lambda] = \nu W$.
    """

    loc: Float[Array, "components features"]
    mean_precision: Float[Array, " components"]
    degrees_of_freedom: Float[Array, " components"]
    rate_matrix: Float[Array, "components features features"]

    @property
    def rate_tril(self) -> Float[Array, "components features features"]:
        """Cholesky factor of the rate matrix."""
        return jnp.linalg.cholesky(self.rate_matrix)

    def expected_log_determinant(self) -> Float[Array, " components"]:
        r"""$E[\log |\Lambda|]$ (Bishop B.81)."""
        features = self.loc.shape[-1]
        halves = (self.degrees_of_freedom[:, None] - jnp.arange(features)) / 2
        return jnp.sum(digamma(halves), -1) + features * jnp.log(2.0) - _log_determinant(self.rate_tril)

    def expected_log_prob(self, x: Float[Array, "rows features"]) -> Float[Array, "rows components"]:
        r"""$E[\log N(x \mid \mu, \Lambda^{-1})]$ of every row under every component (Bishop 10.64)."""
        features = self.loc.shape[-1]
        whitening = _inverse(self.rate_tril)

        def distance(component):
            loc, matrix = component
            return jnp.sum(((x - loc) @ matrix.T) ** 2, -1)

        squared = lax.map(distance, (self.loc, whitening)).T
        constant = self.expected_log_determinant() - features * jnp.log(2 * jnp.pi)
        return 0.5 * (constant - features / self.mean_precision - self.degrees_of_freedom * squared)

    def updated(
        self, x: Float[Array, "rows features"], masses: Float[Array, "rows components"]
    ) -> "NormalWishart":
        """The posterior when row n counts `masses[n, k]` times for component k (Bishop 10.58 to 10.63)."""
        counts = jnp.sum(masses, 0)
        means = masses.T @ x / jnp.maximum(counts, jnp.finfo(x.dtype).tiny)[:, None]

        def scatter(component):
            mass, mean = component
            centred = x - mean
            return (mass[:, None] * centred).T @ centred

        scatters = lax.map(scatter, (masses.T, means))
        precision = self.mean_precision + counts
        away = means - self.loc
        shrunk = (
            (self.mean_precision * counts / precision)[:, None, None] * away[:, :, None] * away[:, None, :]
        )
        return NormalWishart(
            loc=self.loc + (counts / precision)[:, None] * away,
            mean_precision=precision,
            degrees_of_freedom=self.degrees_of_freedom + counts,
            rate_matrix=self.rate_matrix + scatters + shrunk,
        )

    def kl_to(self, other: "NormalWishart") -> Float[Array, " components"]:
        """KL(self || other) of every component, in nats."""
        features = self.loc.shape[-1]
        tril, nu = self.rate_tril, self.degrees_of_freedom
        whitening = _inverse(tril)
        scale = jnp.swapaxes(whitening, -1, -2) @ whitening
        ratio = other.mean_precision / self.mean_precision
        away = jnp.einsum("kij,kj->ki", whitening, self.loc - other.loc)
        means = features * (ratio - 1 - jnp.log(ratio)) + other.mean_precision * nu * jnp.sum(away**2, -1)
        # E_q[log q - log p] of the Wishart: what multiplies log|Lambda|, Lambda itself, and the normalisers
        determinants = (nu - other.degrees_of_freedom) * self.expected_log_determinant()
        traces = nu * (jnp.sum(other.rate_matrix * scale, (-2, -1)) - features)
        normalisers = 2 * (_log_normaliser(other) - _log_normaliser(self))
        return 0.5 * (means + determinants + traces + normalisers)

    def means(self) -> dist.MultivariateStudentT:
        r"""The marginal of $\mu$: Student-t with $\nu - d + 1$ degrees of freedom."""
        degrees = self.degrees_of_freedom - self.loc.shape[-1] + 1
        return self._student(degrees, 1 / (self.mean_precision * degrees))

    def predictive(self) -> dist.MultivariateStudentT:
        """The next observation of each component (Bishop 10.81)."""
        degrees = self.degrees_of_freedom - self.loc.shape[-1] + 1
        return self._student(degrees, (1 + self.mean_precision) / (self.mean_precision * degrees))

    def precisions(self) -> dist.Wishart:
        r"""The marginal of $\Lambda$."""
        return dist.Wishart(self.degrees_of_freedom, rate_matrix=self.rate_matrix)

    def sample(
        self, key: PRNGKeyArray, num_samples: int
    ) -> tuple[
        Float[Array, "samples components features"], Float[Array, "samples components features features"]
    ]:
        """Means and precision matrices, drawn together."""
        precision_key, mean_key = jr.split(key)
        precisions = jnp.asarray(self.precisions().sample(precision_key, (num_samples,)))
        tril = jnp.linalg.cholesky(self.mean_precision[:, None, None] * precisions)
        noise = jr.normal(mean_key, (num_samples, *self.loc.shape), self.loc.dtype)
        away = solve_triangular(jnp.swapaxes(tril, -1, -2), noise[..., None], lower=False)[..., 0]
        return self.loc + away, precisions

    def _student(self, degrees, factor):
        return dist.MultivariateStudentT(degrees, self.loc, jnp.sqrt(factor)[:, None, None] * self.rate_tril)


def _log_determinant(tril):
    return 2 * jnp.sum(jnp.log(jnp.diagonal(tril, axis1=-2, axis2=-1)), -1)


def _inverse(tril):
    return solve_triangular(tril, jnp.broadcast_to(jnp.eye(tril.shape[-1]), tril.shape), lower=True)


def _log_normaliser(wishart):
    features, nu = wishart.loc.shape[-1], wishart.degrees_of_freedom
    return (
        nu * features / 2 * jnp.log(2.0)
        - nu / 2 * _log_determinant(wishart.rate_tril)
        + multigammaln(nu / 2, features)
    )
