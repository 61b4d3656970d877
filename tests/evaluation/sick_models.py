"""Linear-Gaussian models whose every part can be set, and data that they are made for."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from latlas.distributions import FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.models import PPCA, AbstractLatentModel

FEATURES, LATENT = 8, 3


class Linear(AbstractLatentModel):
    """z ~ N(0, I), x ~ N(W z + loc, noise^2), q(z | x) = N(A (x - loc) + shift, exp(log_scale)^2)."""

    weight: Array
    loc: Array
    noise: Array
    encode: Array
    shift: Array
    log_scale: Array

    def prior(self, condition=None):
        return diagonal_normal(jnp.zeros(LATENT), jnp.ones(LATENT))

    def posterior(self, example):
        loc = self.encode @ (example.x - self.loc) + self.shift
        return diagonal_normal(loc, jnp.exp(self.log_scale))

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(self.noise)), self.weight @ z + self.loc)


def linear_data(seed, num=300, noise=0.5, latent_dim=LATENT):
    """Rows of a linear-Gaussian model that has three latents (or fewer) worth about a nat each, and its weight."""
    rng = np.random.default_rng(seed)
    weight = np.linalg.qr(rng.normal(size=(FEATURES, latent_dim)))[0] * np.linspace(1.5, 1.0, latent_dim)
    z = rng.normal(size=(num, latent_dim))
    return (z @ weight.T + noise * rng.normal(size=(num, FEATURES)) + 1.0).astype(np.float32)


def fitted(x):
    """The maximum-likelihood model of rows with its exact posterior, which is diagonal."""
    ppca = PPCA.maximum_likelihood(x, LATENT)
    weight, variance = np.asarray(ppca.weight, np.float64), float(ppca.noise_scale) ** 2
    precision = np.sum(weight**2, axis=0) / variance + 1.0
    arrays = (weight.T / variance / precision[:, None], np.zeros(LATENT), -0.5 * np.log(precision))
    return Linear(ppca.weight, ppca.loc, ppca.noise_scale, *(jnp.asarray(a, jnp.float32) for a in arrays))


def with_parts(model, **parts):
    """The model with some of its arrays replaced."""
    return eqx.tree_at(
        lambda m: [getattr(m, name) for name in parts],
        model,
        [jnp.broadcast_to(jnp.asarray(v, jnp.float32), getattr(model, n).shape) for n, v in parts.items()],
    )


def names(diagnosis, *, above_note=True):
    """Names of the findings, without notes."""
    return {f.name for f in diagnosis.findings if not above_note or f.severity != "note"}
