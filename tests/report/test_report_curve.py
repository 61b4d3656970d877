"""The split of the gap, and the rate-distortion curve."""

import numpy as np
import pytest
from tests.report.conftest import full_evaluation, measured
from tests.report.pages import Page

from latlas.core import RequestError
from latlas.report import (
    DARK,
    LIGHT,
    Measures,
    gap_figure,
    pruning_figure,
    rate_distortion_figure,
    render,
    save_rate_distortion,
)
from latlas.report.atlas._words import split
from latlas.report.data._curve import read_curve
from latlas.report.drawing._file import to_svg


def curve(**changes):
    betas = [10.0, 0.1, 1.0, 0.3]  # out of order
    return {
        "betas": betas,
        "rate": [1.0, 12.0, 6.0, 7.0],
        "distortion": [90.0, 60.0, 70.0, 75.0],
        "rate_standard_error": [0.1] * 4,
        "distortion_standard_error": [0.5, None, 0.5, 0.5],
        "kl_per_dimension": [[0.0, 1.0, 0.0], [5.0, 3.0, 4.0], [0.001, 2.0, 4.0], [2.0, 3.0, 2.0]],
        "on_hull": [True, True, True, False],
        "chosen": 1.0,
    } | changes


def with_gap(**changes):
    gap = {
        "total": measured(3.09),
        "approximation": measured(1.43),
        "amortization": measured(1.66),
        "elbo": measured(-74.4, 0.45),
        "refined_elbo": measured(-72.74),
        "log_evidence": measured(-71.31, 0.43),
        "num_examples": 360,
        "converged": 1.0,
        "reliable": True,
    }
    return full_evaluation(gap=gap | changes)


def test_the_gap_is_stacked_from_the_elbo_to_the_evidence(measures):
    panel = gap_figure(measures(evaluation=with_gap())).axes[0]
    bars = {round(p.get_y() + p.get_height() / 2): [] for p in panel.patches}
    for patch in panel.patches:
        bars[round(patch.get_y() + patch.get_height() / 2)].append((patch.get_x(), patch.get_width()))
    np.testing.assert_allclose(bars[0], [(0, 1.66)])
    np.testing.assert_allclose(bars[1], [(1.66, 1.43)])
    np.testing.assert_allclose(sorted(bars[2]), [(0, 1.66), (1.66, 1.43)])
    hatched = {patch.get_hatch() for patch in panel.patches}
    assert len(hatched) == 2, "the two parts differ by more than their colour"


def test_the_gap_is_told_in_words_and_the_alt_text(measures):
    page = Page(render(measures(evaluation=with_gap())))
    words = page.words.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "3.090 ± 0.050 nats below log p(x). Of these 1.430 ± 0.050 are lost because the cloud of places"
        in words
    )
    assert "1.660 ± 0.050 because the network" in words
    assert "What the ELBO (−74.40) lacks of log p(x) (−71.31)" in words
    assert "at least this much" not in words
    assert any("approximation 1.430" in value for _, name, value in page.attributes if name == "aria-label")


def test_a_search_that_did_not_end_is_said(measures):
    data = measures(evaluation=with_gap(converged=0.0))
    assert "had not come to its end" in split(data)
    assert "at least this much" in Page(render(data)).words


@pytest.mark.parametrize(
    "change",
    [
        {"approximation": measured(-0.02, 0.05), "total": measured(1.64)},
        {"approximation": measured(0.0, 0.0), "amortization": measured(0.0, None), "total": None},
        {"total": measured(None), "elbo": None, "log_evidence": None, "refined_elbo": None},
    ],
    ids=["negative", "zero", "bare"],
)
def test_odd_gaps_are_drawn_in_both_themes(change, measures):
    data = measures(evaluation=with_gap(**change))
    render(data)
    for theme in (LIGHT, DARK):
        assert to_svg(gap_figure(data, theme))


def test_a_missing_gap_or_curve_is_said_and_refused(measures):
    words = Page(render(measures())).words
    assert "latlas evaluate RUN DATA --gap" in words
    assert "--betas 0.1,0.3,1,3,10" in words
    for draw in (gap_figure, rate_distortion_figure, pruning_figure):
        with pytest.raises(ValueError, match=r"gap|curve"):
            draw(measures())
    with pytest.raises(ValueError, match="kl_per_dimension"):
        pruning_figure(measures(curve=curve(kl_per_dimension=None)))


