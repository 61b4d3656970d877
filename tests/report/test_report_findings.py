"""The bracket, the certificate, the diagnosis and the treatments on the page."""

import numpy as np
import pytest
from matplotlib.text import Text
from tests.report.conftest import full_evaluation, measured, treatments
from tests.report.pages import EVIL, Page

from latlas.report import DARK, LIGHT, bracket_figure, render
from latlas.report.atlas._findings import health
from latlas.report.atlas._panels_of_evidence import BRACKET
from latlas.report.atlas._trust import trust
from latlas.report.atlas._words import certainty, quality
from latlas.report.data._evaluation import bracket, certificate, findings, gap
from latlas.report.drawing._file import to_svg
from latlas.report.drawing._text import between
from latlas.report.figures._bracket import bracket_rows


def with_bracket(**changes):
    return full_evaluation(bracket=full_evaluation()["bracket"] | changes)


def test_the_whole_page_shows_every_part_and_is_the_same_every_time(report):
    data = report(evaluation=full_evaluation(), treatments=treatments())
    text = render(data)
    page = Page(text)
    assert render(data) == text
    assert {"bracket", "findings", "treatments"} <= set(page.ids)
    assert "evidence" not in page.ids, "the bracket shows the ELBO and log p(x) as well"
    assert "How good, and how sure" not in page.words
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))


def test_the_details_give_every_measurement_in_one_line_with_its_error(measures):
    words = Page(render(measures(evaluation=full_evaluation()))).words.replace("\N{NO-BREAK SPACE}", " ")
    assert "bracket, lower −71.62 ± 0.43 bracket, lower, num samples 16" in words
    assert "certificate, kl 3.300 ± 0.050" in words
    assert "{'" not in words


def test_on_real_data_the_upper_side_is_called_an_estimate_and_trusted_as_far_as_on_simulated_data(measures):
    words = Page(render(measures(evaluation=full_evaluation()))).words.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "−71.62 ± 0.43 (a lower bound) and −71.10 ± 0.44 (an estimate from above and no bound) nats" in words
    )
    assert "The upper side is an estimate and no bound" in words
    assert "the sides lie 0.410 ± 0.050 nats apart" in words
    assert "−71.62 to −71.10" in words


def test_without_simulated_data_the_upper_side_is_not_trusted(measures):
    verdict = trust(measures(evaluation=with_bracket(simulated_width=None)))
    assert verdict.reliable is None
    assert "lean on the lower side only" in verdict.sentence


def test_two_bounds_are_believed_and_an_exact_value_is_said(measures):
    data = measures(evaluation=with_bracket(upper_is_bound=True, simulated_width=None, exact=-71.345))
    assert trust(data).reliable is True
    assert "estimate" not in trust(data).sentence + quality(data)
    assert "knows the figure exactly: −71.345 nats" in quality(data)
    assert "exact −71.345" in texts(bracket_figure(data))


@pytest.mark.parametrize(
    ("width", "crossed"), [(0.52, False), (-0.05, False), (-0.119, False), (-0.121, True), (-3.0, True)]
)
def test_sides_that_cross_by_more_than_chance_are_not_believed(width, crossed, measures):
    data = measures(evaluation=with_bracket(width=measured(width, 0.06)))
    assert (trust(data).reliable is False) == crossed
    assert ("could not be enclosed" in quality(data)) == crossed


def test_a_bracket_on_a_part_of_the_examples_is_held_against_the_elbo_of_that_part(measures):
    own = {"elbo": measured(-73.9, 0.8), "importance": measured(-71.7, 0.7), "num_examples": 100}
    data = measures(evaluation=with_bracket(**own))
    assert [row.value.value for row in bracket_rows(data)] == [-73.9, -71.7, -71.62, -71.10]
    assert "gives 100 of the 360 held-out examples lies between" in quality(data)
    assert "gives 100 of the 360 held-out examples, log p(x)" in BRACKET.caption(data)
    whole = measures(evaluation=with_bracket())  # of a file that does not tell them apart
    assert [row.value.value for row in bracket_rows(whole)][:2] == [-74.4, -71.314159]
    assert "gives the 360 held-out examples lies" in quality(whole)
    assert len(bracket_rows(measures(evaluation=with_bracket(elbo=measured(None))))) == 3


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_a_side_that_a_few_draws_decide_is_named(side, measures):
    changed = full_evaluation()["bracket"][side] | {"reliable": False}
    verdict = trust(measures(evaluation=with_bracket(**{side: changed})))
    assert verdict.reliable is False
    assert f"decide the {side} side" in verdict.sentence


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "high"], ids=str)
def test_a_side_that_is_no_number_leaves_the_evidence_in_its_place(value, measures):
    data = measures(evaluation=with_bracket(upper=measured(value)))
    assert bracket(data) is None
    page = Page(render(data))
    assert "evidence" in page.ids
    assert "--bound bracket" in page.words


def test_a_vacuous_bound_is_said_to_be_vacuous(measures):
    vacuous = certainty(measures(evaluation=full_evaluation()))
    assert "of 1.28 that follows for probabilities read off the map is vacuous" in vacuous
    certificate = {"kl": measured(0.02, 0.004), "total_variation": measured(0.1, 0.01), "other": [1]}
    text = certainty(measures(evaluation=full_evaluation(certificate=certificate)))
    assert "vacuous" not in text
    assert "off by at most 0.100\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.010" in text
    assert text.startswith("If the upper side is right, the cloud")
    assert certainty(measures()) == ""


