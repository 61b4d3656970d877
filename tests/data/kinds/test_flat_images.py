"""Images that came as flat vectors, told from what is none."""

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.datasets import load_digits

from latlas.data import flat_image_shape
from latlas.report import save_image_grid

RANDOM = np.random.default_rng(0)
TIME = np.arange(576)  # 24 days of 24 hours
WEATHER = np.cumsum(RANDOM.normal(size=(50, 576)), axis=1) / 5


def unit(items):
    return (items - items.min()) / np.ptp(items)


def smooth_images(side, num=50):
    """Low frequencies in both directions, brighter to one edge."""
    y, x = np.mgrid[:side, :side] / side
    waves = RANDOM.normal(size=(num, 4, 1, 1))
    items = sum(waves[:, k] * np.cos(np.pi * (k // 2 + 1) * (x, y)[k % 2]) for k in range(4)) + 2 * x
    return unit(items).reshape(num, -1)


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(load_digits().data, id="digits, whole numbers"),
        pytest.param(load_digits().data / 16, id="digits, shares"),
        pytest.param(load_digits().data.astype(np.uint8), id="digits, bytes"),
        pytest.param(load_digits().data > 7, id="digits, black and white"),
        pytest.param(smooth_images(28), id="smooth images"),
    ],
)
def test_images_are_told_by_their_neighbours(items):
    side = int(items.shape[1] ** 0.5)
    assert flat_image_shape(items) == (side, side)


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(load_digits().data[:, :63] / 16, id="no square"),
        pytest.param(load_digits().data / 16 - 0.1, id="negative"),
        pytest.param(load_digits().data / 4, id="neither shares nor bytes"),
        pytest.param(np.where(load_digits().data > 15, np.nan, 0.5), id="holes"),
        pytest.param(load_digits().data[:, RANDOM.permutation(64)] / 16, id="shuffled pixels"),
        pytest.param(RANDOM.uniform(size=(50, 100)), id="noise"),
        pytest.param(RANDOM.uniform(size=(50, 1024)) < RANDOM.beta(0.3, 2, size=1024), id="fingerprints"),
        pytest.param(unit(np.cumsum(RANDOM.normal(size=(50, 784)), axis=1)), id="walks"),
        pytest.param(unit(np.sin(TIME * 2 * np.pi / 24 + RANDOM.uniform(0, 6, size=(50, 1)))), id="period"),
        pytest.param(unit(2 * np.sin(TIME * 2 * np.pi / 24) + WEATHER), id="days and weather"),
        pytest.param(unit(2 * np.sin(TIME * 2 * np.pi / 24) + WEATHER / 4), id="days and calm weather"),
        pytest.param((RANDOM.uniform(size=(50, 40)) > 0.5).repeat(10, axis=1), id="blocks"),
        pytest.param(np.zeros((5, 64)), id="constant"),
        pytest.param(np.zeros((0, 64)), id="none"),
        pytest.param(smooth_images(28).reshape(50, 28, 28), id="shaped"),
    ],
)
def test_what_is_no_flat_image_is_left_as_it_is(items):
    assert flat_image_shape(items) is None


def test_flat_images_are_saved_as_images(tmp_path):
    items = load_digits().data[:4] / 16
    save_image_grid(tmp_path / "a.png", items, (64,))
    save_image_grid(tmp_path / "b.png", items, (8, 8))
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), imread(tmp_path / "b.png"))
    save_image_grid(tmp_path / "c.png", items, (64,), item_kind="series")
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "b.png").read_bytes()
