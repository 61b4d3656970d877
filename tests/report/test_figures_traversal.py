import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from latlas.core import RequestError
from latlas.report import DARK, LIGHT, save_traversals, traversal_figure
from latlas.report.drawing._file import to_svg
from latlas.report.figures._traversal import MOST_DIMENSIONS, MOST_STEPS

VALUES = np.linspace(-2, 2, 5)
IMAGES = np.arange(3 * 5)[:, None, None].repeat(6, 1).repeat(8, 2).reshape(3, 5, 6, 8) / 14


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def picture(figure):
    return figure.axes[0].images[0].get_array()


def test_rows_are_dimensions_and_columns_steps():
    figure = traversal_figure(IMAGES, VALUES)
    shown = picture(figure)
    assert shown.shape == (3 * 6 + 2, 5 * 8 + 4, 4)
    np.testing.assert_allclose(shown[::7, ::9, 0] / 255, np.arange(15).reshape(3, 5) / 14, atol=1 / 255)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["z1", "z2", "z3"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [
        "−2",
        "−1",
        "0",
        "1",
        "2",
    ]


def test_rows_fall_by_kl_and_say_it():
    figure = traversal_figure(IMAGES, VALUES, kl_per_dimension=np.array([0.02, 3.1, 1.2]))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "z2  3.1 nats",
        "z3  1.2 nats",
        "z1  0.020 nats",
    ]
    np.testing.assert_allclose(picture(figure)[::7, 0, 0] / 255, np.array([5, 10, 0]) / 14, atol=1 / 255)


def test_many_dimensions_and_steps_are_thinned_out():
    shape = (MOST_DIMENSIONS + 4, 3 * MOST_STEPS, 4, 4)
    figure = traversal_figure(np.zeros(shape), np.arange(shape[1]))
    assert len(figure.axes[0].get_yticks()) == MOST_DIMENSIONS
    labels = figure.axes[0].get_xticklabels()
    assert len(labels) == MOST_STEPS
    assert (labels[0].get_text(), labels[-1].get_text()) == ("0", str(shape[1] - 1))


@pytest.mark.parametrize("shape", [(3,), (30,), (30, 2)])
def test_series_and_vectors_are_lines_in_a_panel_per_dimension(shape):
    items = np.random.default_rng(0).normal(size=(5, 4, *shape))
    items[0, 0].flat[0] = np.nan
    figure = traversal_figure(items, VALUES[:4])
    drawn = [panel for panel in figure.axes if panel.lines]
    assert [panel.get_title(loc="left") for panel in drawn] == [f"z{place + 1}" for place in range(5)]
    np.testing.assert_array_equal(drawn[2].lines[1].get_ydata(), items[2, 1].reshape(shape[0], -1)[:, 0])


@pytest.mark.parametrize("items", [IMAGES, np.zeros((2, 5, 30))])
def test_text_takes_the_theme_it_is_drawn_in(items):
    light, dark = (to_svg(traversal_figure(items, VALUES, theme=theme)).decode() for theme in (LIGHT, DARK))
    assert LIGHT.text in light
    assert LIGHT.text not in dark
    assert DARK.text in dark


@pytest.mark.parametrize("name", ["a.png", "b.svg"])
def test_traversals_are_saved_with_the_same_bytes(name, tmp_path):
    save_traversals(tmp_path / name, IMAGES, VALUES)
    first = (tmp_path / name).read_bytes()
    save_traversals(tmp_path / name, IMAGES, VALUES)
    assert (tmp_path / name).read_bytes() == first
    if name.endswith("png"):
        assert imread(tmp_path / name).shape[1] > 500


@pytest.mark.parametrize(
    ("name", "items", "values", "kl", "message"),
    [
        ("a.gif", IMAGES, VALUES, None, r"\.gif"),
        ("a.png", IMAGES[0, 0], VALUES, None, r"shape \(6, 8\)"),
        ("a.png", IMAGES[:0], VALUES, None, "at least one of each"),
        ("a.png", IMAGES, VALUES[:4], None, "4 values for 5 steps"),
        ("a.png", IMAGES, VALUES, np.ones(2), "2 KL values for 3 latent dimensions"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(name, items, values, kl, message, tmp_path):
    with pytest.raises(RequestError, match=message):
        save_traversals(tmp_path / name, items, values, kl_per_dimension=kl)
    assert not list(tmp_path.iterdir())
