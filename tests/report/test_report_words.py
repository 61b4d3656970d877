"""What the page says of its figures: no rate is called information, no row of the fit held out."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.report.conftest import evaluation, report_of
from tests.report.pages import Page

from latlas.data import fingerprint
from latlas.estimators import is_of_fit
from latlas.report import render
from latlas.report.atlas._words import learned, num_active, quality, split


def rate_of(**entries):
    return split(report_of("t", shape=(5,), evaluation=evaluation() | {"rate": 9.46} | entries))


def test_a_rate_is_split_into_information_and_codes_that_lie_off_the_prior():
    told = rate_of(information={"value": 0.02, "standard_error": 0.01, "num_examples": 360})
    assert "costs 9.46 nats" in told
    assert "about 0.0200 of them tell about its example" in told
    assert "the other 9.44 only say that the codes of all examples lie off the prior" in told


def test_what_few_examples_cannot_show_is_not_claimed():
    told = rate_of(information={"value": 5.8, "standard_error": 0.01, "num_examples": 360})
    assert "at least 5.80 of them tell about its example" in told
    assert "off the prior" not in told
    assert "it tells at most as much" in rate_of()


def test_a_dimension_whose_code_never_moves_is_not_in_use():
    codes = np.column_stack([np.full(40, 4.0), np.linspace(-2, 2, 40)])
    page = report_of("t", shape=(5,), codes=codes, kl_per_dimension=np.array([8.0, 1.5]))
    assert page.latent.in_use.tolist() == [False, True]
    assert num_active(page) == 1
    still = report_of("t", shape=(5,), codes=codes[:, :1], kl_per_dimension=np.array([8.0]))
    assert "It uses none of the 1: every example gets the same place." in learned(still)


@pytest.mark.parametrize(
    ("of_fit", "called", "never"),
    [
        (True, "examples of the fit itself", "held-out"),
        (False, "held-out examples", "of the fit itself"),
        (None, "examples", "held-out"),
    ],
)
@pytest.mark.parametrize("kind", ["table", "series"])
def test_only_examples_that_the_fit_has_not_seen_are_called_held_out(of_fit, called, never, kind, content):
    items = {name: content(kind)[name] for name in ("title", "shape", "originals", "reconstructions")}
    page = report_of(**items, kind=kind, of_fit=of_fit, evaluation=evaluation() | {"of_fit": of_fit})
    words = Page(render(page)).words
    captions = words[words.index("Data and reconstructions", words.index("How good, and")) :]
    assert called in captions[: captions.index("Not in this report")].lower()
    assert f"the 360 {called}" in quality(page)
    assert never not in quality(page)
    assert ("the figure of new ones is lower" in quality(page)) == (of_fit is True)


def test_the_fingerprint_tells_the_data_of_the_fit():
    x = np.arange(24.0).reshape(4, 6)
    atlas = SimpleNamespace(item_shape_=(2, 3), record_=SimpleNamespace(data={}))
    assert is_of_fit(atlas, x) is None
    atlas.record_.data["fingerprint"] = fingerprint(x.reshape(4, 2, 3))
    assert is_of_fit(atlas, x) is True
    assert is_of_fit(atlas, x + 1) is False


@pytest.mark.parametrize(("k", "help_"), [(0.8, "help slowly"), (3.7, "More draws do not help")])
def test_the_way_out_of_wild_weights_is_one_that_helps(k, help_):
    found = evaluation(reliable=False)
    found["log_evidence"] |= {"pareto_k": k}
    words = Page(render(report_of("t", shape=(5,), evaluation=found))).words
    assert help_ in words
    assert "--bound ais" in words
