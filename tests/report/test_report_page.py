import re

import numpy as np
import pytest
from tests.report.conftest import report_of
from tests.report.pages import EVIL, Page

from latlas.report import Items, ReportData, RunDetails, render


def test_a_whole_report_is_valid_self_contained_and_the_same_every_time(report, whole):
    text = whole
    page = Page(text)
    assert render(report()) == text
    assert len(text) < 3_000_000
    assert page.tags.count("figure") == page.tags.count("svg") == 9
    assert len(page.ids) == len(set(page.ids))
    assert not {"script", "iframe", "object", "embed", "link", "form", "base"} & set(page.tags)
    assert "http" not in re.sub(r'http-equiv|base64,[^"]*', "", text)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "srcset", "xlink:href", "action"):
            assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:60])
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_the_policy_forbids_scripts_and_the_network(whole):
    page = Page(whole)
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "http" not in policy


def test_every_picture_has_words_for_those_who_do_not_see_it(whole):
    page = Page(whole)
    labels = [value for tag, name, value in page.attributes if name == "aria-label" and tag == "div"]
    assert len(labels) == 9
    assert all(len(label) > 10 for label in labels)


def test_every_link_leads_somewhere(whole):
    page = Page(whole)
    links = {value[1:] for tag, name, value in page.attributes if tag == "a" and name == "href"}
    assert links
    assert links <= set(page.ids)


def test_strings_of_the_data_are_text_and_never_markup(report):
    text = render(
        report(
            "table",
            title=EVIL,
            labels=[EVIL] * 10,
            label_name=EVIL,
            feature_names=[EVIL] * 5,
            facts={EVIL: EVIL},
            options={EVIL: EVIL},
            versions={EVIL: EVIL},
            likelihood=EVIL,
            likelihood_reason=EVIL,
            fingerprint=EVIL,
            path=EVIL,
            history=(),
            evaluation={"log_evidence": {"value": -1.0}, EVIL: EVIL},
        )
    )
    assert "<script" not in text
    page = Page(text)
    assert "script" not in page.tags
    assert EVIL in page.words


def test_an_empty_report_says_how_to_get_every_part():
    page = Page(render(ReportData("Nothing yet", Items((3,)), run=RunDetails("runs/a"))))
    assert "figure" not in page.tags
    assert "latlas evaluate runs/a DATA" in page.words
    assert page.tags.count("li") == 12
    assert "latlas evaluate runs/a DATA --bound bracket" in page.words
    assert "latlas diagnose runs/a DATA" in page.words


@pytest.mark.parametrize(
    "missing", ["samples", "originals", "codes", "prototype", "history", "evaluation", "kl_per_dimension"]
)
def test_a_missing_part_is_left_out(missing, content):
    nothing = () if missing == "history" else None
    names = {
        "samples",
        "originals",
        "codes",
        "prototype",
        "history",
        "evaluation",
        "kl_per_dimension",
        missing,
    }
    some = content() | dict.fromkeys(names - {missing, "prototype"}) | {"history": (), missing: nothing}
    page = Page(render(report_of(**(some | {"labels": None}))))
    assert page.tags.count("li") >= 1
    assert "Not in this report" in page.words


@pytest.mark.parametrize("reliable", [True, False])
def test_the_verdict_says_whether_to_believe_the_evidence_and_why(reliable, measures, content):
    evaluation = content()["evaluation"]
    evaluation["log_evidence"] |= {"reliable": reliable, "pareto_k": 0.43 if reliable else 0.93}
    text = render(measures(evaluation=evaluation))
    words = Page(text).words
    assert ("You can believe this figure" in words) == reliable
    assert ("Do not lean on this figure" in words) == (not reliable)
    assert f"k-hat {0.43 if reliable else 0.93}" in words
    assert "84" in words
    assert "\N{MINUS SIGN}71.31\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.43" in text
    assert "360 held-out examples" in words


@pytest.mark.parametrize("value", [None, float("nan"), float("-inf")], ids=str)
def test_an_evidence_that_is_no_number_is_said_to_be_missing(value, measures):
    evaluation = {"log_evidence": {"value": value, "standard_error": None, "reliable": False}, "elbo": None}
    words = Page(render(measures(evaluation=evaluation))).words
    assert "was not measured" in words
    assert "believe" not in words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"samples": np.zeros((3, 7))}, "samples has shape", id="items"),
        pytest.param({"reconstructions": np.zeros((3, 48))}, "3 reconstructions of 10", id="pairs"),
        pytest.param({"labels": [1, 2]}, "2 labels for 10 codes", id="labels"),
        pytest.param({"kl_per_dimension": np.zeros(3)}, "3 KL values for 4", id="dimensions"),
        pytest.param({"feature_names": ["a"]}, "1 feature names", id="names"),
        pytest.param({"kind": "film"}, "kind of items", id="kind"),
        pytest.param({"codes": np.zeros(3)}, "codes has shape", id="codes"),
    ],
)
def test_sizes_that_disagree_are_refused_with_both_named(change, message, content):
    with pytest.raises(ValueError, match=message):
        report_of(**(content() | change))


def test_flat_items_are_shown_like_shaped_ones(content):
    names = ("title", "shape", "samples", "originals", "reconstructions", "prototype", "interpolation")
    shaped = {name: content()[name] for name in names}
    flat = shaped | {"samples": shaped["samples"].reshape(10, -1), "prototype": shaped["prototype"].ravel()}
    assert render(report_of(**flat)) == render(report_of(**shaped))
