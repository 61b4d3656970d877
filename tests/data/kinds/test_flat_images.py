"""Images that came as flat vectors, told from what is none."""

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.datasets import load_digits, load_sample_image

from latlas.data import flat_image_shape
from latlas.data.kinds._pictures import are_pictures
from latlas.report import save_image_grid

RANDOM = np.random.default_rng(0)
TIME = np.arange(576)  # 24 days of 24 hours
WEATHER = np.cumsum(RANDOM.normal(size=(50, 576)), axis=1) / 5


PERIODS = (8, 16, 18, 20, 28, 36)  # sides of rectangles that are no squares


def unit(items):
    return (items - items.min()) / np.ptp(items)


def smooth_images(height, width=None, num=50):
    """Low frequencies in both directions, brighter to one edge."""
    width = width or height
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = np.random.default_rng(0).normal(size=(num, 4, 1, 1))
    items = sum(waves[:, k] * np.cos(np.pi * (k // 2 + 1) * (x, y)[k % 2]) for k in range(4)) + 2 * x
    return unit(items).reshape(num, -1)


def patches(photo, height, width, num=500):
    """Grey pieces of a photograph, from anywhere."""
    grey = load_sample_image(photo).mean(axis=-1).round()
    random = np.random.default_rng(0)
    places = zip(
        random.integers(0, len(grey) - height, num),
        random.integers(0, len(grey[0]) - width, num),
        strict=True,
    )
    return np.stack([grey[i : i + height, j : j + width] for i, j in places])


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


@pytest.mark.parametrize("photo", ["china.jpg", "flower.jpg"])
@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (28, 20), (16, 32)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_pieces_of_a_photograph_are_images_of_their_shape(photo, shape, dtype):
    items = patches(photo, *shape).astype(dtype)
    assert are_pictures(items)
    assert flat_image_shape(items.reshape(len(items), -1)) == shape


@pytest.mark.parametrize("shape", [(28, 20), (20, 28), (12, 30), (9, 9)])
def test_rectangles_are_told_by_their_rows(shape):
    assert flat_image_shape(smooth_images(*shape)) == shape
    assert flat_image_shape(np.round(255 * smooth_images(*shape))) == shape


def test_the_rows_that_are_looked_at_lie_all_over():
    blank_first = np.concatenate([np.zeros((1500, 784)), smooth_images(28, num=300)])
    assert flat_image_shape(blank_first) == (28, 28)


def test_faces_of_more_rows_than_columns(latlas_data):
    faces = np.load(latlas_data / "frey_faces" / "frey.npz")
    items = faces[faces.files[0]].reshape(-1, 28, 20)
    assert flat_image_shape(items.reshape(-1, 560)) == (28, 20)
    assert flat_image_shape(items.transpose(0, 2, 1).reshape(-1, 560)) == (20, 28)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("num_periods", [20, 28])
def test_series_whose_period_is_a_side_are_no_images(period, num_periods):
    random = np.random.default_rng(num_periods)
    size = period * num_periods
    time, phase = np.arange(size) * 2 * np.pi / period, random.uniform(0, 6, size=(60, 1))
    drift, noise = np.cumsum(random.normal(size=(60, size)), axis=1), random.normal(size=(60, size))
    series = {
        "sine of any phase": np.sin(time + phase) + 0.1 * noise,
        "steep at midnight": np.tanh(6 * np.sin(time)) + 0.05 * drift,
        "quiet at midnight": np.exp(-3 * np.cos(time)) / 20 + 0.02 * drift,
        "sawtooth": np.arange(size) % period / 4 + 0.05 * drift,
        "days of many sizes": np.sin(time) * random.gamma(3, 1, size=(60, 1)) + 0.02 * drift,
        "fringes": np.cumsum(drift, axis=1) / size + np.sin(time + 0.2 * phase),
    }
    for name, items in series.items():
        for levels in (None, 60, 255):
            seen = unit(items) if levels is None else np.round(levels * unit(items))
            assert flat_image_shape(seen) is None, (name, levels)


@pytest.mark.parametrize("size", [400, 560, 576])
def test_spectra_and_tables_as_long_as_an_image_are_none(size):
    random = np.random.default_rng(size)
    places = np.arange(size)[:, None]
    bands = np.exp(-(((places - random.uniform(0, size, 12)) / random.uniform(2, 20, 12)) ** 2))
    factors = random.normal(size=(100, 10)) @ random.normal(size=(10, size))
    categories = random.integers(0, 20, (100, size // 20, 1))
    tables = {
        "spectra": random.gamma(1, 1, (100, 12)) @ bands.T,
        "walks": np.cumsum(random.normal(size=(100, size)), axis=1),
        "correlated measurements": factors + random.normal(size=factors.shape),
        "correlated counts": random.poisson(np.exp(factors / 6 + 1)),
        "one-hot categories": (categories == np.arange(20)).reshape(100, -1),
        "categories up to the one": (categories >= np.arange(20)).reshape(100, -1),
        "groups of columns": np.repeat(random.normal(size=(100, size // 20)), 20, axis=1),
    }
    for name, items in tables.items():
        for seen in (unit(items.astype(float)), np.round(255 * unit(items.astype(float)))):
            assert flat_image_shape(seen) is None, name


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(patches("china.jpg", 28, 20)[..., None].repeat(3, axis=-1), id="colours last"),
        pytest.param(patches("china.jpg", 28, 20)[:, None].repeat(3, axis=1), id="colours first"),
        pytest.param(load_digits().images / 16, id="digits"),
    ],
)
def test_shaped_pictures_are_told_by_their_pixels(items):
    assert are_pictures(items)
    assert not are_pictures(items.reshape(len(items), -1)), "it came flat, and no shape was said"


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(RANDOM.poisson(3, (300, 4, 5)), id="counts"),
        pytest.param(RANDOM.poisson(30, (300, 28, 28)), id="large counts"),
        pytest.param(RANDOM.poisson(20 * smooth_images(28).reshape(50, 28, 28)), id="few photons"),
        pytest.param(RANDOM.poisson(150 * smooth_images(28).reshape(50, 28, 28)), id="many photons"),
        pytest.param(np.cumsum(RANDOM.normal(size=(90, 24, 1)), axis=1) + np.zeros(10), id="series by place"),
        pytest.param(np.eye(8)[RANDOM.integers(0, 8, (300, 30))], id="one-hot"),
        pytest.param(patches("china.jpg", 28, 20)[:, :3], id="short"),
        pytest.param(patches("china.jpg", 28, 20) * 2, id="beyond a byte"),
        pytest.param(np.zeros((0, 8, 8)), id="none"),
    ],
)
def test_what_is_no_shaped_picture(items):
    assert not are_pictures(items)


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
