"""The parts of the rate against sums over the data, closed forms and each other; DIP and MMD against NumPy."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats

from latlas.core import Example
from latlas.distributions import FixedScale, Gaussian, Likelihood, Product, diagonal_normal
from latlas.evaluation import decompose_rate
from latlas.models import PPCA, AbstractLatentModel
from latlas.objectives import (
    DIP,
    MMD,
    DimensionwiseKL,
    Elbo,
    IndexCodeInformation,
    MinibatchStratified,
    MinibatchWeighted,
    Total,
    TotalCorrelation,
    rate_parts,
)


class Affine(AbstractLatentModel):
    """q(z|x) = N(x W, diag scale^2): the aggregate posterior of Gaussian data is Gaussian."""

    weight: jnp.ndarray
    scale: jnp.ndarray

    def prior(self, condition=None):
        return diagonal_normal(jnp.zeros(2), jnp.ones(2))

    def posterior(self, example):
        return diagonal_normal(example.x @ self.weight, self.scale)

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(1.0)), z)


WEIGHT, SCALE = np.array([[0.8, 0.4], [-0.2, 0.7]]), np.array([0.6, 0.5])
MODEL = Affine(jnp.asarray(WEIGHT, jnp.float32), jnp.asarray(SCALE, jnp.float32))
X = np.random.default_rng(0).normal(size=(12, 2)).astype("f")
BATCH, KEY = Example(jnp.asarray(X)), jr.key(5)
PARTS = eqx.filter_jit(rate_parts)


def _scores(num_draws=12):
    """The draws that `rate_parts` makes, and log q(z_k | x_j) of each under each posterior, by SciPy."""
    loc = X @ WEIGHT
    noise = np.stack([np.asarray(jr.normal(key, (2,))) for key in jr.split(KEY, num_draws)])
    z = loc + SCALE * noise
    return z, scipy.stats.norm.logpdf(z[:, None], loc[None], SCALE)


def _expected(log_weights):
    z, scores = _scores()
    log_q = scipy.special.logsumexp(scores.sum(2) + log_weights, axis=1)
    single = scipy.special.logsumexp(scores + log_weights[:, :, None], axis=1)
    own = scores[np.arange(12), np.arange(12)].sum(1)
    prior = scipy.stats.norm.logpdf(z)
    return (own - log_q).mean(), (log_q - single.sum(1)).mean(), (single - prior).mean(0)


def _weights(aggregate, size=12):
    return np.stack([aggregate.log_weights(jnp.int32(i), size) for i in range(size)])


@pytest.mark.parametrize(
    "aggregate",
    [MinibatchStratified(12), MinibatchStratified(100), MinibatchWeighted(100)],
    ids=["all", "stratified", "weighted"],
)
def test_the_parts_are_those_of_the_mixture_over_the_batch(aggregate):
    found = PARTS(KEY, MODEL, BATCH, aggregate)
    for value, expected in zip(found, _expected(_weights(aggregate)), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "aggregate", [MinibatchStratified(50), MinibatchWeighted(50)], ids=["stratified", "weighted"]
)
def test_the_parts_sum_to_the_rate_of_the_same_draws(aggregate):
    z, scores = _scores()
    rate = scores[np.arange(12), np.arange(12)].sum(1) - scipy.stats.norm.logpdf(z).sum(1)
    found = PARTS(KEY, MODEL, BATCH, aggregate)
    total = found.index_code_information + found.total_correlation + found.dimensionwise_kl.sum()
    np.testing.assert_allclose(total, rate.mean(), rtol=1e-5)


def test_stratified_weights_are_unbiased_and_uniform_over_all_data():
    np.testing.assert_allclose(np.exp(_weights(MinibatchStratified(12))), 1 / 12, rtol=1e-6)
    # all batches of three that hold row 0 of five: the mean weight of each row is 1/5
    total, batches = np.zeros(5), list(itertools.combinations(range(1, 5), 2))
    for others in batches:
        total[[0, *others]] += np.exp(_weights(MinibatchStratified(5), 3)[0])
    np.testing.assert_allclose(total / len(batches), 0.2, rtol=1e-6)
    np.testing.assert_allclose(np.exp(_weights(MinibatchWeighted(50), 5)), 1 / 250, rtol=1e-6)


def test_an_independent_aggregate_has_no_total_correlation_at_any_draw():
    a, b = np.array([-1.0, 0.2, 0.9]), np.array([0.0, 1.0, 3.0, 3.5])
    grid = Example(jnp.asarray(list(itertools.product(a, b)), jnp.float32))
    found = PARTS(KEY, Affine(jnp.eye(2), MODEL.scale), grid, MinibatchStratified(12))
    np.testing.assert_allclose(found.total_correlation, 0.0, atol=1e-5)
    assert found.index_code_information > 0.5


def test_a_gaussian_aggregate_has_the_parts_of_its_closed_form():
    x = np.random.default_rng(1).normal(size=(1500, 2))
    x = np.linalg.solve(np.linalg.cholesky(np.cov(x.T, bias=True)), (x - x.mean(0)).T).T
    found = decompose_rate(KEY, MODEL, Example(jnp.asarray(x, jnp.float32)), num_samples=4)
    covariance = WEIGHT.T @ WEIGHT + np.diag(SCALE**2)
    variance = np.diagonal(covariance)
    expected = {
        "index_code_information": 0.5 * np.log(np.linalg.det(covariance) / np.prod(SCALE**2)),
        "total_correlation": -0.5 * np.log(np.linalg.det(covariance) / np.prod(variance)),
        "dimensionwise_kl": 0.5 * np.sum(variance - 1 - np.log(variance)),
    }
    for name, value in expected.items():
        estimate = getattr(found, name)
        assert abs(estimate.value - value) < 4 * estimate.standard_error, name
        assert estimate.standard_error < 0.1
    exact_rate = np.mean(0.5 * ((x @ WEIGHT) ** 2 + SCALE**2 - 1) - np.log(SCALE), axis=0).sum()
    assert abs(found.rate.value - exact_rate) < 4 * found.rate.standard_error
    assert found.rate.value == pytest.approx(sum(getattr(found, name).value for name in expected), abs=1e-9)
    assert found.kl_of_dimension.sum() == pytest.approx(found.dimensionwise_kl.value, abs=1e-6)
    assert set(found.to_dict()) == {*expected, "rate", "kl_of_dimension", "num_examples"}


def test_a_full_covariance_posterior_is_decomposed_by_its_marginals():
    x = np.random.default_rng(2).normal(size=(60, 4)).astype("f") @ np.diag([3, 2, 0.3, 0.3]).astype("f")
    model = PPCA.maximum_likelihood(x, 2)
    found = decompose_rate(KEY, model, Example(jnp.asarray(x)), num_samples=8)
    _, terms = Elbo()(KEY, model, Example(jnp.asarray(x)))
    assert abs(found.rate.value - float(terms["kl"])) < 4 * found.rate.standard_error
    assert found.index_code_information.value <= np.log(60)


def test_a_full_covariance_has_the_parts_of_the_mixture_of_its_marginals():
    # codes whose dimensions depend on each other: a marginal is wider than what is left once the others are known
    model = PPCA(jnp.asarray(WEIGHT, jnp.float32), jnp.zeros(2), jnp.float32(0.5))
    covariance = np.linalg.inv(WEIGHT.T @ WEIGHT / 0.25 + np.eye(2))
    loc = X @ WEIGHT / 0.25 @ covariance
    assert abs(covariance[0, 1]) > 0.1 * covariance[0, 0]
    found = PARTS(KEY, model, BATCH, MinibatchStratified(12))
    keys = jr.split(KEY, 12)
    z = np.stack(
        [np.asarray(model.posterior(Example(x)).sample(k)) for x, k in zip(BATCH.x, keys, strict=True)]
    )
    joint = np.stack([scipy.stats.multivariate_normal(m, covariance).logpdf(z) for m in loc], axis=1)
    single = scipy.stats.norm.logpdf(z[:, None], loc[None], np.sqrt(np.diagonal(covariance)))
    log_q = scipy.special.logsumexp(joint - np.log(12), axis=1)
    log_q_single = scipy.special.logsumexp(single - np.log(12), axis=1)
    np.testing.assert_allclose(found.index_code_information, (np.diagonal(joint) - log_q).mean(), rtol=1e-3)
    np.testing.assert_allclose(
        found.total_correlation, (log_q - log_q_single.sum(1)).mean(), rtol=1e-3, atol=1e-4
    )
    total_kl = (log_q_single - scipy.stats.norm.logpdf(z)).sum(1).mean()
    np.testing.assert_allclose(found.dimensionwise_kl.sum(), total_kl, rtol=1e-3)


def test_the_default_scale_of_the_mmd_is_the_length_of_a_draw():
    draws = np.asarray(jr.normal(KEY, (20_000, 7)))
    assert np.sqrt(np.mean(np.sum(draws**2, axis=1))) == pytest.approx(np.sqrt(7), rel=0.01)
    apart = draws[::2] - draws[1::2]
    assert np.sqrt(np.mean(np.sum(apart**2, axis=1))) == pytest.approx(np.sqrt(2 * 7), rel=0.01)
    np.testing.assert_allclose(
        MMD()(KEY, MODEL, BATCH)[0], MMD(scale=np.sqrt(2))(KEY, MODEL, BATCH)[0], rtol=1e-6
    )


def test_each_part_is_an_objective_to_be_added_to_a_bound():
    parts = (
        TotalCorrelation(100),
        IndexCodeInformation(100),
        DimensionwiseKL(MinibatchWeighted(100)),
        DIP(),
        MMD(),
    )
    objective = Total((Elbo(), *parts), (1.0, 5.0, -1.0, 1.0, 1.0, 1.0))
    step = eqx.filter_jit(eqx.filter_value_and_grad(lambda m: objective(KEY, m, BATCH), has_aux=True))
    (loss, terms), gradient = step(MODEL)
    names = ("total_correlation", "index_code_information", "dimensionwise_kl", "dip", "mmd")
    expected = -terms["elbo"] + np.dot([5.0, -1.0, 1.0, 1.0, 1.0], [terms[name] for name in names])
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert all(np.isfinite(leaf).all() and np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))
    alone, _ = TotalCorrelation(100)(jr.split(KEY, 6)[1], MODEL, BATCH)
    np.testing.assert_allclose(terms["total_correlation"], alone, rtol=1e-4)


@pytest.mark.parametrize("aggregate", [True, False])
def test_dip_is_the_distance_of_a_covariance_from_the_identity(aggregate):
    loss, _ = DIP(aggregate=aggregate, off_diagonal=2.0, diagonal=3.0)(KEY, MODEL, BATCH)
    covariance = np.cov((X @ WEIGHT).T, bias=True) + (np.diag(SCALE**2) if aggregate else 0)
    off = covariance - np.diag(np.diagonal(covariance))
    expected = 2.0 * np.sum(off**2) + 3.0 * np.sum((np.diagonal(covariance) - 1) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_dip_takes_a_full_covariance():
    model = PPCA(jnp.asarray(WEIGHT, jnp.float32), jnp.zeros(2), jnp.float32(0.5))
    loss, _ = DIP(off_diagonal=1.0, diagonal=1.0)(KEY, model, BATCH)
    precision = WEIGHT.T @ WEIGHT / 0.25 + np.eye(2)
    means = X @ WEIGHT / 0.25 @ np.linalg.inv(precision)
    expected = np.sum((np.cov(means.T, bias=True) + np.linalg.inv(precision) - np.eye(2)) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_the_mmd_of_a_posterior_that_is_the_prior_has_mean_zero():
    model = Affine(jnp.zeros((2, 2)), jnp.ones(2))
    values = jax.jit(jax.vmap(lambda key: MMD()(key, model, BATCH)[0]))(jr.split(KEY, 500))
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(500)
    narrow = Affine(jnp.zeros((2, 2)), jnp.full(2, 0.3))
    far = jax.jit(jax.vmap(lambda key: MMD()(key, narrow, BATCH)[0]))(jr.split(KEY, 500))
    # two centred normals under a kernel of scale^2 = 2: E k = 2 / (2 + the sum of their variances)
    expected = 2 / (2 + 2) + 2 / (2 + 2 * 0.09) - 2 * 2 / (2 + 1 + 0.09)
    assert abs(np.mean(far) - expected) < 4 * np.std(far) / np.sqrt(500)
    assert expected > 0.1


class Flowing(AbstractLatentModel):
    def prior(self, condition=None):
        return Product({"a": dist.Normal(0.0, 1.0)})

    def posterior(self, example):
        return Product({"a": dist.Normal(example.x[0], 1.0)})

    def likelihood(self, z, condition=None):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: rate_parts(KEY, Flowing(), BATCH, MinibatchStratified(5)),
            "marginal of each latent dimension",
        ),
        (lambda: DIP()(KEY, Flowing(), BATCH), "covariance of q"),
        (lambda: TotalCorrelation(0), "got 0"),
        (lambda: MinibatchWeighted(-1), "got -1"),
        (lambda: decompose_rate(KEY, MODEL, BATCH, num_samples=0), "got 0"),
    ],
)
def test_wrong_requests_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
