"""Annealed importance sampling against probabilistic PCA, whose evidence is exact."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats as scipy_stats

from latlas.core import Example, LinearWarmUp
from latlas.distributions import Bernoulli, Chain, FixedScale, Gaussian, diagonal_normal
from latlas.evaluation import Annealing, annealed_log_evidence
from latlas.evaluation.evidence import SigmoidTemperatures
from latlas.evaluation.evidence._annealing import annealed_evidence, pooled_pareto_k
from latlas.evaluation.evidence._path import posterior_path
from latlas.models import PPCA, VAE, AbstractPrior, AbstractRecognition, LatentClassModel
from latlas.sampling import HMC, IndependentMetropolis
from latlas.stats import weight_statistics


@pytest.fixture(scope="module")
def ppca():
    rng = np.random.default_rng(0)
    weight = 0.7 * rng.normal(size=(6, 3))
    return PPCA(jnp.asarray(weight, jnp.float32), jnp.zeros(6), jnp.float32(0.5))


@pytest.fixture(scope="module")
def batch(ppca):
    def draw(key):
        z_key, x_key = jr.split(key)
        return ppca.likelihood(ppca.prior().sample(z_key)).sample(x_key)

    return Example(np.asarray(jax.vmap(draw)(jr.split(jr.key(9), 60))))


@pytest.fixture(scope="module")
def exact(ppca, batch):
    return np.asarray(jax.vmap(ppca.log_evidence)(batch))


def in_errors(found, exact):
    """Mean difference from the truth in standard errors of the Monte Carlo noise alone, seen between examples."""
    gap = found.log_evidence - exact
    return gap.mean() / (gap.std(ddof=1) / np.sqrt(len(gap)))


class Untrained(AbstractRecognition):
    """Annealing from the prior asks for no posterior."""

    def __call__(self, example):
        raise NotImplementedError


SHORT = Annealing(num_temperatures=150, num_chains=24, transition=HMC(num_leapfrog=5))


@pytest.fixture(scope="module")
def short(ppca, batch):
    return annealed_log_evidence(jr.key(0), ppca, batch, annealing=SHORT)


def test_annealing_from_the_prior_agrees_with_the_exact_evidence(short, exact):
    assert abs(in_errors(short, exact)) < 3
    assert np.abs(short.log_evidence - exact).mean() < 0.2
    assert short.summary().reliable


def test_the_standard_error_is_that_of_the_gap(short, exact):
    spread = np.std(short.log_evidence - exact)
    assert 0.7 < np.sqrt(np.mean(short.standard_error**2)) / spread < 1.4


def test_weights_are_unbiased_although_the_step_is_tuned(ppca):
    # E[w] = p(x): with a first step far too long the tuning is at work all along the walk
    path = posterior_path(ppca, Example(jnp.array([0.5, -1.0, 0.3, 0.8, 0.0, -0.2])))
    tuned = Annealing(num_temperatures=40, transition=HMC(num_leapfrog=3, step_size=1.5))
    walk = eqx.filter_jit(jax.vmap(lambda key: tuned.forward(key, path)))
    chains = walk(jr.split(jr.key(3), 2000))
    assert np.abs(np.diff(np.asarray(chains.tuning), axis=1)).max() > 0.01
    weights = np.exp(
        np.asarray(chains.log_weights, np.float64) - float(ppca.log_evidence(path.log_ratio.example))
    )
    of_walks = weights.mean(axis=1)  # chains of one walk share their steps
    assert abs(of_walks.mean() - 1) < 3 * of_walks.std(ddof=1) / np.sqrt(len(of_walks))
    assert weights.std() > 0.1


def test_annealing_from_q_needs_fewer_temperatures_than_from_the_prior(ppca, batch, exact):
    few = Annealing(num_temperatures=12, num_chains=24, transition=HMC(num_leapfrog=5))
    wide = jax.tree_util.Partial(_widened, ppca)
    from_prior = annealed_log_evidence(jr.key(1), ppca, batch, annealing=few)
    from_q = annealed_log_evidence(jr.key(1), ppca, batch, annealing=few, proposal=wide)
    errors = [np.std(found.log_evidence - exact) for found in (from_prior, from_q)]
    assert errors[1] < 0.75 * errors[0]
    assert abs(in_errors(from_q, exact)) < 3


def _widened(ppca, example):
    q = ppca.posterior(example)
    return diagonal_normal(q.mean, 1.4 * jnp.sqrt(q.variance))


def test_annealing_serves_discrete_latents_by_independent_proposals():
    params = jnp.array([[2.0, -1.0, 0.5], [-2.0, 1.0, 0.0], [0.0, 3.0, -3.0]])
    model = LatentClassModel(jnp.array([0.3, -0.2, 0.0]), params, Bernoulli())
    batch = Example(np.array(list(itertools.product((0, 1), repeat=3)), np.uint8))
    annealing = Annealing(num_temperatures=8, num_chains=400, transition=IndependentMetropolis(2))
    found = annealed_log_evidence(jr.key(0), model, batch, annealing=annealing)
    truth = np.asarray(jax.vmap(model.log_evidence)(batch))
    assert np.abs(found.log_evidence - truth).max() < 4 * found.standard_error.max()
    assert found.standard_error.max() < 0.05
    with pytest.raises(ValueError, match=r"Use transition=IndependentMetropolis\(\)"):
        annealed_log_evidence(jr.key(0), model, batch)


def test_a_latent_may_be_a_dict():
    # b | a ~ N(a, 0.5), a ~ N(0, 1), x | b ~ N(b, 0.3): x ~ N(0, 1 + 0.25 + 0.09)
    class Prior(AbstractPrior):
        def __call__(self, condition=None):
            return Chain(("a", "b"), dist.Normal(0.0, 1.0), (lambda a: dist.Normal(a, 0.5),))

    model = VAE(Prior(), Untrained(), lambda z: z["b"][None], Gaussian(FixedScale(0.3)))
    batch = Example(np.array([[0.4], [-1.5], [2.0]], np.float32))
    annealing = Annealing(num_temperatures=150, num_chains=100, transition=HMC(num_leapfrog=3))
    found = annealed_log_evidence(jr.key(0), model, batch, annealing=annealing)
    truth = scipy_stats.norm(0, np.sqrt(1.34)).logpdf(batch.x[:, 0])
    assert np.all(np.abs(found.log_evidence - truth) < 4 * found.standard_error)
    assert found.standard_error.max() < 0.1


def test_figures_depend_neither_on_blocks_nor_on_the_other_examples(ppca, batch, short):
    blocks = dataclasses.replace(SHORT, examples_at_once=4)
    some = annealed_log_evidence(
        jr.key(0), ppca, Example(batch.x[:9]), annealing=blocks, prepare=lambda key, batch: Example(batch.x)
    )
    # chaotic trajectories: rounding alone may turn a single acceptance
    difference = np.abs(some.log_evidence - short.log_evidence[:9])
    assert np.median(difference) < 1e-3
    assert difference.max() < 4 * short.standard_error.max()


@pytest.mark.parametrize("schedule", [LinearWarmUp(1.0), SigmoidTemperatures(), SigmoidTemperatures(9.0)])
def test_temperatures_rise_from_zero_to_one(schedule):
    found = np.asarray(jax.vmap(schedule)(jnp.linspace(0.0, 1.0, 101)))
    assert (found[0], found[-1]) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert np.all(np.diff(found) > 0)
    np.testing.assert_allclose(found + found[::-1], 1.0, atol=1e-5)


def test_temperatures_that_do_not_reach_the_posterior_are_refused():
    with pytest.raises(ValueError, match=r"these run from 0 to 0\.5"):
        Annealing(temperatures=LinearWarmUp(1.0, end=0.5))


@pytest.mark.parametrize("name", ["num_temperatures", "num_chains", "num_pilots", "examples_at_once"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1; got 0"):
        Annealing(**{name: 0})


@pytest.mark.parametrize(
    ("log_weights", "reliable"),
    [
        pytest.param(lambda rng: 0.5 * rng.normal(size=(100, 16)), True, id="log-normal, narrow"),
        pytest.param(lambda rng: 4.0 * rng.normal(size=(100, 16)), False, id="log-normal, wide"),
        pytest.param(lambda rng: 0.2 * rng.exponential(size=(100, 16)), True, id="Pareto, k = 0.2"),
        pytest.param(lambda rng: 1.2 * rng.exponential(size=(100, 16)), False, id="Pareto, k = 1.2"),
        pytest.param(lambda rng: np.zeros((100, 1)), False, id="one chain each"),
    ],
)
def test_the_weights_of_few_chains_are_judged_together(log_weights, reliable):
    log_weights = np.float32(log_weights(np.random.default_rng(0)) - 80.0)
    found = annealed_evidence(jax.device_get(jax.vmap(weight_statistics)(log_weights)), log_weights)
    assert found.summary().reliable is reliable


def test_the_pooled_tail_is_that_of_the_weights():
    rng = np.random.default_rng(1)
    for k in (0.3, 0.9):
        # each example has a scale of its own
        log_weights = k * rng.exponential(size=(500, 16)) + 30 * rng.normal(size=(500, 1))
        assert abs(pooled_pareto_k(log_weights) - k) < 0.15