def test_a_certificate_over_examples_tells_its_median_and_the_share_that_is_vacuous(measures):
    def spread(middle):
        return {"mean": 2 * middle, "median": middle, "largest": None}

    certificate = {
        "kl": spread(0.5),
        "total_variation": spread(0.5),
        "total_variation_low": spread(0.42),
        "total_variation_high": spread(0.57),
        "vacuous": True,  # the mean over the examples, which is above 1 here
        "num_vacuous": 30,
        "num_examples": 120,
        "basis": "estimate",
        "reliable": False,
    }
    text = certainty(measures(evaluation=full_evaluation(certificate=certificate)))
    assert "at most 0.5000 nats" in text
    assert "0.5000 (0.42 to 0.57 within two standard errors)" in text
    assert "For 25 % of the examples that bound is vacuous" in text
    assert "None of this is reliable yet" in text
    most = certificate | {"total_variation": spread(1.3), "vacuous": False, "num_vacuous": 72}
    text = certainty(measures(evaluation=full_evaluation(certificate=most)))
    assert "off by at most" not in text
    assert (
        "For 60 % of the examples the bound that follows for probabilities read off the map is vacuous"
        in text
    )
    exact = certainty(measures(evaluation=full_evaluation(certificate=certificate | {"basis": "exact"})))
    assert exact.startswith("The cloud of places")
    assert "differs from the exact one by 0.5000 nats" in exact


def test_findings_stand_the_worst_first_with_number_threshold_meaning_and_remedy(measures):
    page = Page(render(measures(evaluation=full_evaluation())))
    assert [row.severity for row in findings(measures(evaluation=full_evaluation()))] == ["serious", "note"]
    assert page.words.index("posterior_collapse serious 0.00210 0.100") < page.words.index(
        "collapsed_dimensions note not finite 0.100"
    )
    assert "Warm the KL up for longer ( --warm-up 0.5 )." in page.words
    assert (
        "The diagnosis found 1 serious problem: posterior collapse. 1 note beside that is worth" in page.words
    )
    classes = [value for tag, name, value in page.attributes if name == "class"]
    assert "badge serious" in classes
    assert render(measures(evaluation=full_evaluation())).count('class="number"><div>') == 4


@pytest.mark.parametrize("found", [[], [{"name": "overfitting", "severity": "note"}]], ids=["none", "note"])
def test_a_healthy_fit_is_said_to_be_healthy(found, measures):
    data = measures(evaluation=full_evaluation(diagnosis={"findings": found, "healthy": True}))
    page = Page(render(data))
    assert "The diagnosis found nothing wrong with this fit." in page.words
    assert "healthy" in page.words
    assert ("stacked" in {value for _, name, value in page.attributes if name == "class"}) == bool(found)


def test_without_a_diagnosis_the_page_says_how_to_get_one(measures):
    page = Page(render(measures()))
    assert health(measures()) == ""
    assert "findings" not in page.ids
    assert "latlas diagnose RUN DATA" in page.words


def test_treatments_are_told_in_their_order_with_reason_and_outcome(measures):
    words = Page(render(measures(treatments=treatments()))).words
    assert (
        "posterior_collapse (measured 0.00210), at step 400: longer KL warm-up (led to fit 1) why:" in words
    )
    assert words.index("led to fit 1") < words.index("led to fit 2")
    assert words.count("outcome:") == 1


def test_strings_of_findings_and_treatments_are_text_and_never_markup(measures):
    finding = dict.fromkeys(("name", "severity", "measured", "threshold", "meaning", "remedy"), EVIL)
    treatment = dict.fromkeys(treatments()[0], EVIL)
    evaluation = full_evaluation(diagnosis={"findings": [finding]})
    text = render(measures(evaluation=evaluation, treatments=[treatment]))
    assert "<script" not in text
    assert "script" not in Page(text).tags
    assert Page(text).words.count("alert(") >= 6


@pytest.mark.parametrize("junk", [None, 3.0, "x", [], [None], {"findings": [None]}, {"lower": 3}], ids=str)
def test_parts_of_another_form_are_left_out(junk, measures):
    names = ("bracket", "gap", "certificate", "diagnosis")
    data = measures(evaluation=full_evaluation() | dict.fromkeys(names, junk), treatments=[{}])
    assert [read(data) for read in (bracket, gap, certificate)] == [None] * 3
    assert findings(data) == ([] if junk == {"findings": [None]} else None)
    ids = Page(render(data)).ids
    assert "bracket" not in ids
    assert "evidence" in ids


def test_the_bracket_is_drawn_in_both_themes_with_or_without_errors(measures):
    bare = with_bracket(lower=measured(-2.0, None), upper=measured(-1.0, None), exact=-1.5)
    for evaluation in (full_evaluation(), bare, {"bracket": bare["bracket"]}):
        data = measures(evaluation=evaluation)
        light, dark = (
            to_svg(bracket_figure(data, LIGHT)).decode(),
            to_svg(bracket_figure(data, DARK)).decode(),
        )
        assert LIGHT.text in light
        assert LIGHT.text not in dark


def test_without_a_bracket_there_is_none_to_draw(measures):
    with pytest.raises(ValueError, match="no bracket"):
        bracket_figure(measures())


def test_the_band_of_the_bracket_reaches_from_side_to_side(measures):
    panel = bracket_figure(measures(evaluation=full_evaluation())).axes[0]
    corners = panel.patches[0].get_extents().transformed(panel.transData.inverted())
    np.testing.assert_allclose([corners.x0, corners.x1], [-71.62, -71.10])
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["ELBO", "importance-weighted", "lower bound", "upper estimate"]


def test_a_range_shows_the_digits_that_tell_its_ends_apart():
    assert between(-71.62, -71.1) == "−71.62 to −71.10"
    assert between(-1234.0, -1200.0) == "−1,234 to −1,200"
    assert between(-1.0, -1.0) == "−1.00 to −1.00"


def texts(figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)}
