"""Models made sick in exactly one way are diagnosed by that name, and healthy ones by none."""

from functools import partial

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from tests.evaluation.sick_models import FEATURES, LATENT, fitted, linear_data, names, with_parts

from latlas.core import Example
from latlas.distributions import Bernoulli, Chain, FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.evaluation import diagnose
from latlas.evaluation.diagnosis import FINDINGS, QUICK_CHECKS
from latlas.models import PPCA, AbstractLatentModel, Autoencoder


def quick(model, x, seed=0):
    return diagnose(jr.key(seed), model, Example(x), checks=QUICK_CHECKS)


@pytest.fixture(scope="module")
def x():
    return linear_data(0)


@pytest.fixture(scope="module")
def model(x):
    return fitted(x)


@pytest.mark.parametrize("seed", range(5))
def test_a_fitted_model_is_healthy(seed):
    x = linear_data(seed, num=600)
    found = quick(fitted(x[:300]), x[300:], seed)
    assert found.findings == ()
    assert found.healthy


def test_a_posterior_that_ignores_x_has_collapsed(model, x):
    # with the noise that such a reconstruction has: nothing else is wrong
    noise = np.sqrt(np.mean(np.var(x, axis=0)) + np.mean(np.sum(model.weight**2, axis=1)))
    sick = with_parts(model, encode=0.0, log_scale=0.0, noise=noise)
    found = quick(sick, x)
    # the decoder still moves with z: it is the encoder that says nothing
    assert names(found, above_note=False) == {"posterior_collapse"}
    assert found.findings[0].severity == "serious"
    assert 0 <= found.findings[0].measured < 1e-3


def test_a_posterior_that_is_one_distribution_far_from_the_prior_has_collapsed_too(model, x):
    found = quick(with_parts(model, encode=0.0, shift=3.0, log_scale=-1.0), x)
    assert "posterior_collapse" in names(found)


@pytest.mark.parametrize("seed", range(3))
def test_surplus_dimensions_are_a_note(seed):
    x = linear_data(seed, latent_dim=1)
    model = fitted(x)
    keep = jnp.arange(LATENT) < 1
    pruned = with_parts(
        model,
        weight=jnp.where(keep, model.weight, 0.0),
        encode=jnp.where(keep[:, None], model.encode, 0.0),
        log_scale=jnp.where(keep, model.log_scale, 0.0),
    )
    found = quick(pruned, x, seed)
    assert found.healthy
    assert [(f.name, f.measured) for f in found.findings] == [("collapsed_dimensions", LATENT - 1)]


def test_a_decoder_without_weights_ignores_the_latent(model, x):
    found = quick(with_parts(model, weight=0.0, noise=np.sqrt(np.mean(np.var(x, axis=0)))), x)
    assert names(found, above_note=False) == {"decoder_ignores_latent"}
    assert found.findings[0].measured == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_a_decoder_that_reads_another_code_than_the_encoder_writes_ignores_it(model, x, seed):
    # the latent is full of information, and the decoder moves with it, but not with the example
    other = jnp.asarray(np.random.default_rng(seed).normal(size=(FEATURES, LATENT)))
    strange = other - model.weight @ jnp.linalg.lstsq(model.weight, other)[0]
    noise = np.sqrt(np.mean(np.var(x, axis=0)) + np.mean(np.sum(strange**2, axis=1)))
    found = quick(with_parts(model, weight=strange, noise=noise), x, seed)
    assert names(found) == {"decoder_ignores_latent"}


@pytest.mark.parametrize(("log_scale", "severity"), [(-8.0, "warning"), (-12.0, "serious")])
def test_a_posterior_that_becomes_a_point_is_seen(model, x, log_scale, severity):
    scale = model.log_scale.at[1].set(log_scale)
    found = quick(with_parts(model, log_scale=scale), x)
    assert names(found, above_note=False) == {"vanishing_posterior_variance"}
    assert found.findings[0].severity == severity
    assert found.findings[0].measured == pytest.approx(np.exp(log_scale), rel=1e-3)


class WithPrior(AbstractLatentModel):
    """A model under another prior."""

    model: AbstractLatentModel
    other: dist.Distribution

    def prior(self, condition=None):
        return self.other

    def posterior(self, example):
        return self.model.posterior(example)

    def likelihood(self, z, condition=None):
        return self.model.likelihood(z, condition)


