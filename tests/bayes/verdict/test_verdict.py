"""The verdict: a table of what follows from which checks, and fits that are wrong on purpose."""

import itertools
from dataclasses import replace

import jax
import jax.random as jr
import numpy as np
import pytest
from scipy import stats
from tests.bayes.posteriors import density_of, funnel, log_gammas, nearby_normal, normal, two_normals

from latlas.bayes import Check, Verdict
from latlas.bayes.densities import Lost, Mode, Search
from latlas.bayes.densities._modes import LazySearch
from latlas.bayes.engines import EngineResult
from latlas.bayes.fitting import _assessment
from latlas.bayes.fitting._ladder import _Ladder
from latlas.bayes.verdict import Diagnostics, judge
from latlas.bayes.verdict._assess import _modes_check, check_fit, reference_of, walk_on, weigh
from latlas.bayes.verdict._moments import Moments, misplaced
from latlas.bayes.verdict._posterior import NUM_REPORTED, of_approximation
from latlas.core import Estimate
from latlas.distributions.families import FullGaussian, FullRank, Structured, gaussian_of
from latlas.sampling import Chains

FATAL = (
    "modes",
    "far_mass",
    "evidence_agreement",
    "reference",
    "tails",
    "mean_error",
    "max_mean_error",
    "spread",
)
INFORM = ("engine", "pareto_k", "total_variation", "elbo_gap", "evidence_bracket", "chains", "divergences")


def check(name, passed):
    return Check(name, 0.0, 1.0, passed, f"{name} is {'fine' if passed else 'wrong'}.")


LESSER = ("sd_error", "sd_tails", "far_tails", "sd_noise", "left_out_sd", "quantile_error")
ALL_FINE = [check(name, True) for name in (*INFORM, *FATAL, *LESSER, "evidence")]


@pytest.mark.parametrize(
    ("failed", "kind"),
    [((), "trust"), (INFORM, "trust"), (("evidence",), "trust"), (("sd_error", *INFORM), "means only")]
    + [((name,), "means only") for name in LESSER]
    + [((name,), "do not trust") for name in FATAL]
    + [((name, "sd_error"), "do not trust") for name in FATAL],
)
def test_the_kind_follows_from_the_checks_that_failed(failed, kind):
    verdict = judge([check(c.name, c.name not in failed) for c in ALL_FINE])
    assert verdict.kind == kind
    assert str(verdict).startswith(f"{kind}: ")
    decisive = [name for name in failed if name in (*FATAL, *LESSER)]
    if kind != "trust":
        assert verdict.reasons[0] == f"{decisive[0]} is wrong."


ALL = ("means", "standard deviations", "quantiles", "log evidence")


@pytest.mark.parametrize(
    ("failed", "covers"),
    [
        ((), ALL),
        (("evidence",), ALL[:3]),
        (("sd_tails",), ("means", "quantiles", "log evidence")),
        (("far_tails",), ("means", "quantiles", "log evidence")),
        (("sd_error", "quantile_error"), ("means", "log evidence")),
        (("tails",), ("quantiles", "log evidence")),  # of a Cauchy law
        (("max_mean_error",), ("quantiles", "log evidence")),
        (("modes",), ()),
        (("reference",), ()),
    ],
)
def test_what_is_covered_is_told_one_by_one(failed, covers):
    verdict = judge([check(c.name, c.name not in failed) for c in ALL_FINE])
    assert verdict.covers == covers
    told = str(verdict)
    if verdict.kind != "do not trust":
        assert all(word in told for word in covers)
    assert ("evidence is wrong." in told) == ("evidence" in failed)


def test_what_was_not_measured_is_not_covered():
    assert judge([check("mean_error", True)]).covers == ("means",)
    assert judge([]).covers == ()


def test_the_order_of_the_checks_does_not_matter():
    checks = [check(c.name, c.name not in ("mean_error", "modes")) for c in ALL_FINE]
    assert judge(checks) == judge(checks[::-1])


