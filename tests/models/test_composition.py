"""Models are compositions: what comes out has the shapes, densities and gradients of the parts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats as scipy_stats

from latlas.core import Example
from latlas.distributions import Bernoulli, FixedScale, Gaussian
from latlas.models import (
    PPCA,
    VAE,
    Autoencoder,
    GaussianRecognition,
    StandardNormal,
    WithRecognition,
    gaussian,
)
from latlas.networks import MLP, ConvDecoder, ConvEncoder, values_and_mask


def _vae(inputs=None):
    keys = jr.split(jr.key(0), 2)
    if inputs is None:
        recognition = GaussianRecognition(MLP((4, 4), 6, (8,), key=keys[0]))
    else:
        recognition = GaussianRecognition(MLP(32, 6, (8,), key=keys[0]), inputs)
    return VAE(StandardNormal(3), recognition, MLP(3, (4, 4), (8,), key=keys[1]), Bernoulli())


X = (np.random.default_rng(0).random((4, 4)) > 0.5).astype("f")


def test_a_vae_has_the_shapes_of_its_parts():
    model = _vae()
    posterior = model.posterior(Example(jnp.asarray(X)))
    assert (posterior.event_shape, posterior.batch_shape) == ((3,), ())
    assert model.prior().event_shape == (3,)
    likelihood = model.likelihood(posterior.mean)
    assert likelihood.mean.shape == (4, 4)
    assert likelihood.sample(jr.key(0)).shape == (4, 4)
    assert model.log_joint(Example(jnp.asarray(X)), posterior.mean).shape == ()


def test_the_joint_density_of_a_vae_is_that_of_scipy():
    model, z = _vae(), jnp.array([0.3, -1.0, 2.0])
    probability = np.asarray(model.likelihood(z).mean, np.float64)
    truth = scipy_stats.norm.logpdf(z).sum() + scipy_stats.bernoulli.logpmf(X, probability).sum()
    np.testing.assert_allclose(model.log_joint(Example(jnp.asarray(X)), z), truth, rtol=1e-5)


def test_an_encoder_may_see_the_mask():
    model = _vae(values_and_mask)
    observed = np.ones((4, 4), bool)
    full = model.posterior(Example(jnp.asarray(X), observed=jnp.asarray(observed))).mean
    observed[0, 0] = False
    hole = model.posterior(Example(jnp.where(observed, X, jnp.nan), observed=jnp.asarray(observed))).mean
    assert np.isfinite(hole).all()
    assert np.abs(full - hole).max() > 1e-4


def test_convolutional_parts_compose_like_any_others():
    keys = jr.split(jr.key(0), 2)
    encoder = ConvEncoder((8, 8), 4, (2,), key=keys[0])
    decoder = ConvDecoder(2, (8, 8), (2,), key=keys[1])
    model = VAE(StandardNormal(2), GaussianRecognition(_AsImage(encoder)), decoder, Bernoulli())
    x = jnp.ones((8, 8))
    assert model.posterior(Example(x)).mean.shape == (2,)
    assert model.log_joint(Example(x), jnp.zeros(2)).shape == ()


class _AsImage(eqx.Module):
    network: ConvEncoder

    def __call__(self, inputs):
        return self.network(inputs.reshape(8, 8))


def test_a_standard_normal_prior_has_nothing_to_train():
    assert not jax.tree.leaves(eqx.filter(StandardNormal(3), eqx.is_array))
    z = np.array([0.5, -2.0, 1.0])
    np.testing.assert_allclose(StandardNormal(3)().log_prob(z), scipy_stats.norm.logpdf(z).sum(), rtol=1e-6)


@pytest.mark.parametrize("raw", [-1e6, -1.0, 0.0, 1.0, 1e6])
def test_any_number_of_a_network_is_a_valid_scale(raw):
    q = gaussian(jnp.array([0.7, raw]))
    scale = jnp.sqrt(q.variance)
    assert 4e-5 < scale[0] < 2.3e4
    np.testing.assert_allclose(q.mean, [0.7])
    gradient = jax.grad(lambda raw: gaussian(jnp.array([0.7, raw])).log_prob(jnp.zeros(1)))(raw)
    assert np.isfinite(gradient)
    if abs(raw) <= 1:
        np.testing.assert_allclose(scale, np.exp(raw), rtol=0.01)


def test_a_recognition_is_replaced_without_touching_the_joint_density():
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("f")
    ppca = PPCA.maximum_likelihood(x, 2)
    model = WithRecognition(ppca, GaussianRecognition(MLP(4, 4, (), key=jr.key(0))))
    example, z = Example(jnp.asarray(x[0])), jnp.array([1.0, -1.0])
    assert model.log_joint(example, z) == ppca.log_joint(example, z)
    assert isinstance(model.posterior(example), dist.Independent)
    assert isinstance(ppca.posterior(example), dist.MultivariateNormal)


def test_an_autoencoder_s_posterior_is_its_code():
    keys = jr.split(jr.key(0), 2)
    model = Autoencoder(MLP(4, 2, (), key=keys[0]), MLP(2, 4, (), key=keys[1]), Gaussian(FixedScale(1.0)))
    x = jnp.arange(4.0)
    code = model.posterior(Example(x)).mean
    np.testing.assert_array_equal(code, model.encoder(x))
    np.testing.assert_array_equal(model.likelihood(code).mean, model.decoder(code))
