"""Walks on the map of probabilistic PCA, where every step is known."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Example
from latlas.distributions import Bernoulli, FixedScale, Gaussian, Product, diagonal_normal
from latlas.latent import decode, encode, posterior_scale, prototype, reconstruct, sample_prior, traverse
from latlas.models import (
    PPCA,
    VAE,
    AbstractPrior,
    AbstractRecognition,
    Autoencoder,
    GaussianRecognition,
    StandardNormal,
)
from latlas.networks import MLP


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(30, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(30, 5))).astype("f")


@pytest.fixture(scope="module")
def ppca(x):
    return PPCA.maximum_likelihood(x, 2)


@pytest.fixture(scope="module")
def arrays(ppca):
    return tuple(np.asarray(a, np.float64) for a in jax.tree.leaves(ppca))


def _codes(arrays, x):
    weight, loc, noise = arrays
    precision = weight.T @ weight + noise**2 * np.eye(2)
    return (x - loc) @ weight @ np.linalg.inv(precision), noise**2 * np.linalg.inv(precision)


def test_codes_are_posterior_means_and_the_same_every_time(ppca, arrays, x):
    means, covariance = _codes(arrays, x)
    np.testing.assert_allclose(encode(ppca, Example(x)), means, atol=1e-5)
    np.testing.assert_array_equal(encode(ppca, Example(x)), encode(ppca, Example(jnp.asarray(x))))
    np.testing.assert_allclose(encode(ppca, Example(x), chunk_size=4), means, atol=1e-5)
    expected = np.broadcast_to(np.sqrt(np.diag(covariance)), means.shape)
    np.testing.assert_allclose(posterior_scale(ppca, Example(x)), expected, rtol=1e-4)


def test_a_reconstruction_is_the_decoded_code(ppca, arrays, x):
    weight, loc, _ = arrays
    found = reconstruct(ppca, Example(x))
    np.testing.assert_allclose(found, _codes(arrays, x)[0] @ weight.T + loc, atol=1e-5)
    np.testing.assert_allclose(found, decode(ppca, encode(ppca, Example(x))), atol=1e-6)


def test_the_prototype_is_the_decoded_origin(ppca):
    np.testing.assert_array_equal(prototype(ppca), ppca.loc)


def test_draws_have_the_model_s_covariance_and_means_lack_the_noise(ppca, arrays):
    weight, _, noise = arrays
    num = 4000
    for draw, truth in ((False, weight @ weight.T), (True, weight @ weight.T + noise**2 * np.eye(5))):
        found = np.cov(sample_prior(jr.key(0), ppca, num, draw=draw).T)
        # standard error of a Gaussian's sample covariance
        error = np.sqrt((truth**2 + np.outer(np.diag(truth), np.diag(truth))) / num)
        assert (np.abs(found - truth) < 4 * error).all()


def test_samples_depend_on_the_key_alone(ppca):
    many = sample_prior(jr.key(0), ppca, 9)
    np.testing.assert_allclose(sample_prior(jr.key(0), ppca, 4, chunk_size=2), many[:4], atol=1e-6)
    assert np.abs(sample_prior(jr.key(1), ppca, 9) - many).max() > 0.1


def test_a_traversal_moves_along_one_column_of_the_weights(ppca, arrays):
    weight, loc, _ = arrays
    found = traverse(ppca, [0.5, 0.0], 1, [-1.0, 0.0, 2.0])
    expected = loc + 0.5 * weight[:, 0] + np.outer([-1.0, 0.0, 2.0], weight[:, 1])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_wrong_requests_are_refused(ppca):
    with pytest.raises(ValueError, match="dimensions 0 to 1; got dimension 2"):
        traverse(ppca, [0.0, 0.0], 2, [1.0])
    with pytest.raises(ValueError, match="at least 1; got 0"):
        sample_prior(jr.key(0), ppca, 0)
    with pytest.raises(ValueError, match="one leading axis"):
        decode(ppca, np.zeros((3, 2)), condition=np.zeros(4))


def test_an_autoencoder_encodes_decodes_and_reconstructs(x):
    keys = jr.split(jr.key(0), 2)
    model = Autoencoder(MLP(5, 2, (), key=keys[0]), MLP(2, 5, (), key=keys[1]), Gaussian(FixedScale(1.0)))
    codes = encode(model, Example(x))
    np.testing.assert_allclose(codes, jax.vmap(model.encoder)(x), atol=1e-6)
    np.testing.assert_allclose(reconstruct(model, Example(x)), decode(model, codes), atol=1e-6)
    assert traverse(model, codes[0], 0, [0.0, 1.0]).shape == (2, 5)


def test_holes_are_filled_whatever_they_held():
    keys = jr.split(jr.key(0), 2)
    model = VAE(
        StandardNormal(2),
        GaussianRecognition(MLP(6, 4, (), key=keys[0])),
        MLP(2, 6, (), key=keys[1]),
        Bernoulli(),
    )
    observed = np.arange(18).reshape(3, 6) % 4 > 0
    ones = np.ones((3, 6), np.float32)
    holes = [Example(np.where(observed, ones, hole), observed=observed) for hole in (np.nan, 7.0)]
    first, second = (reconstruct(model, batch) for batch in holes)
    np.testing.assert_array_equal(first, second)
    assert ((first > 0) & (first < 1)).all()


class _Pair(AbstractPrior):
    def __call__(self, condition=None):
        return Product({name: diagonal_normal(jnp.zeros(2), jnp.ones(2)) for name in "ab"})


class _FromCondition(AbstractRecognition):
    def __call__(self, example):
        loc = {"a": example.x, "b": example.condition}
        return Product({name: diagonal_normal(value, jnp.ones(2)) for name, value in loc.items()})


def _sum(z):
    return z["a"] + z["b"]


def test_latents_may_be_dicts_and_examples_have_conditions():
    model = VAE(_Pair(), _FromCondition(), _sum, Gaussian(FixedScale(1.0)))
    x, condition = np.ones((4, 2), np.float32), np.full((4, 2), 3.0, np.float32)
    codes = encode(model, Example(x, condition=condition))
    assert (codes["a"] == 1).all()
    assert (codes["b"] == 3).all()
    assert (reconstruct(model, Example(x, condition=condition)) == 4).all()
    assert (prototype(model, condition=condition[0]) == 0).all()
    assert sample_prior(jr.key(0), model, 4, condition=condition).shape == (4, 2)
