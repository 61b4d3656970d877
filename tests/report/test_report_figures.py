import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text

from latlas.report import (
    DARK,
    LIGHT,
    evidence_figure,
    interpolation_figure,
    kl_figure,
    latent_map_figure,
    prototype_figure,
    reconstructions_figure,
    samples_figure,
    training_figure,
)
from latlas.report.drawing._file import to_inline_svg, to_svg
from latlas.report.figures._images import colored, mosaic
from latlas.report.figures._training import warm_up_end

ITEMS = (samples_figure, reconstructions_figure, prototype_figure, interpolation_figure)
CHARTS = (training_figure, evidence_figure, kl_figure, latent_map_figure)


def texts(figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)}


@pytest.mark.parametrize("kind", ["image", "series", "table"])
@pytest.mark.parametrize("draw", ITEMS)
def test_every_kind_of_item_is_drawn_with_holes_in_it(draw, kind, report):
    data = report(kind)
    for items in (data.items.samples, data.items.originals, data.latent.prototype, data.latent.interpolation):
        items.reshape(-1)[[0, 3]] = np.nan, np.inf
    assert to_svg(draw(data, LIGHT)).startswith(b"<?xml")


@pytest.mark.parametrize("draw", CHARTS)
def test_text_takes_the_theme_it_is_drawn_in(draw, report):
    data = report()
    light, dark = to_svg(draw(data, LIGHT)).decode(), to_svg(draw(data, DARK)).decode()
    assert LIGHT.text in light
    assert DARK.text not in light
    assert DARK.text in dark
    assert LIGHT.text not in dark


def test_figures_ignore_and_keep_the_users_settings(report):
    data = report()
    expected = to_svg(training_figure(data))
    with mpl.rc_context({"font.size": 30, "xtick.major.size": 20, "svg.hashsalt": None}):
        assert to_svg(training_figure(data)) == expected
        assert mpl.rcParams["font.size"] == 30


def test_an_inline_figure_names_no_address_and_owns_its_ids(report):
    text = to_inline_svg(latent_map_figure(report(num=500)), "map")
    assert "http" not in text
    assert "<style" not in text
    assert LIGHT.text not in text
    assert "var(--text)" in text
    ids = [part.split('"')[0] for part in text.split(' id="')[1:]]
    assert ids
    assert all(name.startswith("map-") for name in ids)
    assert set(part.split('"')[0] for part in text.split('href="#')[1:]) <= set(ids)
    assert set(part.split(")")[0] for part in text.split("url(#")[1:]) <= set(ids)


@pytest.mark.parametrize("change", [{"num": 1}, {"latent_dim": 1}, {"latent_dim": 2}], ids=str)
def test_one_example_and_few_dimensions_are_drawn(change, report):
    data = report(**change)
    for draw in (*ITEMS, *CHARTS):
        assert to_svg(draw(data))


def test_a_map_of_many_points_is_pixels_and_small(report):
    codes = np.random.default_rng(0).normal(size=(50_000, 2))
    svg = to_svg(latent_map_figure(report(codes=codes, labels=None, latent_dim=2)))
    assert b"data:image/png" in svg
    assert len(svg) < 600_000


def test_a_hundred_classes_are_fifteen_names_and_the_others(report):
    labels = np.array([f"species {place % 100}" for place in range(1000)])
    labels[:50] = "species 10"
    figure = latent_map_figure(report(num=1000, labels=labels))
    assert "85 others" in texts(figure)
    assert "species 10" in texts(figure)
    assert len(figure.legends[0].get_texts()) == 16


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([None, "", "a", "b", "$x^$", "a", "b", "a", "b", "c"], id="names and holes"),
        pytest.param(np.r_[np.nan, np.linspace(0, 1, 9)], id="scale with a hole"),
        pytest.param([True, False] * 5, id="booleans"),
        pytest.param([float("nan")] * 10, id="none known"),
    ],
)
def test_labels_of_any_type_are_drawn(labels, report):
    for latent_dim in (1, 3):
        assert to_svg(latent_map_figure(report(labels=labels, latent_dim=latent_dim)))


def test_codes_that_coincide_or_are_not_finite_are_drawn(report):
    codes = np.zeros((10, 4))
    codes[3] = np.nan
    figure = latent_map_figure(report(codes=codes))
    assert "PC 1 (0 % of variance)" in texts(figure)


def test_long_tables_show_the_features_that_vary_most(report):
    items = np.ones((10, 50)) * np.arange(10)[:, None]
    items[:, 7] = 0
    change = {name: items for name in ("samples", "originals", "reconstructions")}
    change |= {"prototype": items[0], "interpolation": items[None], "kind": "table", "shape": (50,)}
    names = texts(samples_figure(report("table", feature_names=None, **change)))
    assert "1" in names
    assert "8" not in names


def test_holes_and_nulls_in_the_history_are_left_out(report):
    records = [
        {"step": 1, "train": {"elbo": None, "kl": float("nan")}},
        {"step": 2, "train": {"elbo": -3.0}, "valid": None},
        {"step": 3, "train": {"elbo": -2.0}},
    ]
    figure = training_figure(report(history=records))
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["ELBO"]
    assert figure.axes[0].get_xlabel() == "step"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [-3.0, -2.0])


def test_the_warm_up_ends_where_beta_stops_moving(report):
    assert warm_up_end(report()) == 4.0
    assert warm_up_end(report(history=[{"step": 1, "epoch": 1, "train": {"beta": 1.0, "elbo": 0.0}}])) is None


def test_kl_bars_are_sorted_and_named_by_their_dimension(report):
    panel = kl_figure(report(kl_per_dimension=np.array([0.0, 2.0, np.nan, 1.0]))).axes[0]
    assert [bar.get_height() for bar in panel.containers[0]] == [2.0, 1.0, 0.0, 0.0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["2", "4", "1", "3"]


def test_a_mosaic_keeps_every_pixel_and_leaves_gaps_and_holes_clear():
    items = np.array([[[0.0, 1.0], [np.nan, 2.0]], [[2.0, 2.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    picture = mosaic(colored(items, (0.0, 2.0)), columns=2)
    assert picture.shape == (5, 5, 4)
    np.testing.assert_array_equal(picture[:2, :2, 0], [[0, 128], [0, 255]])
    np.testing.assert_array_equal(picture[..., 3][:2], [[255, 255, 0, 255, 255], [0, 255, 0, 255, 255]])
    assert not picture[2].any()
    assert not picture[3:, 3:].any()


def test_colour_images_and_large_images_fit_a_report(report):
    random = np.random.default_rng(0)
    change = {
        name: random.uniform(size=(40, 200, 130, 3)) for name in ("samples", "originals", "reconstructions")
    }
    data = report(shape=(200, 130, 3), prototype=None, interpolation=change["samples"][None, :9], **change)
    total = sum(
        len(to_svg(draw(data))) for draw in (samples_figure, reconstructions_figure, interpolation_figure)
    )
    assert total < 2_500_000
