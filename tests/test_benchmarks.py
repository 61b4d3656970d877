"""The arithmetic of the benchmarks: figures that are reported must be right themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks import _bayes_rows, _patients_exact, hierarchies
from benchmarks._bayes_problems import PROBLEMS
from benchmarks._posteriordb import Reference, compare, scoreboard
from benchmarks.bayes_size import goals
from numpyro.infer.util import constrain_fn, potential_energy
from scipy.stats import multivariate_normal, norm


@pytest.fixture
def gaussian():
    """A reference of two independent Gaussians, at quantiles instead of draws."""
    standard = norm.ppf((np.arange(2000) + 0.5) / 2000)
    draws = np.column_stack([5 + 0.1 * standard, 300 * standard])
    return Reference(("a", "b"), np.array([5.0, 0.0]), np.array([0.1, 300.0]), draws)


def test_equal_draws_have_no_error(gaussian):
    found = compare(gaussian.draws, gaussian)
    assert found["mean_max"] < 1e-12
    assert found["sd_error"] < 5e-3
    assert found["distance_max"] == 0


def test_errors_are_in_sds_of_the_reference(gaussian):
    moved = np.array([5.0, 0.0]) + (gaussian.draws - [5.0, 0.0]) * [2, 1] + [0, 90]
    found = compare(moved, gaussian)
    assert found["mean_max"] == pytest.approx(0.3)
    assert found["mean_rms"] == pytest.approx(0.3 / np.sqrt(2))
    assert (found["sd_least"], found["sd_most"]) == pytest.approx((1, 2), abs=5e-3)
    # W1 of N(0, 1) and N(0, 4) is E|Z|; that of a shift is the shift
    assert found["distance_max"] == pytest.approx(np.sqrt(2 / np.pi), abs=5e-3)
    assert found["distance_mean"] == pytest.approx((np.sqrt(2 / np.pi) + 0.3) / 2, abs=5e-3)


def test_one_draw_that_is_not_finite_makes_all_errors_infinite(gaussian):
    draws = gaussian.draws.copy()
    draws[7, 1] = np.nan
    assert set(compare(draws, gaussian).values()) == {np.inf}
    with pytest.raises(ValueError, match="2 parameters"):
        compare(draws[:, :1], gaussian)


def record(posterior, verdict="trust", **figures):
    good = {
        "mean_rms": 0.02,
        "mean_max": 0.05,
        "sd_error": 0.05,
        "seconds_cold": 4.0,
        "seconds_warm": 1.0,
        "seed": 0,
    }
    return {"posterior": posterior, "verdict": verdict, **good, **figures}


def reached(records):
    return {row["figure"]: (row["value"], row["reached"]) for row in scoreboard(records)}


def test_the_scoreboard_passes_good_runs():
    board = scoreboard(
        [record("garch"), record("diamonds", seconds_cold=14.0), record("hmm", "means only", sd_error=0.5)]
    )
    assert all(row["reached"] for row in board)


@pytest.mark.parametrize(
    ("run", "missed"),
    [
        (record("hmm", mean_rms=0.15), {"rms error", "'trust' was", "'trust' or 'means only', and"}),
        (record("hmm", mean_max=0.25), {"'trust' with"}),
        (record("hmm", sd_error=0.2), {"every sd", "'trust' was"}),
        (record("hmm", sd_error=0.4), {"every sd", "'trust' was", "'trust' with"}),
        (record("hmm", "means only", mean_rms=0.3, mean_max=0.9), {"rms error", "'trust' or 'means only', and"}),
        (record("hmm", "do not trust", sd_error=9.0), {"'trust' or 'means only', the"}),
        (record("hmm", seconds_cold=14.0, seconds_warm=3.0), {"fresh", "warm"}),
        ({"posterior": "hmm", "seed": 0, "failed": "killed"},
         {"rms error", "'trust' or 'means only', the", "fresh", "warm", "ended"}),
    ],
)  # fmt: skip
def test_the_scoreboard_names_what_is_missed(run, missed):
    board = reached([record("garch"), run])
    assert {figure for figure, (_, good) in board.items() if not good} == {
        figure for figure in board if figure.startswith(tuple(missed))
    }
    assert sum(not good for _, good in board.values()) == len(missed)


@pytest.mark.parametrize("name", PROBLEMS)
def test_both_ways_of_writing_a_problem_are_one_posterior(name):
    problem = PROBLEMS[name]()
    with jax.enable_x64(True):
        vectors = 0.3 * np.random.default_rng(1).normal(size=(3, problem.dimension))
        difference = []
        for vector in vectors:
            unconstrained = problem.split(jnp.asarray(vector))
            energy = potential_energy(problem.model, (), {}, unconstrained)
            difference.append(float(problem.log_density(jnp.asarray(vector)) + energy))
            values = constrain_fn(problem.model, (), {}, unconstrained)
            np.testing.assert_allclose(problem.flat(values, constrained=True), vector, atol=1e-12)
    np.testing.assert_allclose(difference, difference[0], rtol=1e-12)


def test_newton_finds_the_posterior_of_rows_in_files(tmp_path, monkeypatch):
    monkeypatch.setattr(_bayes_rows, "CHUNK", 300)
    _bayes_rows.generate(tmp_path, 1000)
    features, outcome = _bayes_rows.load(tmp_path)
    assert isinstance(features, np.memmap)
    assert features.shape == (1000, _bayes_rows.NUM_WEIGHTS)
    mean, sd = _bayes_rows.newton(features, outcome)

    def minus_log_density(weights):
        logits = jnp.asarray(features, jnp.float64) @ weights
        return (
            jax.nn.softplus(logits).sum()
            - jnp.asarray(outcome, jnp.float64) @ logits
            + 0.5 * weights @ weights
        )

    with jax.enable_x64(True):
        mode = jnp.asarray(mean)
        assert np.abs(jax.grad(minus_log_density)(mode)).max() < 1e-8
        hessian = np.asarray(jax.hessian(minus_log_density)(mode))
    np.testing.assert_allclose(sd, np.sqrt(np.diag(np.linalg.inv(hessian))), rtol=1e-9)


def test_errors_count_only_where_they_are_claimed():
    found = {
        "resident": 1e9,
        "anonymous": 3e9,
        "mean": [0.0, 1.0],
        "sd": [1.0, 1.0],
        "verdict": "means only: narrow",
    }
    board = [row["verdict"] for row in goals(found, np.zeros(2), np.array([1.0, 2.0]))]
    assert board == ["reached", "not reached", "not reached", "not reached", "not claimed"]


def test_errors_against_a_reference_are_in_its_sds_and_in_probability():
    rng = np.random.default_rng(0)
    draws = np.stack([rng.normal(1.0, 2.0, 100_000), np.zeros(100_000)], axis=1)
    law = norm(0.0, 2.0)
    quantiles = [[law.ppf(p), 0.0] for p in (0.05, 0.5, 0.95)]
    mean, quantile = hierarchies._errors(
        draws, {"mean": [0.0, 0.0], "sd": [2.0, 0.0], "quantiles_05_50_95": quantiles}
    )
    assert mean == pytest.approx(0.5, abs=0.02)
    shifted = norm(1.0, 2.0)
    off = [abs(shifted.cdf(law.ppf(p)) - p) / (p * (1 - p)) ** 0.5 for p in (0.05, 0.5, 0.95)]
    assert quantile == pytest.approx(max(off), abs=0.02)


def test_intercepts_and_slopes_are_integrated_out_exactly():
    rng = np.random.default_rng(0)
    patient, week = np.repeat(np.arange(4), 3), rng.uniform(0.0, 50.0, 12)
    data = {"patient": patient, "week": week, "volume": rng.normal(2600.0, 300.0, 12)}
    s_a, s_b, sigma = 300.0, 2.0, 150.0
    same = patient[:, None] == patient
    covariance = 500.0**2 + 9.0 * np.outer(week, week) + sigma**2 * np.eye(12)
    covariance += same * (s_a**2 + s_b**2 * np.outer(week, week))
    expected = multivariate_normal(np.zeros(12), covariance).logpdf(data["volume"])
    found = _patients_exact.log_likelihood(data, *(np.array([s]) for s in (s_a, s_b, sigma)))
    assert found == pytest.approx(expected, rel=1e-9)
