"""The page of a Bayesian fit: the verdict first, then what it rests on; nothing loaded, everything escaped."""

import re

import jax.random as jr
import numpy as np
import pytest
from tests.bayes.fake_fit import FakeFit
from tests.report.pages import EVIL, Page

from latlas.bayes import load, save
from latlas.bayes.fitting import record_of
from latlas.report import (
    DARK,
    LIGHT,
    BayesReportData,
    RunDetails,
    collect_bayes,
    render_bayes,
    save_bayes_report,
)
from latlas.report.data._posterior import disagreement
from latlas.report.drawing._file import to_svg
from latlas.report.figures._posterior import interval_groups, intervals_figure, marginals_figure, pairs_figure
from latlas.report.posterior._tables import names_that_decide
from latlas.report.posterior._words import evidence, next_steps, reference


def collected(kind="trust", **options):
    return collect_bayes(jr.key(0), FakeFit(kind, **options), title="eight schools", run=RunDetails("runs/b"))


def made(draws, ref=None, **evaluation):
    """A page's data from arrays alone."""
    record = record_of(FakeFit(reference=False)) | evaluation
    return BayesReportData(
        title="t", evaluation=record, draws=draws, reference=ref or {}, shown=list(draws)[:6]
    )


@pytest.fixture(scope="module")
def whole():
    data = collected("means only")
    return data, render_bayes(data)


def test_the_page_is_valid_self_contained_and_the_same_every_time(whole):
    data, text = whole
    page = Page(text)
    assert render_bayes(data) == text
    assert len(text) < 1_500_000
    assert {"parameters", "ladder", "checks", "marginals", "pairs", "intervals"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not {"script", "iframe", "object", "embed", "link", "form", "base"} & set(page.tags)
    assert "http" not in re.sub(r'http-equiv|base64,[^"]*', "", text)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:60])


def test_the_verdict_comes_first_with_its_meaning_and_reasons(whole):
    words = Page(whole[1]).words
    assert words.index("Means only") < words.index("log p(data)") < words.index("The parameters")
    assert "Do not use the standard deviations" in words
    assert "The standard deviations of mean-field are too small. Means agree within 0.1 sd." in words
    assert "bound lies 0.190" in words.replace("\N{NO-BREAK SPACE}", " ")
    assert words.index("pareto k beyond its limit") < words.index("elbo agreement passed"), (
        "first what lies beyond"
    )
    assert "failed: the Hessian is not positive definite." in words
    assert "Means 1" not in words


@pytest.mark.parametrize(
    ("kind", "word", "advice"),
    [
        ("trust", "You can use the means, standard deviations, quantiles", "--reference nuts"),
        ("means only", "You can use the means", "--family full-rank"),
        ("do not trust", "Do not use these numbers", "non-centred"),
        ("odd", "Nothing is known", "non-centred"),
    ],
)
def test_each_verdict_has_its_advice(kind, word, advice):
    data = made({"mu": np.arange(50.0)}, verdict=f"{kind}: because.", ladder=[], diagnosis=[])
    words = Page(render_bayes(data)).words
    assert word in words
    assert advice in words
    assert any("--reference nuts" in step for step in next_steps(data))


@pytest.mark.parametrize("verdict", ["trust: all agree.", "do not trust: they do not."])
def test_checks_that_decide_and_checks_that_inform_stand_apart(verdict):
    names = {
        "modes": False,
        "sd_error": True,
        "mean_error": True,
        "pareto_k": False,
        "elbo_gap": False,
        "engine": True,
    }
    checks = [
        {"name": name, "value": 1.0, "limit": 0.5, "passed": passed, "sentence": f"About {name}."}
        for name, passed in names.items()
    ]
    if verdict.startswith("trust"):
        checks[0]["passed"] = True
    data = made({"mu": np.arange(50.0)}, verdict=verdict, diagnosis=checks)
    assert names_that_decide(data) == {"modes", "sd_error", "mean_error"}
    words = Page(render_bayes(data)).words
    decide, inform = words.index("What the verdict rests on"), words.index("What else was measured")
    assert decide < words.index("About modes.") < inform < words.index("About pareto_k.")
    # nothing red beside a verdict that it did not change
    assert ("failed" in words[decide:]) == (not verdict.startswith("trust"))
    assert "pareto k beyond its limit" in words


