"""No encoder: each datum has a posterior of its own, found by its row number (variational EM).

The data are linear-Gaussian, so the highest log p(x) that any such model reaches is known: probabilistic PCA's maximum
likelihood. Free posteriors reach it. An encoder that is too small does not: it pulls the decoder to where its own
posteriors fit. That is the bias which amortisation costs.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from latlas.core import Example
from latlas.distributions import MeanField
from latlas.models import PPCA, VAE, GaussianRecognition, WithRecognition, free_posteriors, linear_vae
from latlas.networks import MLP
from latlas.objectives import Elbo, MonteCarlo
from latlas.training import Adam, Schedule, Trainer


def two_features(example):
    return example.x[:2]


def exact_evidence(model, x):
    (layer,) = model.decoder.layers
    ppca = PPCA(layer.weight.T, layer.bias, model.head.scale.value)
    return float(jax.vmap(ppca.log_evidence)(Example(x)).mean())


def main(num_steps: int = 3000):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.7 * rng.normal(size=(300, 6))
    x = jnp.asarray(x, jnp.float32)
    best = float(jax.vmap(PPCA.maximum_likelihood(x, 2).log_evidence)(Example(x)).mean())

    linear = linear_vae(jr.key(0), 6, 2)
    small = GaussianRecognition(MLP(2, 4, (), key=jr.key(1)), two_features)
    start = VAE(linear.prior_part, small, linear.decoder, linear.head)
    data = Example(x, index=jnp.arange(len(x)))
    free = free_posteriors(linear, data, MeanField())

    rate = Schedule("cosine_decay_schedule", init_value=0.03, decay_steps=num_steps)
    trainer = Trainer(Elbo(draws=MonteCarlo(4)), Adam(rate), num_steps=num_steps, batch_size=None)
    amortised = exact_evidence(trainer.fit(jr.key(2), start, data).model, x)
    non_amortised = exact_evidence(trainer.fit(jr.key(2), WithRecognition(linear, free), data).model.model, x)
    print(
        f"log p(x) in nats: best {best:.3f}, free posteriors {non_amortised:.3f}, small encoder {amortised:.3f}"
    )
    return best, non_amortised, amortised


if __name__ == "__main__":
    main()