def test_the_curve_is_read_by_rising_beta_and_without_points_that_are_no_number(measures):
    found = read_curve(measures(curve=curve(rate=[1.0, None, 6.0, float("inf")])))
    np.testing.assert_array_equal(found.betas, [1.0, 10.0])
    np.testing.assert_array_equal(found.distortion, [70.0, 90.0])
    assert found.chosen == 0
    assert read_curve(measures(curve=curve(chosen=None))).chosen is None
    assert read_curve(measures(curve=curve(rate=[None] * 4))) is None


def test_the_hull_is_a_line_of_its_points_alone_and_the_chosen_beta_is_marked(measures):
    panel = rate_distortion_figure(measures(curve=curve())).axes[0]
    lines = {line.get_label(): line.get_xydata().tolist() for line in panel.lines}
    assert lines["on the hull"] == [[1.0, 90.0], [6.0, 70.0], [12.0, 60.0]]
    assert lines["above it"] == [[7.0, 75.0]]
    assert lines["chosen"] == [[6.0, 70.0]]
    names = [text.get_text() for text in panel.texts]
    assert {"β = 1", "β = 0.1", "β = 10"} <= set(names)


def test_dead_dimensions_are_crossed_and_counted_at_every_beta(measures):
    panel, top = pruning_figure(measures(curve=curve())).axes[0], None
    top = panel.child_axes[0]
    assert [label.get_text() for label in top.get_xticklabels()] == ["3", "3", "2", "1"]
    cells = np.ma.filled(panel.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(cells[:, 0], [5.0, 4.0, 3.0])
    np.testing.assert_array_equal(cells[:, 3], [1.0, np.nan, np.nan])
    crosses = panel.lines[0].get_xydata().tolist()
    assert sorted(map(tuple, crosses)) == [(2.0, 2.0), (3.0, 1.0), (3.0, 2.0)]


def test_the_page_shows_the_curve_with_its_numbers(measures):
    data = measures(curve=curve(), evaluation=with_gap())
    text = render(data)
    assert render(data) == text
    page = Page(text)
    assert {"rate-distortion", "pruning", "gap"} <= set(page.ids)
    assert "--betas" not in page.words
    assert "The diamond is the one chosen, β = 1." in page.words
    assert "70.00\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.50" in text
    labels = [value for _, name, value in page.attributes if name == "aria-label"]
    assert "Dimensions in use: 3 at beta 0.1, 3 at beta 0.3, 2 at beta 1, 1 at beta 10." in labels


@pytest.mark.parametrize(
    "change",
    [
        {name: column[:1] for name, column in curve().items() if name != "chosen"},
        {"on_hull": None, "chosen": 5.0, "rate_standard_error": None, "distortion_standard_error": None},
        {"rate": [1.0] * 4, "distortion": [1.0] * 4, "kl_per_dimension": [[0.0]] * 4},
        {"kl_per_dimension": [[None, 1.0]] * 4},
        {"kl_per_dimension": [None] * 4},
    ],
    ids=["one point", "bare", "all alike", "holes", "no dimensions"],
)
def test_odd_curves_are_drawn_in_both_themes(change, measures):
    data = measures(curve=curve(**change))
    Page(render(data))
    for theme in (LIGHT, DARK):
        assert to_svg(rate_distortion_figure(data, theme))


def test_a_share_that_did_not_converge_and_lucky_draws_are_said(measures):
    text = split(measures(evaluation=with_gap(converged=0.75, reliable=False)))
    assert "had not come to its end for 25 % of the examples" in text
    assert "rests on a few lucky draws" in text
    assert "come to its end" not in split(measures(evaluation=with_gap(converged=1.0, reliable=True)))


@pytest.mark.parametrize("name", ["a.png", "b.svg"])
def test_the_curve_is_saved_as_a_picture_with_the_same_bytes(name, tmp_path):
    save_rate_distortion(tmp_path / name, curve())
    first = (tmp_path / name).read_bytes()
    save_rate_distortion(str(tmp_path / name), curve())
    assert (tmp_path / name).read_bytes() == first
    assert first.startswith(b"\x89PNG" if name == "a.png" else b"<?xml")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("a.gif", {}, ".gif"),
        ("a.png", {"rate": [1.0]}, "1 values of rate for 4 betas"),
        ("a.png", {"distortion": None}, "no distortion"),
        ("a.png", {"rate": [None] * 4}, "No point"),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_refused(name, change, message, tmp_path):
    with pytest.raises(RequestError, match=message):
        save_rate_distortion(tmp_path / name, curve(**change))
    assert not list(tmp_path.iterdir())


def test_columns_of_a_curve_that_disagree_are_refused():
    with pytest.raises(ValueError, match="3 values of on_hull for 4 betas"):
        Measures(curve=curve(on_hull=[True] * 3))