def test_a_note_comes_first_unless_the_verdict_is_bad():
    assert judge(ALL_FINE, "Weighted.").reasons[0] == "Weighted."
    assert "Weighted." not in judge([check("modes", False)], "Weighted.").reasons


def test_a_check_is_ready_for_json():
    assert Check("a", np.inf, 1.0, False, "s").to_dict() == {
        "name": "a", "value": None, "limit": 1.0, "passed": False, "sentence": "s"
    }  # fmt: skip
    assert str(Verdict("trust", ("One.", "Two."))) == "trust: One. Two."


@pytest.fixture(scope="module")
def gaussian():
    return density_of(normal, 3, nearby_normal(3))


def verdict_of(density, loc, factor, *, search=None, rival=None, seed=0):
    """Of a fit that reports draws of N(loc, factor factor'), as one named engine does."""
    with jax.enable_x64(True):
        keys = jr.split(jr.key(seed), 3)
        q = FullGaussian.of(np.asarray(loc), np.asarray(factor))
        diagnostics = weigh(keys[0], density, q)
        diagnostics = walk_on(keys[1], density, q, diagnostics.importance, tolerance=0.1)
        reference = reference_of(density.target, density, diagnostics)
        reported = of_approximation(keys[2], density, q).moments()
        return check_fit(
            reported, reference, diagnostics, search, converged=True, message="ran", rival_log_evidence=rival
        )


def failed_of(checks):
    return {c.name for c in checks if not c.passed}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_right_normal_is_trusted(gaussian, seed):
    checks, verdict = verdict_of(gaussian, *nearby_normal(3), seed=seed)
    assert verdict.kind == "trust"
    assert failed_of(checks) == set()


@pytest.mark.parametrize("direction", [0, 2])
def test_a_mean_that_is_off_by_half_an_sd_is_never_trusted(gaussian, direction):
    loc, factor = nearby_normal(3)
    loc[direction] += 0.5 * np.linalg.norm(factor[direction])
    _, verdict = verdict_of(gaussian, loc, factor)
    assert verdict.kind == "do not trust"


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_sds_that_are_off_leave_the_means(gaussian, scale):
    loc, factor = nearby_normal(3)
    checks, verdict = verdict_of(gaussian, loc, scale * factor)
    assert verdict.kind == "means only"
    assert "sd_error" in failed_of(checks)


@pytest.mark.parametrize("scale", [0.3, 3.3])
def test_sds_that_are_three_times_off_leave_nothing(gaussian, scale):
    loc, factor = nearby_normal(3)
    checks, verdict = verdict_of(gaussian, loc, scale * factor)
    assert verdict.kind == "do not trust"
    assert {"sd_error", "spread"} <= failed_of(checks)


def test_one_sd_of_three_is_enough(gaussian):
    loc, factor = nearby_normal(3)
    _, verdict = verdict_of(gaussian, loc, np.diag([1.0, 0.6, 1.0]) @ factor)
    assert verdict.kind == "means only"


def test_a_fit_in_another_place_altogether_is_not_trusted(gaussian):
    loc, factor = nearby_normal(3)
    _, verdict = verdict_of(gaussian, loc + 100.0, 0.01 * factor)
    assert verdict.kind == "do not trust"


def test_a_normal_is_not_trusted_for_a_skewed_posterior():
    _, verdict = verdict_of(density_of(log_gammas, 1, np.array([0.3])), [np.log(0.3)], [[0.3**-0.5]])
    assert verdict.kind == "do not trust"


def two_of(*log_probs):
    search = Search(
        tuple(Mode(np.full(2, 8.0 * i), v, np.eye(2)) for i, v in enumerate(log_probs)), 4, (Lost.RIDGE,)
    )
    return replace(search, left_out=search.weights[1:].sum())


