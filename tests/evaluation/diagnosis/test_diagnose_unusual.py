"""Models that lack what a VAE has, or have what it has not: nothing is an error, and what can be seen is."""

from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from tests.evaluation.sick_models import FEATURES, fitted, linear_data, names, with_parts

from latlas.core import Example
from latlas.distributions import FixedScale, Gaussian, Likelihood, Product, diagonal_normal
from latlas.evaluation import diagnose
from latlas.evaluation.diagnosis import QUICK_CHECKS
from latlas.models import AbstractLatentModel


class Of(AbstractLatentModel):
    """A model of three functions."""

    p: Callable
    q: Callable
    mean: Callable

    def prior(self, condition=None):
        return self.p(condition)

    def posterior(self, example):
        return self.q(example)

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(0.5)), self.mean(z))


def standard(condition=None):
    return diagonal_normal(jnp.zeros(FEATURES), jnp.ones(FEATURES))


def encoded(example):
    # the exact posterior for noise 0.5
    return diagonal_normal(0.8 * example.x, jnp.full(FEATURES, np.sqrt(0.2), jnp.float32))


def identity(z):
    return z


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(60, FEATURES), scale=np.sqrt(1.25)).astype(np.float32)


def quick(model, batch, **options):
    return diagnose(jr.key(0), model, batch, checks=QUICK_CHECKS, **options)


def all_checks(model, x):
    found = diagnose(jr.key(0), model, Example(x), train=Example(x), num_samples=30)
    assert found.to_dict()["healthy"] is found.healthy
    return names(found, above_note=False)


def flow(example):
    return dist.TransformedDistribution(encoded(example), dist.transforms.AffineTransform(0.0, 1.0))


def mixture(condition):
    locs = jnp.zeros((2, FEATURES))
    return dist.MixtureSameFamily(
        dist.Categorical(logits=jnp.zeros(2)), dist.Normal(locs, jnp.ones((2, FEATURES))).to_event(1)
    )


def laplace(condition):
    return dist.Laplace(jnp.zeros(FEATURES), jnp.ones(FEATURES)).to_event(1)


def named_prior(condition):
    kinds = dist.Categorical(logits=jnp.zeros(3))
    return Product({"kind": kinds, "place": standard()})


def named_posterior(example):
    # the kind says nothing, the place all
    return Product({"kind": dist.Categorical(logits=jnp.zeros(3)), "place": encoded(example)})


def conditional(condition):
    return diagonal_normal(condition, jnp.ones(FEATURES))


@pytest.mark.parametrize(
    ("p", "q", "mean"),
    [
        pytest.param(mixture, encoded, identity, id="mixture prior"),
        pytest.param(laplace, flow, identity, id="no closed form, no moments"),
    ],
)
def test_an_unusual_but_sound_model_is_healthy(x, p, q, mean):
    assert names(quick(Of(p, q, mean), Example(x))) == set()


def test_an_unused_factor_of_a_product_is_a_layer_that_is_not_used(x):
    found = quick(Of(named_prior, named_posterior, lambda z: z["place"]), Example(x))
    assert names(found, above_note=False) == {"collapsed_layer", "collapsed_dimensions"}


def test_a_prior_with_conditions_is_no_single_prior(x):
    batch = Example(x, condition=jnp.zeros_like(x))
    assert quick(Of(conditional, encoded, identity), batch).healthy


@pytest.mark.parametrize("broken", ["weight", "noise", "encode", "log_scale"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_of_numbers_that_are_none_is_sick_and_no_error(broken, value):
    x = linear_data(0, num=60)
    found = all_checks(with_parts(fitted(x), **{broken: value}), x)
    assert found


def test_data_are_prepared_as_in_training():
    x = linear_data(0, num=60)
    model = fitted(x)

    def halved(key, batch):
        return Example(batch.x / 2)

    assert quick(model, Example(2 * x), train=Example(2 * x), prepare=halved).healthy
    assert not quick(model, Example(2 * x)).healthy


def test_too_few_draws_are_refused():
    x = linear_data(0, num=60)
    with pytest.raises(ValueError, match="num_samples must be at least 2"):
        diagnose(jr.key(0), fitted(x), Example(x), num_samples=1)
