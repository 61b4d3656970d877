"""The worst examples, what is left over, and whether the data score as what the model makes up does."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from tests.report.conftest import report_of
from tests.report.pages import Page
from tests.report.test_report_parts import LinearAtlas

from latlas.estimators import report_data
from latlas.report import DARK, ReportData, Scores, render, residuals_figure, scores_figure, worst_figure
from latlas.report.atlas._outliers import outliers_section
from latlas.report.drawing._file import to_svg

RNG = np.random.default_rng(0)


def scored(log_p, **more):
    """Report data of rows with five features, whose worst are rebuilt as zeros."""
    x = np.arange(5.0 * len(log_p)).reshape(-1, 5)
    scores = Scores(np.asarray(log_p), np.arange(len(log_p)), total=len(log_p), **more)
    worst = x[scores.order]
    scores = Scores(scores.log_p, scores.rows, total=scores.total, worst=worst, rebuilt=0 * worst, **more)
    page = report_of("t", shape=(5,), feature_names=list("abcde"), originals=x, reconstructions=x + 1.0)
    return ReportData("t", page.items, page.latent, scores=scores)


def test_the_ten_worst_are_listed_the_worst_first_with_what_stands_out():
    log_p = np.linspace(-10.0, -1.0, 30)[RNG.permutation(30)]
    log_p[7] = -500.0
    page = scored(log_p, of_samples=np.linspace(-9, -1, 200), names=[f"patient {i}" for i in range(30)])
    section = outliers_section(page, "The worst")
    rows = re.findall(r"<tr role=\"row\">(.*?)</tr>", section)[1:]
    assert len(rows) == 10
    cells = [[Page(cell).words for cell in re.findall(r"<td.*?</td>", row)] for row in rows]
    assert cells[0][0] == "patient 7 (row 7)"
    assert cells[0][1] == "\N{MINUS SIGN}500"
    assert cells[0][3] == "0.0 %"
    assert cells[0][4] == "e: 39.00, rebuilt as 0"
    order = np.argsort(log_p)[:10]
    assert [cell[0].split()[1] for cell in cells] == [str(row) for row in order]


def test_a_row_that_has_no_score_is_the_worst():
    page = scored([-1.0, np.nan, -np.inf, -2.0])
    assert page.scores.order.tolist()[:2] == [1, 2]
    assert "not finite" in outliers_section(page, "t")
    Page(render(page))


def test_the_share_of_the_data_below_what_is_made_up_is_told():
    made_up = np.arange(200.0)
    same = scored(RNG.permutation(made_up), of_samples=made_up)
    np.testing.assert_allclose(np.sort(same.scores.share_below), np.arange(200) / 200)
    assert "here 5 % do" in Page(render(same)).words
    off = scored(made_up - 100.0, of_samples=made_up)
    words = Page(render(off)).words
    assert "here 55 % do" in words
    assert "102 of 200 examples, where about 1.0 are expected" in words


@pytest.mark.parametrize("kind", ["table", "series", "image"])
def test_what_is_left_over_is_drawn_for_each_kind(kind, report):
    page = report(kind, samples=None)
    for theme in (None, DARK):
        assert to_svg(residuals_figure(page) if theme is None else residuals_figure(page, theme))
    off = np.asarray(page.items.originals) - np.asarray(page.items.reconstructions)
    figure = residuals_figure(page)
    if kind == "image":
        drawn = np.asarray(figure.axes[0].images[0].get_array())
        np.testing.assert_allclose(drawn, np.sqrt((off**2).mean(axis=0)), rtol=1e-6)
    elif kind == "series":
        np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), np.median(off, axis=0))
    else:
        scale = np.asarray(page.items.originals).std(axis=0)
        np.testing.assert_allclose(figure.axes[0].lines[1].get_xdata(), np.median(off, axis=0) / scale)


def test_a_figure_of_scores_keeps_its_outliers_in_sight():
    page = scored([*RNG.normal(size=300), -1e6], of_samples=RNG.normal(size=200))
    panel = scores_figure(page).axes[0]
    low, high = panel.get_xlim()
    assert high - low < 20
    assert panel.lines[0].get_xdata()[0] == pytest.approx(low)
    with pytest.raises(ValueError, match="no scores"):
        scores_figure(report_of("t", shape=(5,)))


def test_an_atlas_is_scored_row_by_row(monkeypatch):
    x = RNG.normal(size=(700, 6))
    x[[698, 699]] = 50.0
    every = report_data(LinearAtlas(), x, title="x").scores
    assert every.rows[every.order[:2]].tolist() == [698, 699]
    # a convolution is slow, so that not every row is scored, and that is said
    slow = SimpleNamespace(
        **vars(LinearAtlas.record_) | {"spec": SimpleNamespace(latent_dim=2, network="conv")}
    )
    monkeypatch.setattr(LinearAtlas, "record_", slow)
    page = report_data(LinearAtlas(), x, title="x", row_names=[f"r{i}" for i in range(700)])
    assert len(page.scores.log_p) == 500
    assert page.scores.rows[page.scores.order[0]] == 698
    np.testing.assert_array_equal(page.scores.worst[0], x[698])
    assert "r698 (row 698)" in outliers_section(page, "t")
    assert "500 of the 700 examples were scored" in outliers_section(page, "t")
    assert report_data(LinearAtlas(), None, title="x").scores is None


@pytest.mark.parametrize(("kind", "drawn"), [("image", True), ("series", True), ("table", False)])
def test_the_worst_pictures_and_lines_are_shown_themselves(kind, drawn, report):
    page = report(kind)
    x = np.asarray(page.items.originals)[:3]
    scores = Scores(np.arange(3.0), np.arange(3), worst=x, rebuilt=0 * x, total=3)
    page = ReportData("t", page.items, page.latent, scores=scores)
    assert ('id="worst"' in render(page)) == drawn
    if kind == "series":
        line = worst_figure(page).axes[0].lines[0]
        np.testing.assert_allclose(line.get_ydata(), x[0])