@pytest.mark.parametrize(("gap", "kind"), [(0.0, "do not trust"), (4.0, "do not trust"), (6.0, "trust")])
def test_another_mode_counts_by_its_mass(gap, kind):
    density = density_of(normal, 2, (np.zeros(2), np.eye(2)))
    checks, verdict = verdict_of(density, np.zeros(2), np.eye(2), search=two_of(0.0, -gap))
    assert verdict.kind == kind
    value = next(c.value for c in checks if c.name == "modes")
    np.testing.assert_allclose(value, np.exp(-gap) / (1 + np.exp(-gap)))


def test_searches_that_were_lost_inform_only(gaussian):
    checks, verdict = verdict_of(gaussian, *nearby_normal(3), search=Search((), 4, 4 * (Lost.RIDGE,)))
    assert verdict.kind == "trust"
    assert any("None of 4 searches" in c.sentence for c in checks)


def test_a_rival_with_more_evidence_is_fatal(gaussian):
    loc, factor = nearby_normal(3)
    log_z = np.linalg.slogdet(factor)[1] + 1.5 * np.log(2 * np.pi)
    assert verdict_of(gaussian, loc, factor, rival=log_z + 0.5)[1].kind == "trust"
    checks, verdict = verdict_of(gaussian, loc, factor, rival=log_z + 3.0)
    assert verdict.kind == "do not trust"
    assert "evidence_agreement" in failed_of(checks)


def test_one_of_two_modes_is_not_seen_from_inside_it():
    """What the search for modes is for: weights and chains find all well. The table of checks must hold the search."""
    density = density_of(two_normals, 2, np.full(2, 15.0))
    _, blind = verdict_of(density, np.full(2, 15.0), np.eye(2))
    assert blind.kind == "trust"
    _, verdict = verdict_of(density, np.full(2, 15.0), np.eye(2), search=two_of(0.0, 0.0))
    assert verdict.kind == "do not trust"


@pytest.mark.parametrize(("num_effective", "kind"), [(40.0, "do not trust"), (2000.0, "trust")])
def test_a_reference_of_few_draws_confirms_nothing(num_effective, kind):
    diagnostics = diagnostics_of(r_hat=1.01)
    moments = Moments(np.zeros(2), np.ones(2), num_effective)
    _, verdict = check_fit(moments, moments, diagnostics, None, converged=True, message="ran")
    assert verdict.kind == kind


@pytest.mark.parametrize(("ratio", "error"), [(1.4, 0.4), (1 / 1.4, 0.4), (3.0, 2.0), (0.25, 3.0)])
def test_an_sd_error_is_how_many_times_too_large_or_too_small_it_is(ratio, error):
    reference, reported = (
        Moments(np.zeros(2), np.ones(2), 1e8),
        Moments(np.zeros(2), np.array([1.0, ratio]), 1e8),
    )
    checks, _ = check_fit(reported, reference, diagnostics_of(), None, converged=True, message="ran")
    found = {c.name: c for c in checks}
    assert found["sd_error"].value == pytest.approx(error)
    assert found["spread"].value == pytest.approx(error)
    assert found["spread"].passed == (error < 1.5)
    assert f"{100 * error:.0f} %" in found["sd_error"].sentence


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_the_gap_is_what_the_elbo_lacks(gaussian, shift):
    """KL(q || p) = shift^2 / 2 for a normal that is moved."""
    loc, factor = nearby_normal(3)
    checks, _ = verdict_of(gaussian, loc + shift * factor[:, 0], factor)
    gap = next(c for c in checks if c.name == "elbo_gap")
    assert gap.value == pytest.approx(0.5 * shift**2, abs=0.15)
    assert gap.passed == (shift < 1.0)


def test_moments_of_weighted_values():
    values, weights = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0]]), np.array([0.5, 0.5, 0.0])
    moments = Moments.of(values, weights)
    np.testing.assert_allclose(moments.mean, [1.0, 1.0])
    np.testing.assert_allclose(moments.sd, [1.0, 0.0])
    assert moments.num_effective == 2.0


@pytest.mark.parametrize(("off", "limit"), list(itertools.product([0.05, 0.3], [1e4, 1e8])))
def test_the_limits_of_the_means(off, limit):
    reference, reported = (
        Moments(np.zeros(4), np.ones(4), limit),
        Moments(np.full(4, off), np.ones(4), np.inf),
    )
    _, verdict = check_fit(reported, reference, diagnostics_of(), None, converged=True, message="ran")
    assert verdict.kind == ("trust" if off < 0.1 else "do not trust")


def test_quantiles_are_held_against_the_place_they_have_in_the_reference():
    """A law of the same mean and sd whose tails are others: two points, against a normal."""
    rng = np.random.default_rng(0)
    normal_draws, two_points = (
        rng.standard_normal((4000, 1)),
        np.where(np.arange(4000) % 2, 1.0, -1.0)[:, None],
    )
    reference, reported = Moments.of(normal_draws), Moments.of(two_points)
    off = misplaced(reported, reference)
    np.testing.assert_allclose(off[[0, 2], 0], stats.norm.sf(1.0) - 0.05, atol=0.01)
    checks, verdict = check_fit(reported, reference, diagnostics_of(), None, converged=True, message="ran")
    assert verdict.kind == "means only"
    assert failed_of(checks) == {"quantile_error"}
    assert verdict.covers == ("means", "standard deviations", "log evidence")
    _, fine = check_fit(
        Moments.of(rng.standard_normal((4000, 1))),
        reference,
        diagnostics_of(),
        None,
        converged=True,
        message="ran",
    )
    assert fine.kind == "trust"
    assert fine.covers == ("means", "standard deviations", "quantiles", "log evidence")


def test_a_value_that_never_changes_has_all_quantiles():
    constant = Moments.of(np.full((50, 1), 0.1), np.full(50, 0.02))
    np.testing.assert_array_equal(misplaced(constant, Moments.of(np.full((80, 1), 0.1))), 0.0)


@pytest.mark.parametrize(("off", "kind"), [(0.15, "trust"), (0.25, "do not trust")])
def test_one_mean_of_many_may_be_off_by_a_fifth_of_an_sd(off, kind):
    # its share of the rms over sixteen is below the limit of that
    mean = np.zeros(16)
    mean[3] = off
    reported, reference = Moments(mean, np.ones(16), np.inf), Moments(np.zeros(16), np.ones(16), 1e8)
    _, verdict = check_fit(reported, reference, diagnostics_of(), None, converged=True, message="ran")
    assert verdict.kind == kind


def diagnostics_of(r_hat=1.0):
    from_normal = density_of(normal, 1, (np.zeros(1), np.eye(1)))
    with jax.enable_x64(True):
        importance = weigh(jr.key(0), from_normal, FullGaussian.of(np.zeros(1), np.eye(1))).importance
    return Diagnostics(
        importance,
        Chains(np.zeros((2, 4, 1)), r_hat, 1e3, 0.9, 0.0, 8),
        Estimate(0.919, 0.01),
        Estimate(0.919, 0.01),
    )


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 7])
def test_a_last_rung_that_ran_out_of_time_is_told_and_ends_nothing(steps):
    """NUTS on a busy machine may have a draw or two a chain, of which neither R-hat nor halves can be made."""
    density = density_of(normal, 2, nearby_normal(2))
    with jax.enable_x64(True):
        ladder = ladder_for(density)
        draws = np.random.default_rng(steps).standard_normal((4, steps, 2))
        result = EngineResult(
            gaussian_of(draws.reshape(-1, 2)), False, "was stopped by the time limit of 2 s", draws=draws
        )
        ladder._attempt("nuts", density, lambda: result)
    assert ladder.best.verdict.kind == "do not trust"
    assert "The engine was stopped by the time limit of 2 s." in ladder.best.verdict.reasons
    assert "engine='nuts'" not in str(ladder.best.verdict)


def test_of_fits_that_cannot_be_trusted_draws_that_agree_go_before_a_larger_elbo():
    """A normal in the neck of a funnel has the larger ELBO, and chains begun there disagree; those of NUTS nearly agree."""
    density = density_of(funnel, 4)
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        ladder = ladder_for(density)
        neck = FullGaussian.of(np.array([-12.0, 0, 0, 0]), np.diag([0.05, 0.002, 0.002, 0.002]))
        ladder._attempt("laplace", density, lambda: EngineResult(neck, True, "ran"))
        log_variance = 3.0 * rng.standard_normal((4, 500, 1))
        rest = np.exp(0.5 * log_variance) * rng.standard_normal((4, 500, 3))
        draws = np.concatenate([log_variance, rest], axis=-1)
        wide = gaussian_of(draws.reshape(-1, 4))
        last = EngineResult(wide, True, "ran", draws=draws, details={"num_divergences": 50})
        ladder._attempt("nuts", density, lambda: last)
        first, second = ladder.candidates
        assert first.verdict.kind == second.verdict.kind == "do not trust"
        assert first.importance.elbo.value > second.importance.elbo.value
        assert ladder.best is second
        assert ladder.best.posterior.moments().sd[0] == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize(("apart", "kind"), [(0.0, "trust"), (5.0, "do not trust")])
def test_chains_that_agree_by_themselves_are_not_unconfirmed(monkeypatch, apart, kind):
    """Draws of NUTS that converged, where the short chains that begin at their normal did not settle."""
    monkeypatch.setattr(_assessment, "reference_of", lambda *_: None)
    loc, factor = nearby_normal(2)
    density = density_of(normal, 2, (loc, factor))
    draws = loc + np.random.default_rng(0).standard_normal((4, 500, 2)) @ factor.T
    draws += apart * np.arange(4)[:, None, None]
    with jax.enable_x64(True):
        result = EngineResult(gaussian_of(draws.reshape(-1, 2)), True, "ran", draws=draws)
        search = LazySearch(jr.key(1), density, np.zeros(2), 1)
        found = _assessment.LazyAssessment(jr.key(0), "nuts", "full-rank", density, result, search, 0.1)
        assert found.judged.verdict.kind == kind


def ladder_for(density):
    search = Search((), 1, (Lost.RIDGE,))
    return _Ladder(jr.key(0), density, np.zeros(density.dim), search, 0.1, lambda rung: None)


@pytest.mark.parametrize(
    ("apart", "divergences", "kind"),
    [(0.0, 1, "trust"), (15.0, 0, "do not trust"), (0.0, 20, "do not trust")],
)
def test_chains_of_the_last_rung_that_miss_something_are_not_trusted(apart, divergences, kind):
    """Both halves of stuck chains agree with one another, so halves alone would let them pass."""
    density = density_of(two_normals, 2, np.full(2, apart))
    draws = np.random.default_rng(0).standard_normal((4, 300, 2))
    draws[:2] += apart
    draws[2:] -= apart
    with jax.enable_x64(True):
        q = FullGaussian.of(np.zeros(2), np.sqrt(1 + apart**2) * np.eye(2))
        result = EngineResult(q, False, "ran", draws=draws, details={"num_divergences": divergences})
        ladder = ladder_for(density)
        ladder._attempt("nuts", density, lambda: result)
    assert ladder.best.verdict.kind == kind


def test_moments_are_exact_of_affine_maps_of_noise_alone():
    density = density_of(normal, 2, nearby_normal(2))
    with jax.enable_x64(True):
        gaussian = FullRank().init(jr.key(0), 2)
        funnel = Structured((((0,), ()), ((1,), (0,)))).init(jr.key(0), 2)
        assert of_approximation(jr.key(1), density, gaussian).num_effective == np.inf
        assert of_approximation(jr.key(1), density, funnel).num_effective == NUM_REPORTED


def test_without_a_search_the_modes_are_said_not_to_be_known():
    found = _modes_check(Search((), 0, ()))
    assert found.passed
    assert "No search for modes was made" in found.sentence
