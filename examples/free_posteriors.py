"""No encoder: each datum keeps a posterior of its own, found by its row number.

For probabilistic PCA the best diagonal Gaussian is known: the exact posterior's mean, and one over the diagonal of its
precision as variances. What an encoder loses against free posteriors is the amortisation gap.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.models import PPCA, AbstractRecognition, WithRecognition
from latlas.objectives import Elbo, MonteCarlo
from latlas.training import Adam, Schedule, Trainer


class FreePosteriors(AbstractRecognition):
    loc: Array
    log_scale: Array

    def __call__(self, example):
        return diagonal_normal(self.loc[example.index], jnp.exp(self.log_scale[example.index]))


def main(num_steps: int = 3000):
    x = StandardScaler().fit_transform(load_wine().data).astype(np.float32)
    # turned, so that the exact posterior is correlated and no diagonal Gaussian equals it
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    ppca = PPCA.maximum_likelihood(x, latent_dim=3)
    ppca = PPCA(ppca.weight @ turn, ppca.loc, ppca.noise_scale)

    free = FreePosteriors(jnp.zeros((len(x), 3)), jnp.zeros((len(x), 3)))
    rate = Schedule("cosine_decay_schedule", init_value=0.05, decay_steps=num_steps)
    trainer = Trainer(
        Elbo(draws=MonteCarlo(8)), Adam(rate), num_steps=num_steps, batch_size=None, frozen=lambda m: m.model
    )
    data = Example(jnp.asarray(x), index=jnp.arange(len(x)))
    fitted = trainer.fit(jr.key(0), WithRecognition(ppca, free), data).model.recognition

    exact = ppca.posterior(Example(data.x[0]))
    loc_error = float(jnp.abs(fitted.loc[0] - exact.mean).max())
    best_scale = jnp.sqrt(1 / jnp.diag(exact.precision_matrix))
    scale_error = float(jnp.abs(jnp.exp(fitted.log_scale) / best_scale - 1).max())
    print(f"against the best diagonal Gaussian: means off by {loc_error:.3f}, scales by {scale_error:.1%}")
    return loc_error, scale_error


if __name__ == "__main__":
    main()
