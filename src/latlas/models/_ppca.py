"""Probabilistic PCA: the latent-variable model whose every answer is known exactly."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, PyTree, Scalar

from latlas.core import Example
from latlas.distributions import FixedScale, Gaussian, Likelihood
from latlas.models._latent_model import AbstractExactModel


class PPCA(AbstractExactModel):
    r"""z ~ N(0, I), x | z ~ N(W z + loc, noise^2 I) (Tipping and Bishop 1999, J. R. Stat. Soc. B 61).

    Its evidence and posterior are exact, which makes it the truth that estimates are held against:
    $\log p(x) = \log N(x; loc, W W^T + noise^2 I)$ and $p(z | x) = N(M^{-1} W^T (x - loc), noise^2 M^{-1})$ with
    $M = W^T W + noise^2 I$.

    Attributes:
        weight: W, shape `(features, latent)`.
        loc: shape `(features,)`.
        noise_scale: standard deviation of the noise, shape `()`, positive.
    """

    weight: Float[Array, "features latent"]
    loc: Float[Array, " features"]
    noise_scale: Float[Array, ""]

    def prior(self, condition: PyTree[Array | np.ndarray] | None = None) -> dist.Distribution:
        """N(0, I), event shape `(latent,)`."""
        latent_dim = self.weight.shape[1]
        return dist.Normal(jnp.zeros(latent_dim), jnp.ones(latent_dim)).to_event(1)

    def posterior(self, example: Example) -> dist.Distribution:
        """p(z | x), exact, event shape `(latent,)`."""
        weight, x = self._observed(example)
        variance = self.noise_scale**2
        precision = (weight.T @ weight) / variance + jnp.eye(weight.shape[1])
        loc = jnp.linalg.solve(precision, weight.T @ (x - self.loc) / variance)
        return dist.MultivariateNormal(loc, precision_matrix=precision)

    def likelihood(
        self, z: Float[Array, " latent"], condition: PyTree[Array | np.ndarray] | None = None
    ) -> Likelihood:
        """N(W z + loc, noise^2 I)."""
        return Likelihood(Gaussian(FixedScale(self.noise_scale)), self.weight @ z + self.loc)

    def log_evidence(self, example: Example) -> Scalar:
        """Log p(x) of the observed entries, exact, in nats."""
        weight, x = self._observed(example)
        noise = jnp.full_like(self.loc, self.noise_scale**2)
        if example.observed is not None:
            # a missing entry stands at its mean; with this variance its density there is 1
            noise = jnp.where(jnp.ravel(example.observed), noise, 1 / (2 * jnp.pi))
        return dist.LowRankMultivariateNormal(self.loc, weight, noise).log_prob(x)

    def _observed(self, example):
        """W and x in which a missing entry says nothing: no weight, and the value of its mean."""
        x = jnp.ravel(example.x).astype(self.loc.dtype)
        if example.observed is None:
            return self.weight, x
        observed = jnp.ravel(example.observed)
        return jnp.where(observed[:, None], self.weight, 0.0), jnp.where(observed, x, self.loc)

    @classmethod
    def maximum_likelihood(cls, x: Float[Array | np.ndarray, "examples features"], latent_dim: int) -> "PPCA":
        """The maximum-likelihood solution in closed form (Tipping and Bishop 1999, eq. 7 and 8).

        Args:
            x: the data, one row per example.
            latent_dim: number of latent dimensions, less than the number of features.

        Raises:
            ValueError: if `latent_dim` leaves no direction for the noise, or the noise's variance is zero.
        """
        x = np.asarray(x, np.float64)
        features = x.shape[1]
        if not 0 < latent_dim < features:
            raise ValueError(
                f"latent_dim must be between 1 and {features - 1} for {features} features; got {latent_dim}."
            )
        loc = x.mean(0)
        values, vectors = np.linalg.eigh((x - loc).T @ (x - loc) / len(x))
        values, vectors = values[::-1], vectors[:, ::-1]
        variance = values[latent_dim:].mean()
        if variance <= 1e-12 * values[0]:
            raise ValueError(
                f"The data lie exactly in {latent_dim} dimensions, so the noise's variance is zero and the likelihood "
                "unbounded. Use fewer latent dimensions."
            )
        weight = vectors[:, :latent_dim] * np.sqrt(np.maximum(values[:latent_dim] - variance, 0.0))
        return cls(*(jnp.asarray(a, jnp.float32) for a in (weight, loc, np.sqrt(variance))))
