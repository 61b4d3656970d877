"""The cases of the clinic: eight sick set-ups, three healthy ones, and for each sick one a small hand-tuned grid.

What each diagnosis must say and what each grid holds were fixed before the first run.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array

from benchmarks.exact import ppca_data
from latlas.core import Constant, Example, LinearWarmUp
from latlas.data import digits
from latlas.distributions import (
    Bernoulli,
    Chain,
    FixedScale,
    Gaussian,
    LearnedScale,
    Likelihood,
    diagonal_normal,
)
from latlas.evaluation.cure import FitSetup
from latlas.models import (
    VAE,
    AbstractLatentModel,
    AbstractPrior,
    AbstractRecognition,
    ConditionalGaussian,
    GaussianRecognition,
    SoftenedPrior,
    StandardNormal,
    gaussian,
    linear_vae,
)
from latlas.networks import MLP, Of
from latlas.objectives import Elbo, FreeBits, Total
from latlas.training import Adam, Reports, Schedule, Trainer

FEATURES, LATENT, HIDDEN, EPOCHS, BATCH = 64, 8, 64, 200, 100
Change = Callable[[FitSetup], FitSetup]


@dataclass(frozen=True)
class Case:
    """One set-up.

    Attributes:
        name: of the sickness.
        build: seed -> the set-up.
        rows: seed -> training, validation and test rows.
        expected: findings, one of which must be named; none for a healthy set-up.
        grid: label -> what a person would try by hand.
    """

    name: str
    build: Callable[[int], FitSetup]
    rows: Callable[[int], tuple[Example, Example, Example]]
    expected: tuple[str, ...] = ()
    grid: dict[str, Change] = None


# --- data


def split(x: np.ndarray, seed: int) -> tuple[Example, Example, Example]:
    """1,000 training, 300 validation and all other rows for the test, in an order drawn once per seed."""
    x = x[np.random.default_rng(seed).permutation(len(x))]
    return tuple(Example(jnp.asarray(part)) for part in (x[:1000], x[1000:1300], x[1300:]))


def binary(seed: int) -> tuple[Example, ...]:
    return split(np.float32(digits().x.reshape(-1, FEATURES) > 7), seed)


def grey(seed: int) -> tuple[Example, ...]:
    return split(np.float32(digits().x.reshape(-1, FEATURES) / 16), seed)


def with_a_copy(seed: int) -> tuple[Example, ...]:
    """Binary digits whose condition is a copy of the image with one pixel in a hundred flipped."""
    rng = np.random.default_rng(100 + seed)

    def copied(x: Array) -> Array:
        return jnp.where(rng.random(x.shape) < 0.01, 1.0 - x, x)

    return tuple(Example(rows.x, condition=copied(rows.x)) for rows in binary(seed))


def linear_rows(seed: int) -> tuple[Example, ...]:
    x, y = ppca_data(seed, 1800, 12, 3)
    return tuple(Example(jnp.asarray(part)) for part in (x[:1000], x[1000:1300], y))


# --- parts


class Shown(AbstractLatentModel):
    """p(x | z, condition) with logits that are a sum of both: a decoder that is shown enough to do without z.

    Attributes:
        vae: prior, posterior, and a decoder whose logits are one part of the sum.
        weight: logits that each pixel of the condition gives.
    """

    vae: VAE
    weight: Array

    def prior(self, condition=None):
        return self.vae.prior(None)

    def posterior(self, example):
        return self.vae.posterior(Example(example.x))

    def likelihood(self, z, condition=None):
        return Likelihood(self.vae.head, self.vae.decoder(z) + self.weight @ (2.0 * condition - 1.0))


class Deterministic(AbstractRecognition):
    """q(z | x) of one fixed width: an encoder that was made for an autoencoder.

    Attributes:
        encoder: gives the mean.
        width: standard deviation of every dimension, never trained.
    """

    encoder: MLP
    width: float

    def __call__(self, example: Example):
        loc = self.encoder(example.x)
        return diagonal_normal(loc, jnp.full_like(loc, self.width))


class Dirac(AbstractPrior):
    """All mass at the origin."""

    def __call__(self, condition=None):
        return dist.Delta(jnp.zeros(LATENT), event_dim=1)


class TopDown(AbstractPrior):
    links: tuple[ConditionalGaussian, ...]

    def __call__(self, condition=None):
        top = diagonal_normal(jnp.zeros(LATENT), jnp.ones(LATENT))
        return Chain(tuple(f"z{i}" for i in range(len(self.links) + 1, 0, -1)), top, self.links)


class BottomUp(AbstractRecognition):
    first: MLP
    links: tuple[ConditionalGaussian, ...]

    def __call__(self, example: Example):
        names = tuple(f"z{i}" for i in range(1, len(self.links) + 2))
        return Chain(names, gaussian(self.first(example.x)), self.links)


def networks(seed: int) -> tuple[MLP, MLP]:
    keys = jr.split(jr.key(1000 + seed))
    return (
        MLP(FEATURES, 2 * LATENT, (HIDDEN,), key=keys[0]),
        MLP(LATENT, FEATURES, (HIDDEN,), key=keys[1]),
    )


def vae(seed: int, head=None, prior=None) -> VAE:
    encoder, decoder = networks(seed)
    prior = StandardNormal(LATENT) if prior is None else prior
    return VAE(prior, GaussianRecognition(encoder), decoder, Bernoulli() if head is None else head)


def stack(seed: int, layers: int) -> VAE:
    """A hierarchy of so many layers."""
    keys = jr.split(jr.key(2000 + seed), 2 * layers)
    encoder, decoder = networks(seed)

    def links(keys):
        return tuple(ConditionalGaussian(MLP(LATENT, 2 * LATENT, (HIDDEN,), key=key)) for key in keys)

    down, up = links(keys[: layers - 1]), links(keys[layers : 2 * layers - 1])
    return VAE(TopDown(down), BottomUp(encoder, up), Of("z1", decoder), Bernoulli())


def trainer(beta=1.0, rows: int = 1000) -> Trainer:
    beta = Constant(beta) if isinstance(beta, float) else beta
    steps = EPOCHS * (rows // BATCH)
    rate = Schedule("cosine_decay_schedule", init_value=3e-3, decay_steps=steps)
    return Trainer(Elbo(beta), Adam(rate), num_epochs=EPOCHS, batch_size=BATCH, reports=Reports(steps // 40))


def setup(model, rows, seed: int, beta=1.0) -> FitSetup:
    return FitSetup(jr.key(seed), model, trainer(beta), rows(seed)[0])


# --- what a person would try: numbers as arrays, so that a grid is one compiled program


def rising(fraction: float, end: float = 1.0) -> LinearWarmUp:
    """A warm-up to `end`; of no length where the fraction is next to nothing."""
    return LinearWarmUp(*(jnp.float32(value) for value in (fraction, 0.0, end)))


def with_beta(beta) -> Change:
    return lambda c: replace(c, trainer=replace(c.trainer, objective=Elbo(beta)))


def with_free_bits(nats: float) -> Change:
    objective = Total((Elbo(rising(0.3)), FreeBits(jnp.float32(nats))), (1.0, 1.0))
    return lambda c: replace(c, trainer=replace(c.trainer, objective=objective))


def with_scale(value: float) -> Change:
    """A scale that is fixed: an array, and not trained."""
    return with_part(lambda m: m.head, lambda m: Gaussian(FixedScale(jnp.float32(value))), frozen=True)


def with_part(where, part, *, frozen: bool = False) -> Change:
    def change(c: FitSetup) -> FitSetup:
        trainer = replace(c.trainer, frozen=where) if frozen else c.trainer
        return replace(c, model=eqx.tree_at(where, c.model, part(c.model)), trainer=trainer)

    return change


def learned(init: float) -> Change:
    return with_part(lambda m: m.head, lambda m: Gaussian(LearnedScale(init=init)))


WARM_UPS = {f"warm-up {f}": with_beta(rising(f)) for f in (0.1, 0.3, 0.6, 0.9)}
SCALES = {f"scale {s}": with_scale(s) for s in (0.05, 0.1, 0.15, 0.2, 0.3)}
NOISES = {f"scale {s}": with_scale(s) for s in (0.25, 0.5, 1.0, 2.0)}
BETAS = {f"beta {b}": with_beta(rising(1e-6, b)) for b in (0.5, 1.0, 2.0, 5.0)}
WIDTHS = {
    f"width {w}": with_part(lambda m: m.recognition.width, lambda m, w=w: jnp.float32(w), frozen=True)
    for w in (0.01, 0.03, 0.1, 0.3, 1.0)
}
PRIORS = {
    f"N(0, {w}^2)": with_part(
        lambda m: m.prior_part, lambda m, w=w: SoftenedPrior(Dirac(), jnp.float32(w)), frozen=True
    )
    for w in (0.03, 0.1, 0.3, 1.0, 3.0)
}


def shallower(layers: int) -> Change:
    return lambda c: replace(c, model=stack(int(jr.key_data(c.key)[-1]), layers))


def _amortised(c: FitSetup) -> FitSetup:
    seed = int(jr.key_data(c.key)[-1])
    return replace(c, model=vae(seed))


def _deterministic(seed: int) -> VAE:
    model = vae(seed)
    encoder = MLP(FEATURES, LATENT, (HIDDEN,), key=jr.key(3000 + seed))
    return eqx.tree_at(lambda m: m.recognition, model, Deterministic(encoder, 1e-5))


def _shown(seed: int) -> Shown:
    return Shown(vae(seed), 2.0 * jnp.eye(FEATURES))


NEVER = LinearWarmUp(1.0, end=0.01)  # beta is still at a hundredth when the run ends

SICK = (
    Case("strong decoder", lambda s: setup(_shown(s), with_a_copy, s), with_a_copy,
         ("posterior_collapse",), WARM_UPS | {f"free bits {n}": with_free_bits(n) for n in (0.1, 0.3)}),
    Case("large beta", lambda s: setup(vae(s), binary, s, 20.0), binary, ("posterior_collapse",), BETAS | WARM_UPS),
    Case("scale too small", lambda s: setup(vae(s, Gaussian(FixedScale(0.003))), grey, s), grey,
         ("wrong_likelihood_scale", "vanishing_posterior_variance"),
         SCALES | {"learned scale": learned(0.3)}),
    Case("deep stack", lambda s: setup(stack(s, 5), binary, s), binary,
         ("collapsed_layer", "posterior_collapse"),
         WARM_UPS | {f"{n} layers": shallower(n) for n in (3, 2)} | {"one layer": _amortised}),
    Case("linear decoder, high noise", lambda s: FitSetup(jr.key(s), eqx.tree_at(
             lambda m: m.head, linear_vae(jr.key(1000 + s), 12, 3), Gaussian(FixedScale(5.0))), trainer(),
             linear_rows(s)[0]), linear_rows,
         ("posterior_collapse", "wrong_likelihood_scale"),
         NOISES | {"learned scale": learned(1.0)}),
    Case("dead warm-up", lambda s: setup(vae(s), binary, s, NEVER), binary,
         ("too_few_epochs", "vanishing_posterior_variance", "aggregate_posterior_mismatch"), BETAS | WARM_UPS),
    Case("deterministic q", lambda s: setup(_deterministic(s), binary, s), binary,
         ("vanishing_posterior_variance",), WIDTHS | {"amortised": _amortised}),
    Case("Dirac prior", lambda s: setup(vae(s, prior=Dirac()), binary, s), binary, ("support_mismatch",), PRIORS),
)  # fmt: skip

HEALTHY = (
    Case("binary digits", lambda s: setup(vae(s), binary, s, LinearWarmUp(0.1)), binary),
    Case("grey digits", lambda s: setup(vae(s, Gaussian(LearnedScale())), grey, s), grey),
    Case("linear", lambda s: FitSetup(jr.key(s), linear_vae(jr.key(1000 + s), 12, 3), trainer(), linear_rows(s)[0]),
         linear_rows),
)  # fmt: skip