@pytest.mark.parametrize(
    ("prior", "remedy"),
    [
        pytest.param(dist.Delta(jnp.zeros(LATENT), event_dim=1), "Soften the prior", id="dirac"),
        pytest.param(
            dist.Uniform(-jnp.ones(LATENT), jnp.ones(LATENT)).to_event(1), "positive everywhere", id="uniform"
        ),
        pytest.param(dist.HalfNormal(jnp.ones(LATENT)).to_event(1), "positive everywhere", id="half normal"),
    ],
)
def test_a_prior_without_density_where_the_posterior_lies_is_seen(model, x, prior, remedy):
    found = quick(WithPrior(model, prior), x)
    assert names(found) == {"support_mismatch"}
    assert found.findings[0].measured == np.inf
    assert remedy in found.findings[0].remedy


def test_a_likelihood_that_is_not_a_number_is_seen(model, x):
    assert "support_mismatch" in names(quick(with_parts(model, noise=np.nan), x))
    assert "support_mismatch" in names(quick(with_parts(model, loc=np.inf), x))


class TwoLayers(AbstractLatentModel):
    """z2 ~ N(0, I), z1 ~ N(a z2, I), x ~ N(z1, I/4); q(z1 | x) q(z2 | z1), exact."""

    slope: float

    def prior(self, condition=None):
        top = diagonal_normal(jnp.zeros(2), jnp.ones(2))
        return Chain(("z2", "z1"), top, (lambda z: diagonal_normal(self.slope * z, jnp.ones(2)),))

    def posterior(self, example):
        precision = 1.0 / (1.0 + self.slope**2) + 4.0
        first = diagonal_normal(example.x * (4.0 / precision), jnp.full(2, precision**-0.5))
        top = 1.0 / (1.0 + self.slope**2)
        return Chain(
            ("z1", "z2"), first, (lambda z: diagonal_normal(top * self.slope * z, jnp.full(2, top**0.5)),)
        )

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(0.5)), z["z1"])


@pytest.mark.parametrize("seed", range(3))
def test_a_layer_that_is_not_used_is_named(seed):
    x = np.random.default_rng(seed).normal(size=(400, 2)).astype("f") * 1.5
    assert names(quick(TwoLayers(jnp.float32(1.0)), x, seed), above_note=False) == set()
    found = quick(TwoLayers(jnp.float32(0.0)), x / 1.5 * 1.118, seed)
    assert names(found) == {"collapsed_layer"}
    assert "layer z2" in found.findings[0].meaning


def test_a_model_without_a_prior_is_diagnosed_as_far_as_it_goes(x):
    orthogonal = jnp.linalg.qr(fitted(x).weight)[0]
    sound = Autoencoder(partial(jnp.matmul, orthogonal.T), partial(jnp.matmul, orthogonal), Gaussian())
    assert names(quick(sound, x)) == set()
    mute = Autoencoder(partial(jnp.matmul, 0.0 * orthogonal.T), partial(jnp.matmul, orthogonal), Gaussian())
    assert names(quick(mute, x)) == {"posterior_collapse", "decoder_ignores_latent"}


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_model_of_binary_data_is_healthy(seed):
    rng = np.random.default_rng(seed)
    model = Binary(jnp.asarray(3.0 * rng.normal(size=(2, FEATURES)), jnp.float32))
    component = rng.integers(2, size=200)
    x = (rng.random((200, FEATURES)) < 1 / (1 + np.exp(-model.logits[component]))).astype("f")
    assert quick(model, x, seed).healthy


class Binary(AbstractLatentModel):
    """Two components of Bernoulli entries; the posterior over the component is exact."""

    logits: jnp.ndarray

    def prior(self, condition=None):
        return dist.Categorical(logits=jnp.zeros(2))

    def posterior(self, example):
        return dist.Categorical(
            logits=jnp.stack([Bernoulli().log_prob(self.logits[k], example.x) for k in range(2)])
        )

    def likelihood(self, z, condition=None):
        return Likelihood(Bernoulli(), self.logits[z])


def test_probabilistic_pca_is_healthy(x):
    assert names(quick(PPCA.maximum_likelihood(x, 2), x)) == set()


def test_more_examples_than_asked_for_are_thinned_out_and_few_suffice(model, x):
    found = diagnose(jr.key(0), model, Example(x), max_examples=50, checks=QUICK_CHECKS)
    assert found.healthy
    assert diagnose(jr.key(0), model, Example(x[:1]), checks=QUICK_CHECKS).healthy


def test_every_check_bears_a_documented_name():
    assert {check.name for check in QUICK_CHECKS} <= set(FINDINGS)