def test_whether_to_believe_the_evidence_stands_beside_it():
    record = record_of(FakeFit("trust"))["log_evidence"]
    for reliable, word in ((True, "reliable"), (False, "not reliable")):
        text = render_bayes(made({"mu": np.arange(50.0)}, log_evidence=record | {"reliable": reliable}))
        tile = text[text.index("log p(data), nats") :]
        assert f">{word}<" in tile[: tile.index("ELBO")]


def test_each_parameter_has_its_effective_draws_and_its_r_hat():
    fit = FakeFit()
    fit.reference["theta"][0, :, 3] += 20.0
    data = collect_bayes(jr.key(0), fit, title="t")
    assert data.r_hats["theta[3]"] == max(data.r_hats.values()) == data.reference_r_hat
    assert data.r_hats["mu"] < 1.02
    text = render_bayes(data)
    rows = {row[0]: row[1:] for row in re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', text)}
    cells = {name: re.findall(r"<td>(.*?)</td>", row[0]) for name, row in rows.items()}
    assert cells["mu"][6] == "3,969"  # mcse is sd / 63
    assert cells["mu"][9] == f"{data.r_hats['mu']:.3f}"
    assert "above 1.05" in cells["theta[3]"][9]


def test_distance_from_the_reference_is_in_its_standard_deviations():
    rng = np.random.default_rng(0)
    ref = rng.normal(size=4000)
    assert disagreement(ref + 2.0, 4 * ref) == pytest.approx((0.5, 0.25), abs=0.02)
    data = made({"a": ref + 0.3, "b": ref}, {"a": ref, "b": ref})
    text = reference(data)
    assert "at most 0.3" in text
    assert "of `a`" in text
    assert "means are off by 0.21 posterior" in text  # 0.3 / sqrt(2)
    assert reference(made({"a": ref})) == ""


def test_chains_of_nuts_that_disagree_are_no_reference():
    fit = FakeFit()
    sound = collect_bayes(jr.key(0), fit, title="t")
    assert sound.reference_r_hat < 1.02
    assert "has not converged" not in reference(sound)
    fit.reference["theta"][0, :, 3] += 20.0
    stuck = collect_bayes(jr.key(0), fit, title="t")
    assert stuck.reference_r_hat > 1.05
    assert "has not converged" in reference(stuck)


def test_the_bound_is_compared_with_the_evidence():
    x = {"a": np.arange(9.0)}
    exact = {"value": -10.0, "standard_error": 0.01}
    tight = evidence(made(x, elbo=exact, log_evidence=exact | {"value": -9.99}))
    assert "within their errors" in tight
    rounding = {"value": -10.0, "standard_error": 1e-17}
    same = evidence(made(x, elbo=rounding, log_evidence=rounding | {"value": -10.0 - 1e-15}))
    assert "is −10.00 nats" in same
    assert "within their errors (0)" in same
    wild = exact | {"value": -8.0, "reliable": False}
    loose = evidence(made(x, elbo=exact, log_evidence=wild, pareto_k=0.9))
    assert "bound lies 2.000" in loose
    assert "a few lucky draws" in loose
    assert "not measured" in evidence(made(x, elbo={"value": None, "standard_error": None}))
    assert "a few lucky draws" in evidence(made(x, log_evidence=wild, pareto_k=None))
    # chains may confirm what weights do not
    assert "a few lucky draws" not in evidence(made(x, log_evidence=exact | {"reliable": True}, pareto_k=0.9))


def test_single_numbers_are_shown_first_and_the_worst_against_nuts_always():
    data = collected(reference=False, num_entries=30)
    assert list(data.shown) == ["mu", "tau", *(f"theta[{i}]" for i in range(4))]
    fit = FakeFit(num_entries=30)
    fit.reference["theta"][..., 23] += 1000.0
    shown = collect_bayes(jr.key(0), fit, title="t").shown
    assert len(shown) == 6
    assert "theta[23]" in shown
    asked = collect_bayes(jr.key(0), fit, title="t", parameters=["theta[9]", "tau", "none"])
    assert asked.shown == ["theta[9]", "tau"]


def test_many_parameters_are_cut_and_that_is_said():
    data = collected(num_entries=300)
    text = render_bayes(data)
    words = Page(text).words
    assert "And 242 more, all in runs/b/evaluation.json" in words
    assert "6 of 302 are drawn" in words
    assert "40 of 300 entries are drawn" in words
    assert len(text) < 1_500_000
    assert {name: len(entries) for name, entries in interval_groups(data).items()} == {"theta": 40}


def test_the_figures_show_the_draws():
    data = collected()
    panels = [panel for panel in marginals_figure(data).axes if panel.get_visible()]
    assert [panel.get_title(loc="left") for panel in panels] == list(data.shown)
    areas = [
        patch.get_width() * patch.get_height() for patch in panels[0].patches if hasattr(patch, "get_width")
    ]
    assert sum(areas) == pytest.approx(1.0, abs=0.02)
    pairs = [panel for panel in pairs_figure(data).axes if panel.get_visible()]
    assert len(pairs) == 15
    assert all(len(panel.collections) == 2 for panel in pairs)
    (panel,) = intervals_figure(data).axes
    middles = panel.lines[0].get_xdata()
    np.testing.assert_allclose(middles, [np.median(data.draws[f"theta[{i}]"]) for i in range(8)])


@pytest.mark.parametrize(
    "draws",
    [
        {"a": np.zeros(100)},
        {"a": np.full(100, 3.5), "b": np.arange(100.0)},
        {"a": np.r_[np.arange(99.0), np.inf], "b": np.r_[np.nan, np.arange(99.0)]},
        {"a": np.random.default_rng(0).standard_cauchy(4000), "b": 1e-9 * np.arange(4000.0)},
        {"z$_{$": np.arange(5.0), "w[0]": np.arange(5.0)},
        {"n": np.arange(100) % 3, "flag": np.arange(100) % 2 == 0},
    ],
    ids=["constant", "one constant", "not finite", "heavy", "names", "integers"],
)
def test_odd_draws_are_drawn_in_both_themes(draws):
    data = made(draws)
    Page(render_bayes(data))
    for theme in (LIGHT, DARK):
        assert to_svg(marginals_figure(data, theme))


def test_strings_are_text_and_never_markup():
    fit = FakeFit()
    record = record_of(fit)
    record |= {"verdict": EVIL, "reasons": [EVIL], "engine": EVIL, "family": EVIL}
    record["parameters"] = {EVIL: next(iter(record["parameters"].values()))}
    record["ladder"][0] |= {"engine": EVIL, "note": EVIL}
    record["diagnosis"][0] |= {"name": EVIL, "sentence": EVIL}
    draws = {EVIL: np.arange(50.0), "b": np.arange(50.0)}
    data = BayesReportData(
        title=EVIL,
        evaluation=record,
        draws=draws,
        shown=list(draws),
        run=RunDetails(EVIL, options={EVIL: EVIL}),
    )
    text = render_bayes(data)
    assert "<script" not in text
    assert "script" not in Page(text).tags


def test_a_page_is_saved_of_a_new_and_of_a_stored_fit(tmp_path):
    save_bayes_report(jr.key(0), tmp_path / "a.html", FakeFit(), title="schools")
    run = save(jr.key(0), tmp_path / "run", FakeFit())
    save_bayes_report(jr.key(0), tmp_path / "b.html", load(run), title="schools")
    for name in ("a.html", "b.html"):
        assert "You can use the means, standard deviations" in (tmp_path / name).read_text()
