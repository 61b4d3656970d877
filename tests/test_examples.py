"""The examples run, at small size, and what they claim holds."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

EXAMPLES = Path(__file__).parents[1] / "examples"
MAX_LINES = 60


def run(name, num_steps):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(num_steps)


@pytest.mark.slow
def test_a_chain_of_two_latents_comes_near_the_exact_evidence():
    bound, exact = run("two_layer_chain", 1500)
    assert (
        exact - 1.0 < bound < exact + 0.05
    )  # a lower bound; 1000 held-out rows, and both are means over the same


@pytest.mark.slow
def test_a_table_of_mixed_columns_fills_its_holes():
    accuracy, error, baseline = run("mixed_table", 1000)
    assert accuracy > 0.7  # of 36 hidden growers; the largest class is 0.4 of them
    assert error < 0.9 * baseline


@pytest.mark.slow
def test_a_summed_label_classifies():
    assert run("summed_label", 500) > 0.7  # with 163 labels of 1500; chance is 0.1


@pytest.mark.slow
def test_two_modalities_predict_each_other():
    error, baseline = run("two_modalities", 1500)
    assert error < 0.97 * baseline


@pytest.mark.slow
def test_free_posteriors_reach_the_maximum_likelihood_and_a_small_encoder_does_not():
    best, non_amortised, amortised = run("free_posteriors", 1500)
    assert abs(non_amortised / best - 1) < 0.001
    assert amortised < best - 0.5


def test_a_plain_density_is_fitted_exactly():
    loc_error, covariance_error, gap = run("plain_density", 1500)
    assert max(loc_error, covariance_error) < 1e-3
    assert abs(gap) < 1e-3


@pytest.mark.slow
def test_eight_schools_are_fitted_and_trusted():
    fit = run("eight_schools", 0)
    assert fit.verdict.kind == "trust"
    # reference draws of posteriordb: mu 4.4 with sd 3.3, tau 3.6 with sd 3.2
    assert abs(fit.summary()["mu"]["mean"] - 4.4) < 0.15 * 3.3
    assert abs(fit.summary()["tau"]["mean"] - 3.6) < 0.15 * 3.2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_a_composition_stays_short(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES
