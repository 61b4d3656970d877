import json
from operator import attrgetter

import jax
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from latlas.core import Estimate
from latlas.stats import disentanglement, modularity, mutual_information_gap
from latlas.stats.factors._disentanglement import _estimate

KEY = jax.random.key(0)
FOREST = RandomForestClassifier(10, min_samples_leaf=5)


@pytest.fixture(scope="module")
def scores(few_factors, blurred):
    return disentanglement(KEY, blurred, few_factors, classifier=FOREST, num_repeats=2)


def test_all_scores_of_good_codes_are_high_and_lower_for_rotated_ones(few_factors, blurred, scores):
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    rotated = disentanglement(KEY, blurred @ rotation, few_factors, classifier=FOREST, num_repeats=2)
    # squares make modularity forgiving: it hardly falls
    for name, margin in (("mig", 0.3), ("irs", 0.05), ("modularity", 0.01)):
        assert getattr(scores, name) > getattr(rotated, name) + margin, name
    for name in ("sap", "dci.disentanglement", "dci.completeness", "factor_vae"):
        good, bad = attrgetter(name)(scores), attrgetter(name)(rotated)
        assert good.value > bad.value + 3 * np.hypot(good.standard_error, bad.standard_error), name


def test_what_draws_nothing_is_the_function_itself(few_factors, blurred, scores):
    assert scores.mig == mutual_information_gap(blurred, few_factors)
    assert scores.modularity == modularity(blurred, few_factors)


def test_random_scores_have_the_error_of_their_draws(scores):
    found = [scores.sap, scores.explicitness, scores.dci.informativeness, scores.dci.completeness]
    assert all(isinstance(score, Estimate) and 0 < score.standard_error < 0.05 for score in found)


def test_scores_become_json(scores):
    found = json.loads(json.dumps(scores.to_dict()))
    assert found["mig"] == scores.mig
    assert found["dci_completeness"]["value"] == scores.dci.completeness.value
    assert found["beta_vae"] == {
        "value": scores.beta_vae.value,
        "standard_error": scores.beta_vae.standard_error,
    }


def test_the_error_is_that_of_a_mean():
    assert _estimate([1.0, 3.0]) == Estimate(2.0, 1.0)
    assert _estimate([1.0]) == Estimate(1.0, float("inf"))


def test_at_least_one_draw(few_factors, blurred):
    with pytest.raises(ValueError, match="num_repeats is 0"):
        disentanglement(KEY, blurred, few_factors, num_repeats=0)
