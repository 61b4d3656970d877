"""Histories of sick and of sound runs, written by hand and with noise."""

import numpy as np
import pytest

from latlas.evaluation.diagnosis._checks_of_run import (
    find_kl_underfitting,
    find_too_few_epochs,
    find_unstable_gradients,
)
from latlas.evaluation.diagnosis._history import Curves
from latlas.evaluation.diagnosis._measurements import Measurements, OfTraining

REPORTS = 60
SEEDS = range(20)
# of the run, at the middle of each report
TIME = (np.arange(REPORTS) + 0.5) / REPORTS


def history(seed, *, log_likelihood, kl, beta=1.0, norm=5.0, noise=0.3, valid=True):
    """Reports with these curves, numbers or arrays over the run, and noise."""
    rng = np.random.default_rng(seed)
    curves = {"log_likelihood": log_likelihood, "kl": kl, "beta": beta}
    curves = {name: np.broadcast_to(curve, REPORTS) for name, curve in curves.items()}
    norms = np.broadcast_to(norm, REPORTS) * np.exp(0.2 * rng.normal(size=REPORTS))
    reports = []
    for i in range(REPORTS):
        train = {name: float(curve[i]) for name, curve in curves.items()}
        train["log_likelihood"] += noise * rng.normal()
        train["elbo"] = train["log_likelihood"] - train["kl"]
        report = {
            "step": 10 * (i + 1),
            "epoch": i + 1.0,
            "train": {**train, "gradient_norm": float(norms[i])},
        }
        if valid:
            judged = train | {"beta": 1.0, "log_likelihood": train["log_likelihood"] + noise * rng.normal()}
            report["valid"] = judged | {"elbo": judged["log_likelihood"] - judged["kl"]}
        reports.append(report)
    return reports


def sound(seed, **changes):
    curves = {"log_likelihood": -100 - 60 * np.exp(-8 * TIME), "kl": 12 * (1 - np.exp(-6 * TIME))}
    return history(seed, **curves | changes)


def find(check, reports):
    m = object.__new__(Measurements)  # these checks look at the training alone
    object.__setattr__(m, "training", OfTraining(None, np.nan, Curves.of(reports)))
    return check(m)


CHECKS = (find_too_few_epochs, find_kl_underfitting, find_unstable_gradients)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("valid", [True, False])
def test_a_sound_run_has_no_finding(check, valid):
    assert [find(check, sound(seed, valid=valid)) for seed in SEEDS] == [None] * len(SEEDS)


@pytest.mark.parametrize("check", CHECKS)
def test_a_run_that_begins_well_and_warms_up_has_no_finding(check):
    beta = np.minimum(1.0, 5 * TIME)
    warm = {"kl": 12 + 20 * (1 - beta), "log_likelihood": -100 - 60 * np.exp(-8 * TIME), "beta": beta}
    assert [find(check, sound(seed, **warm)) for seed in SEEDS] == [None] * len(SEEDS)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "reports",
    [
        None,
        [],
        [{"step": 1, "train": {}}],
        [{"step": 1, "train": {"loss": None}}] * 20,
        [{"step": 1, "train": {"elbo": None, "gradient_norm": 1.0}}] * 20,
    ],
)
def test_a_history_that_says_little_is_no_error(check, reports):
    assert find(check, reports) is None


def test_an_elbo_that_still_rises_is_seen():
    for seed in SEEDS:
        found = find(find_too_few_epochs, sound(seed, log_likelihood=-160 + 60 * TIME, kl=5.0))
        assert found.name == "too_few_epochs"
        # the last quarter of a straight line is about a quarter of it
        assert 0.2 < found.measured < 0.3


def test_a_rise_within_the_noise_is_none():
    found = [find(find_too_few_epochs, history(s, log_likelihood=-100.0, kl=5.0, noise=5.0)) for s in SEEDS]
    assert found == [None] * len(SEEDS)


def test_a_warm_up_that_did_not_end_is_seen():
    found = find(find_too_few_epochs, sound(0, beta=0.5 * TIME))
    assert found.name == "too_few_epochs"
    assert "beta" in found.meaning


@pytest.mark.parametrize("valid", [True, False])
def test_a_gain_from_the_kl_alone_is_seen(valid):
    for seed in SEEDS:
        found = find(
            find_kl_underfitting,
            sound(seed, log_likelihood=-150.0, kl=0.5 + 10 * np.exp(-10 * TIME), valid=valid),
        )
        assert found.name == "kl_underfitting"
        assert found.measured > 0.9


def test_a_gain_of_both_parts_is_no_underfitting():
    both = {"log_likelihood": -100 - 30 * np.exp(-8 * TIME), "kl": 5 + 10 * np.exp(-10 * TIME)}
    assert [find(find_kl_underfitting, sound(s, **both)) for s in SEEDS] == [None] * len(SEEDS)


def test_skipped_steps_are_seen():
    reports = sound(0)
    reports[30]["skipped_steps"] = 3
    found = find(find_unstable_gradients, reports)
    assert found.name == "unstable_gradients"
    assert found.measured == pytest.approx(3 / 600)


def test_gradients_that_grow_are_seen():
    for seed in SEEDS:
        assert find(find_unstable_gradients, sound(seed, norm=np.exp(6 * TIME))) is not None


def test_gradients_that_jump_are_seen():
    for seed in SEEDS:
        norm = np.where(np.arange(REPORTS) == 50, 500.0, 5.0)
        found = find(find_unstable_gradients, sound(seed, norm=norm))
        assert "jumped" in found.meaning


def test_large_gradients_at_the_start_are_usual():
    norm = np.where(TIME < 0.1, 5000.0, 5.0)
    assert find(find_unstable_gradients, sound(0, norm=norm)) is None
