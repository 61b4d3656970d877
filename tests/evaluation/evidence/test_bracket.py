"""Brackets of log p(x) where it is known: both sides on their side, and called what they are."""

import json
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Estimate, Example
from latlas.distributions import FixedScale, Gaussian, diagonal_normal
from latlas.evaluation import (
    Annealing,
    Bracket,
    bracket,
    exact_log_evidence,
    importance_log_evidence,
    renyi_bound,
    simulated_bracket,
)
from latlas.evaluation.evidence import BracketSummary, EvidencePerExample, SameExamples, chi_bracket
from latlas.models import PPCA, VAE, AbstractRecognition, GaussianRecognition, StandardNormal, WithRecognition
from latlas.networks import MLP
from latlas.sampling import HMC

SHORT = Annealing(num_temperatures=120, num_chains=16, transition=HMC(num_leapfrog=5))


@pytest.fixture(scope="module")
def ppca():
    weight = 0.7 * np.random.default_rng(0).normal(size=(6, 3))
    return PPCA(jnp.asarray(weight, jnp.float32), jnp.zeros(6), jnp.float32(0.5))


class _Affine(eqx.Module):
    """A decoder with which a VAE has the joint density of probabilistic PCA, and does not know its evidence."""

    weight: jax.Array

    def __call__(self, z):
        return self.weight @ z


class _NotAsked(AbstractRecognition):
    """An encoder that a walk from the prior has no use for."""

    def __call__(self, example):
        raise AssertionError("the walk begins at the prior")


def _vae(ppca, recognition):
    head = Gaussian(FixedScale(ppca.noise_scale))
    return VAE(StandardNormal(3), recognition, _Affine(ppca.weight), head)


@pytest.fixture(scope="module")
def batch():
    return Example(np.random.default_rng(1).normal(size=(40, 6)).astype("f"))


def test_simulated_data_are_bracketed(ppca):
    seen = []
    found = simulated_bracket(
        jr.key(0), ppca, num_examples=60, annealing=SHORT, progress=lambda *n: seen.append(n)
    )
    assert found.upper_is_bound
    below, above = found.exact - found.lower.log_evidence, found.upper.log_evidence - found.exact
    for side in (below, above):
        assert abs(side.mean()) < 3 * side.std(ddof=1) / np.sqrt(60) + 0.05
        assert 0.01 < side.std() < 0.4
    assert abs(found.width.value - (below + above).mean()) < 1e-4
    assert found.width.value < 0.2
    assert seen[-1] == (60, 60)


def test_a_short_walk_is_given_away_by_its_width(ppca):
    # from the prior in one step: importance sampling with few draws, far below and far above
    crude = Annealing(num_temperatures=1, num_chains=4, transition=HMC(num_leapfrog=2))
    found = simulated_bracket(jr.key(0), ppca, num_examples=60, annealing=crude)
    assert np.mean(found.lower.log_evidence) < np.mean(found.exact) - 0.5
    assert np.mean(found.upper.log_evidence) > np.mean(found.exact) + 0.5
    assert found.width.value > 1.0
    assert not found.lower.summary().reliable
    assert not found.upper.summary().reliable


@pytest.mark.slow
def test_real_data_are_bracketed_by_estimates_that_say_so(ppca, batch):
    model = _vae(ppca, _NotAsked())
    found = bracket(jr.key(2), model, batch, annealing=SHORT, num_simulated=20)
    truth = np.asarray(jax.vmap(ppca.log_evidence)(batch))
    assert (found.upper_is_bound, found.exact) == (False, None)
    for side in (found.lower, found.upper):
        gap = side.log_evidence - truth
        assert abs(gap.mean()) < 3 * gap.std(ddof=1) / np.sqrt(len(gap)) + 0.05
        assert gap.std() < 0.5
    assert abs(found.simulated_width.value) < 0.2


@pytest.mark.slow
def test_an_exact_log_evidence_is_used_and_said(ppca, batch):
    recognition = GaussianRecognition(MLP(6, 6, (4,), key=jr.key(0)))
    model = WithRecognition(WithRecognition(ppca, recognition), recognition)
    found = bracket(jr.key(2), model, batch, annealing=SHORT, num_simulated=0)
    assert found.upper_is_bound
    assert found.simulated_width is None
    truth = np.asarray(jax.vmap(ppca.log_evidence)(batch))
    np.testing.assert_allclose(found.exact, truth, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(exact_log_evidence(model))(batch), truth, rtol=1e-5)
    assert exact_log_evidence(_vae(ppca, recognition)) is None
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert set(written) == {"lower", "upper", "width", "upper_is_bound", "simulated_width", "exact"}
    assert written["exact"] == pytest.approx(truth.mean(), rel=1e-5)
    assert written["lower"]["value"] == pytest.approx(found.lower.log_evidence.mean(), rel=1e-5)
    assert {"value", "standard_error"} <= set(written["upper"])
    assert BracketSummary.from_dict(written) == found.summary()
    same = SameExamples(Estimate(-9.0, 0.5), found.lower.summary(), 4)
    beside = replace(found.summary(), same_examples=same)
    assert BracketSummary.from_dict(json.loads(json.dumps(beside.to_dict()))) == beside
    for junk in (None, {}, written | {"lower": 3}, written | {"width": {"value": "wide"}}):
        with pytest.raises(ValueError, match="got"):
            BracketSummary.from_dict(junk)


def test_a_bracket_of_one_example_has_no_spread_and_still_is_json():
    side = EvidencePerExample(*(np.array([x]) for x in (-3.0, np.inf, 1.0, np.inf)), num_samples=1)
    found = Bracket(side, side, False, simulated_width=Estimate(0.1, float("inf"))).to_dict()
    assert found["width"] == {"value": 0.0, "standard_error": None}
    assert found["simulated_width"] == {"value": 0.1, "standard_error": None}
    assert found["lower"]["pareto_k"] is None
    json.dumps(found, allow_nan=False)
    again = BracketSummary.from_dict(found)
    assert (again.lower.value, again.width.value) == (-3.0, 0.0)
    assert np.isnan([again.width.standard_error, again.lower.pareto_k]).all()


def test_conditions_must_be_as_many_as_examples(ppca):
    with pytest.raises(ValueError, match=r"got 100, and conditions of \[3\]"):
        simulated_bracket(jr.key(0), ppca, condition=np.zeros((3, 1)))


def test_a_chi_bracket_is_the_renyi_estimate_of_the_same_weights():
    key, batch = jax.random.key(3), Example(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))
    model = PPCA(jnp.ones((5, 2)) * jnp.array([1.0, 0.5]), jnp.zeros(5), jnp.float32(1.0))
    wide = WithRecognition(model, _Wide())
    found = chi_bracket(importance_log_evidence(key, wide, batch, num_samples=200))
    chi = renyi_bound(key, wide, batch, alpha=-1.0, num_samples=200)
    np.testing.assert_allclose(found.upper.log_evidence, chi.log_evidence, rtol=1e-4)
    assert (found.upper.log_evidence >= found.lower.log_evidence).all()


class _Wide(AbstractRecognition):
    def __call__(self, example):
        return diagonal_normal(jnp.zeros(2), 2.0 * jnp.ones(2))
