"""A hierarchy is a chain of the same parts: p(z2) p(z1 | z2) p(x | z1) against q(z1 | x) q(z2 | z1).

The data come from such a linear-Gaussian model, so the best possible log p(x) is known.
"""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist

from latlas.core import Example, LinearWarmUp
from latlas.distributions import Chain, Gaussian, LearnedScale
from latlas.models import VAE, AbstractPrior, AbstractRecognition, ConditionalGaussian, gaussian
from latlas.networks import MLP, Of
from latlas.objectives import Elbo, ImportanceWeighted, MonteCarlo
from latlas.training import Adam, Trainer


class TopDown(AbstractPrior):
    link: ConditionalGaussian

    def __call__(self, condition=None):
        return Chain(("z2", "z1"), dist.Normal(jnp.zeros(2), 1.0).to_event(1), (self.link,))


class BottomUp(AbstractRecognition):
    first: MLP
    link: ConditionalGaussian

    def __call__(self, example):
        return Chain(("z1", "z2"), gaussian(self.first(example.x)), (self.link,))


def main(num_steps: int = 4000):
    key, a_key, b_key, *keys = jr.split(jr.key(0), 9)
    a, b = jr.normal(a_key, (4, 2)), jr.normal(b_key, (10, 4))
    z1 = jr.normal(keys[0], (5000, 2)) @ a.T + 0.5 * jr.normal(keys[1], (5000, 4))
    x = z1 @ b.T + 0.3 * jr.normal(keys[2], (5000, 10))
    # x is Gaussian with covariance B (A A' + 0.5^2 I) B' + 0.3^2 I
    factor = jnp.concatenate([b @ a, 0.5 * b], axis=1)
    truth = dist.LowRankMultivariateNormal(jnp.zeros(10), factor, jnp.full(10, 0.09))

    def link(key, inputs, outputs):
        return ConditionalGaussian(MLP(inputs, 2 * outputs, (32,), key=key))

    bottom_up = BottomUp(MLP(10, 8, (32,), key=keys[4]), link(keys[5], 4, 2))
    decoder = Of("z1", MLP(4, 10, (), key=key))
    model = VAE(TopDown(link(keys[3], 2, 4)), bottom_up, decoder, Gaussian(LearnedScale()))
    trainer = Trainer(Elbo(LinearWarmUp(0.2)), Adam(3e-3), num_steps=num_steps)
    model = trainer.fit(key, model, Example(x[:4000])).model
    bound = -eqx.filter_jit(ImportanceWeighted(MonteCarlo(200)))(key, model, Example(x[4000:]))[0]
    exact = truth.log_prob(x[4000:]).mean()
    print(f"log p(x) of held-out data: {bound:.2f} nats by the fit, {exact:.2f} by the truth")
    return float(bound), float(exact)


if __name__ == "__main__":
    main()
