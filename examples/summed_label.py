"""A label that is a latent, summed out exactly: M2 of Kingma et al. 2014; the one new part takes every y by its mass."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from sklearn.datasets import load_digits

from latlas.core import Example
from latlas.distributions import Bernoulli, Chain, Product
from latlas.models import VAE, AbstractPrior, AbstractRecognition, StandardNormal, gaussian
from latlas.networks import MLP, Joined
from latlas.objectives import AbstractDraws, Elbo, Total
from latlas.training import Adam, Trainer


class EveryLabel(AbstractDraws):
    def __call__(self, key, q):
        z = jax.vmap(lambda key, y: q.then[0](y).sample(key))(jr.split(key, 10), jnp.eye(10))
        return {"y": jnp.eye(10), "z": z}, jax.vmap(q.first.log_prob)(jnp.eye(10))


class LabelPrior(AbstractPrior):
    def __call__(self, condition=None):
        return Product({"y": dist.Multinomial(1, logits=jnp.zeros(10)), "z": StandardNormal(16)()})


class LabelThenLatent(AbstractRecognition):
    classifier: MLP
    encoder: Joined

    def __call__(self, example):
        # a known label as a logit of 50: its rivals have a mass of 2e-22, with a finite logarithm
        logits = jnp.where(example.label.any(), 50.0 * example.label, self.classifier(example.x))
        then = jax.tree_util.Partial(lambda encoder, x, y: gaussian(encoder((x, y))), self.encoder, example.x)
        return Chain(("y", "z"), dist.Multinomial(1, logits=logits), (then,))


def label_loss(key, model, batch, *, progress):
    return -jnp.mean(batch.label * jax.nn.log_softmax(jax.vmap(model.recognition.classifier)(batch.x))), {}


def main(num_steps: int = 3000):
    x, y = load_digits(return_X_y=True)
    x, y, known = jnp.asarray(x / 16, jnp.float32), jnp.eye(10)[y], jr.uniform(jr.key(1), (1500, 1)) < 0.1
    keys = jr.split(jr.key(0), 4)
    recognition = LabelThenLatent(MLP(64, 10, (100,), key=keys[0]), Joined(MLP(74, 32, (100,), key=keys[1])))
    model = VAE(LabelPrior(), recognition, Joined(MLP(26, 64, (100,), key=keys[2])), Bernoulli())
    total = Total((Elbo(draws=EveryLabel()), label_loss), (1.0, 1000.0))
    data = Example(x[:1500], label=y[:1500] * known)
    model = Trainer(total, Adam(1e-3), num_steps=num_steps).fit(keys[3], model, data).model
    guess = jax.vmap(model.recognition.classifier)(x).argmax(1)
    accuracy = float(jnp.mean((guess == y.argmax(1))[1500:]))
    print(f"{int(known.sum())} labels of 1500; held-out digits named rightly: {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
