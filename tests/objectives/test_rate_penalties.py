"""Free bits, minimum rate and capacity: against the KL in closed form, and as the classical sums they stand for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Constant, Example, LinearWarmUp
from latlas.distributions import FixedScale, Gaussian
from latlas.models import PPCA, VAE, GaussianRecognition, StandardNormal
from latlas.networks import MLP
from latlas.objectives import CapacityPenalty, Elbo, FreeBits, MinimumRate, Total

X = np.random.default_rng(0).normal(size=(6, 4)).astype("f")
BATCH = Example(jnp.asarray(X))
KEYS = jr.split(jr.key(0), 3)
MODEL = VAE(
    StandardNormal(2),
    GaussianRecognition(MLP(4, 4, (), key=KEYS[0])),
    MLP(2, 4, (), key=KEYS[1]),
    Gaussian(FixedScale(0.5)),
)


def _rates():
    """KL of each dimension, mean over the batch, by its formula."""
    params = np.asarray(jax.vmap(MODEL.recognition.encoder)(BATCH.x), np.float64)
    loc, scale = params[:, :2], np.exp(10 * np.tanh(params[:, 2:] / 10))
    return np.mean(0.5 * (loc**2 + scale**2 - 1) - np.log(scale), axis=0)


RATES = _rates()


def _loss(objective, **options):
    return eqx.filter_jit(objective)(KEYS[2], MODEL, BATCH, **options)


def _gradient(objective, **options):
    return eqx.filter_jit(eqx.filter_grad(lambda model: objective(KEYS[2], model, BATCH, **options)[0]))(
        MODEL
    )


def test_free_bits_fill_up_each_dimension():
    free = float(RATES.mean())  # one dimension above, one below
    loss, terms = _loss(FreeBits(free))
    np.testing.assert_allclose(loss, np.maximum(free - RATES, 0).sum(), rtol=1e-4)
    assert loss == terms["free_bits"]
    assert loss > 0


def test_a_bound_with_free_bits_is_that_of_kingma_2016():
    free = float(RATES.mean())
    loss, terms = _loss(Total((Elbo(), FreeBits(free)), (1.0, 1.0)))
    np.testing.assert_allclose(loss, np.maximum(free, RATES).sum() - terms["log_likelihood"], rtol=1e-5)
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - RATES.sum(), rtol=1e-4)


def test_below_the_free_bits_the_rate_has_no_gradient():
    key_of_part = jr.split(KEYS[2], 2)[0]

    def expected(model):
        return Elbo(Constant(0.0))(key_of_part, model, BATCH)[0]

    likelihood = eqx.filter_jit(eqx.filter_grad(expected))(MODEL)
    found = _gradient(Total((Elbo(), FreeBits(10.0)), (1.0, 1.0)))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(likelihood), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_free_bits_need_a_rate_of_each_dimension():
    with pytest.raises(ValueError, match="MinimumRate"):
        FreeBits(0.1)(KEYS[2], PPCA.maximum_likelihood(X, 2), BATCH)


@pytest.mark.parametrize("delta", [0.0, 0.5, 2.0])
def test_a_minimum_rate_is_what_the_rate_lacks(delta):
    nats = float(delta * RATES.sum())
    loss, terms = _loss(MinimumRate(nats))
    np.testing.assert_allclose(loss, max(nats - RATES.sum(), 0.0), rtol=1e-4, atol=1e-6)
    assert loss == terms["minimum_rate"]


def test_a_minimum_rate_takes_a_latent_that_does_not_factorise():
    model = PPCA.maximum_likelihood(X, 2)
    _, elbo = Elbo()(KEYS[2], model, BATCH)
    loss, _ = MinimumRate(20.0)(KEYS[2], model, BATCH)
    np.testing.assert_allclose(loss, 20.0 - elbo["kl"], rtol=1e-5)


def test_the_capacity_leads_the_rate_along_its_schedule():
    penalty = CapacityPenalty(LinearWarmUp(0.5, end=4.0), weight=3.0)
    loss, terms = _loss(penalty, progress=0.25)
    assert float(terms["capacity"]) == 2.0
    np.testing.assert_allclose(loss, 3.0 * abs(RATES.sum() - 2.0), rtol=1e-4)
    total, terms = _loss(Total((Elbo(Constant(0.0)), penalty), (1.0, 1.0)), progress=1.0)
    expected = 3.0 * abs(RATES.sum() - 4.0) - terms["log_likelihood"]
    np.testing.assert_allclose(total, expected, rtol=1e-4)
    assert {"elbo", "kl", "log_likelihood", "beta", "capacity", "capacity_penalty"} == set(terms)


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_a_rate_on_either_side_of_the_capacity_costs_the_same(share):
    loss, _ = _loss(CapacityPenalty(share * float(RATES.sum()), weight=3.0))
    np.testing.assert_allclose(loss, 3.0 * 0.5 * RATES.sum(), rtol=1e-4)


def test_a_capacity_may_be_a_number():
    assert CapacityPenalty(5.0).capacity == Constant(5.0)


def test_negative_rates_are_refused():
    with pytest.raises(ValueError, match="nats_per_dimension"):
        FreeBits(-1.0)
    with pytest.raises(ValueError, match="nats is a rate"):
        MinimumRate(-2.0)
