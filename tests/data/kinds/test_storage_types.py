"""What an array holds decides on its likelihood, and not the type or the shape that it is stored in."""

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_sample_image,
    load_wine,
)

from latlas import Atlas
from latlas.data import Levels, choose_likelihood, summarise

STORED = (np.uint8, np.int64, np.float16, np.float32, np.float64)
RANDOM = np.random.default_rng(0)


def strokes():
    """Digits of 28 by 28 pixels with soft edges and an empty border, as MNIST has them."""
    large = np.kron(load_digits().images, np.ones((3, 3)))
    padded = np.pad(large, ((0, 0), (3, 3), (3, 3)))
    soft = sum(padded[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)) / 9
    return np.round(soft * 255 / 16)


def faces(num=300):
    """Smooth shades of 28 by 20 pixels that reach neither 0 nor 255."""
    y, x = np.mgrid[-1:1:28j, -1:1:20j]
    lean, light, width = RANDOM.uniform(-0.5, 0.5, (3, num, 1, 1))
    return np.round(120 + 80 * np.exp(-2 * (x - lean) ** 2 - (1 + width) * y**2) + 60 * light * x)


def patches(photo, *shape, num=500):
    """Pieces of a photograph; grey ones without a third length."""
    pixels = load_sample_image(photo)
    pixels = pixels if len(shape) == 3 else pixels.mean(axis=-1).round()
    places = RANDOM.integers(0, np.array(pixels.shape[:2]) - shape[:2], (num, 2))
    return np.stack([pixels[i : i + shape[0], j : j + shape[1]] for i, j in places])


def counts_of_a_smooth_rate(largest):
    y, x = np.mgrid[:28, :28] / 28
    place = RANDOM.uniform(size=(2, 200, 1, 1))
    return RANDOM.poisson(largest * np.exp(-8 * ((y - place[0]) ** 2 + (x - place[1]) ** 2)))


def correlated_counts():
    factors = RANDOM.normal(size=(300, 5)) @ RANDOM.normal(size=(5, 400))
    return RANDOM.poisson(np.exp(1 + factors / 6))


PICTURES = {
    "strokes": strokes(),
    "faces": faces(),
    "china, 8 by 8": patches("china.jpg", 8, 8),
    "china, 28 by 28": patches("china.jpg", 28, 28),
    "flower, 28 by 20": patches("flower.jpg", 28, 20),
}
COUNTS = {
    "small": RANDOM.poisson(3, (300, 4, 5)),
    "many": RANDOM.poisson(30, (300, 8, 8)),
    "scattered": RANDOM.negative_binomial(2, 0.1, (300, 6, 6)),
    "few photons": counts_of_a_smooth_rate(20),
    "many photons": counts_of_a_smooth_rate(150),
    "of a table": correlated_counts(),
    "by hour and place": RANDOM.poisson(
        np.exp(1 + 0.2 * np.cumsum(RANDOM.normal(size=(200, 24, 1)), axis=1) + np.zeros(10))
    ),
}


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("name", PICTURES)
def test_grey_levels_in_any_storage_and_shape(name, dtype):
    x = PICTURES[name].astype(dtype)
    for items in (x, x.reshape(len(x), -1)):
        summary, choice = summarise(items), choose_likelihood(items)
        assert choice.name == "discretised_logistic"
        assert (summary.step, summary.lowest, summary.num_levels) == (1.0, 0.0, 256)
        assert "256 ordered levels" in choice.reason


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("axis", [1, 3])
def test_colours_in_any_storage(dtype, axis):
    x = np.moveaxis(patches("flower.jpg", 16, 16, 3), 3, axis).astype(dtype)
    assert choose_likelihood(x).name == "discretised_logistic"


@pytest.mark.parametrize("dtype", STORED)
def test_digits_have_their_17_levels_in_any_storage_and_shape(dtype):
    for x in (load_digits().images.astype(dtype), load_digits().data.astype(dtype)):
        summary = summarise(x)
        assert choose_likelihood(x).name == "discretised_logistic"
        assert (summary.step, summary.lowest, summary.num_levels) == (1.0, 0.0, 17)


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("name", COUNTS)
def test_counts_in_any_storage_and_shape(name, dtype):
    x = COUNTS[name]
    if x.max() > 255:
        pytest.fail("these counts fit no byte: make them smaller")
    x = x.astype(dtype)
    for items in (x, x.reshape(len(x), -1)):
        assert choose_likelihood(items).name == "poisson"
        assert (summarise(items).step, summarise(items).lowest) == (1.0, x.min())


def test_units_are_those_of_all_grey_levels():
    x = PICTURES["faces"].reshape(-1, 560).astype(np.float32)
    atlas = Atlas(latent_dim=1, hidden=4, epochs=1, random_state=0).fit(x)
    assert atlas.record_.units == Levels(0.0, 1.0, 256)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (load_wine, "gaussian"),
        (load_breast_cancer, "gaussian"),
        (load_iris, "gaussian"),
        (load_diabetes, "gaussian"),
        (load_linnerud, "poisson"),
    ],
)
def test_tables_of_scikit_learn(load, expected):
    assert choose_likelihood(load().data).name == expected


FILES = {
    "mnist/mnist": "discretised_logistic",
    "frey_faces/frey": "discretised_logistic",
    "dna_promoters_bacteria/seqs": "discretised_logistic",
    "dsprites_frames/frames": "discretised_logistic",
    "fmri_haxby_slice/haxby_slice:bold": "poisson",
    "omics_breast_tcga/breast_tcga:train_mrna": "gaussian",
    "outliers_adbench/letter": "poisson",
    "outliers_adbench/musk": "gaussian",
    "outliers_adbench/optdigits": "discretised_logistic",
    "outliers_adbench/satellite": "poisson",
    "outliers_adbench/wbc": "discretised_logistic",
    "sc_citeseq_pbmc/citeseq:5k_protein": "poisson",
    "sc_citeseq_pbmc/citeseq:10k_protein": "poisson",
    "tables_bde/airfoil": "gaussian",
    "tables_bde/bike_hour": "gaussian",
    "timeseries/timeseries:australian_tourism_quarterly": "poisson",
    "uci_protein/data": "gaussian",
    "uci_yeast/yeast": "discretised_logistic",
}


def _array(folder, place):
    """The array of this name, or the first with rows of at least two axes."""
    path, _, name = place.partition(":")
    with np.load(folder / f"{path}.npz") as arrays:
        names = [name] if name else arrays.files
        found = next(x for x in map(arrays.__getitem__, names) if x.ndim > 1 and x.dtype.kind in "uif")
    return found[:: max(1, len(found) // 5000)]


@pytest.mark.parametrize("place", FILES)
def test_real_data_have_the_likelihood_of_what_they_are(place, latlas_data):
    x = _array(latlas_data, place)
    assert choose_likelihood(x).name == FILES[place]
    if x.dtype.kind in "iu":
        assert choose_likelihood(x.astype(np.float64)).name == FILES[place]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize(("place", "shape"), [("mnist/mnist", (28, 28)), ("frey_faces/frey", (28, 20))])
def test_real_pictures_in_any_storage_and_shape(place, shape, dtype, latlas_data):
    x = _array(latlas_data, place).astype(dtype)
    for items in (x.reshape(-1, *shape), x.reshape(len(x), -1)):
        assert choose_likelihood(items).name == "discretised_logistic"
        assert (summarise(items).lowest, summarise(items).num_levels) == (0.0, 256)
