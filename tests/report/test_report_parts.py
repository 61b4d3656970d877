import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from matplotlib.image import imread
from scipy import stats
from sklearn.datasets import load_digits

from latlas.core import RequestError
from latlas.estimators import report_data
from latlas.estimators._report import mean_kl_per_dimension
from latlas.models import AbstractLatentModel
from latlas.report import render, save_image_grid
from latlas.report.data._items import Items, kind_of, part
from latlas.report.drawing._text import number, short_name, with_error
from latlas.report.figures._labels import Classes, Scale, project, read_labels


def test_a_grid_of_images_keeps_their_values_and_order(tmp_path):
    items = np.arange(5 * 20).reshape(5, 5, 4)
    save_image_grid(tmp_path / "s.png", items, (5, 4))
    picture = imread(tmp_path / "s.png")
    assert picture.shape == (2 * 50 + 3, 3 * 40 + 2 * 3, 4)
    np.testing.assert_allclose(picture[5:50:10, 5:40:10, 0], items[0] / 99, atol=1 / 255)
    np.testing.assert_allclose(picture[53 + 5 :: 10, 5:40:10, 0], items[3] / 99, atol=1 / 255)


@pytest.mark.parametrize("name", ["a.png", "b.svg"])
@pytest.mark.parametrize("shape", [(30,), (4,)])
def test_series_and_tables_are_saved_as_figures_with_the_same_bytes(name, shape, tmp_path):
    items = np.random.default_rng(0).normal(size=(6, *shape))
    save_image_grid(tmp_path / name, items, shape)
    first = (tmp_path / name).read_bytes()
    save_image_grid(tmp_path / name, items, shape)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "items", "message"),
    [
        ("s.gif", np.zeros((1, 4)), ".gif"),
        ("s.png", np.zeros((0, 4)), "no item"),
        ("s.png", np.zeros((1, 5)), "shape"),
    ],
)
def test_a_picture_that_cannot_be_made_is_refused(name, items, message, tmp_path):
    with pytest.raises(RequestError, match=message):
        save_image_grid(tmp_path / name, items, (4,))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("shape", "names", "kind"),
    [
        ((28, 28), None, "image"),
        ((28, 28, 3), None, "image"),
        ((1000, 2), None, "series"),
        ((100,), None, "series"),
        ((9,), None, "table"),
        ((100,), ["x"] * 100, "table"),
        ((9, 9, 9), None, "series"),
    ],
)
def test_the_kind_of_an_item_follows_from_its_shape_and_names(shape, names, kind):
    assert kind_of(Items(shape, feature_names=names)) == kind


def test_labels_are_classes_or_a_scale():
    classes = read_labels(["b", None, "a10", "a9", float("nan"), "b"])
    assert isinstance(classes, Classes)
    assert classes.names == ["a9", "a10", "b"]
    np.testing.assert_array_equal(classes.index, [2, -2, 1, 0, -2, 2])
    assert read_labels(np.array([3.0, 1.0, np.nan, 10.0]))[0] == ["1", "3", "10"]
    assert isinstance(read_labels(np.linspace(0, 1, 5)), Scale)
    assert isinstance(read_labels(np.arange(50)), Scale)
    assert read_labels([f"c{place}" for place in range(16)])[-1] == 0


def test_the_projection_is_the_principal_components():
    codes = np.random.default_rng(0).normal(size=(50, 5)) * [1, 4, 2, 0.5, 0.1]
    points, kept, _, is_pca, explained = project(np.vstack([codes, np.full(5, np.nan)]))
    centred = codes - codes.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(centred @ axes[:2].T), atol=1e-10)
    np.testing.assert_allclose(explained, (values**2 / (values**2).sum())[:2], rtol=1e-10)
    assert is_pca
    assert len(kept) == 50


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-78.3149, 0.4321, "−78.31 ± 0.43"),
        (-1234.5, 12.0, "−1,234 ± 12"),
        (1.0, math.nan, "1.000"),
        (0.5, 0.0, "0.5000"),
    ],
)
def test_errors_give_the_digits_that_are_shown(value, error, text):
    assert with_error(value, error).replace("\N{NO-BREAK SPACE}", " ") == text


def test_numbers_and_names_are_short():
    assert [number(v) for v in (0.0, -0.0123, 1234.5, 1e-7, math.inf)] == [
        "0",
        "−0.0123",
        "1,234",
        "1.00e−07",
        "not finite",
    ]
    assert short_name("a  very\nlong name", 8) == "a very …"
    assert short_name("$x$", 8) == r"\$x\$"


class WidePrior(AbstractLatentModel):
    """q(z | x) = N(x, 0.4) and a prior that is not the standard normal."""

    correlated: bool = False

    def prior(self, condition=None):
        if self.correlated:
            return dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2))
        return dist.Normal(jnp.array([0.5, -1.0]), jnp.array([2.0, 0.3])).to_event(1)

    def posterior(self, example):
        return dist.Normal(example.x[:2], jnp.full(2, 0.4)).to_event(1)

    def likelihood(self, z, condition=None):
        raise NotImplementedError


class LinearAtlas:
    """An atlas in closed form: the code is the first two columns."""

    item_shape_, likelihood_, likelihood_reason_, n_iter_ = (6,), "student_t", "Some values lie far out.", 3
    record_ = SimpleNamespace(
        seed=7,
        spec=SimpleNamespace(latent_dim=2, network="mlp"),
        data={"shape": [20, 6], "fingerprint": "abc"},
        units=SimpleNamespace(to_model=np.float32),
    )
    model_ = WidePrior()
    history_ = ({"step": 5, "epoch": 3.0, "train": {"elbo": -3.0}, "seconds": 61.2},)

    def transform(self, x):
        return x[:, :2]

    def inverse_transform(self, z):
        return np.hstack([z, np.zeros((len(z), 4))])

    def sample(self, num_samples, *, draw):
        return self.inverse_transform(np.random.default_rng(7).normal(size=(num_samples, 2)))

    def score_samples(self, x, *, num_samples):
        return -np.sum(np.reshape(x, (len(x), -1)) ** 2, axis=1)

    def get_params(self, deep):
        return {"latent_dim": 2}


@pytest.mark.parametrize("num", [1, 3, 40])
def test_a_fitted_atlas_becomes_a_report(num):
    x = np.random.default_rng(0).normal(size=(num, 6))
    data = report_data(LinearAtlas(), x, title="x", labels=np.arange(num))
    np.testing.assert_array_equal(data.latent.codes, x[:, :2])
    np.testing.assert_array_equal(
        part(data.items, "reconstructions")[:, :2], part(data.items, "originals")[:, :2]
    )
    np.testing.assert_array_equal(data.latent.prototype, np.zeros(6))
    assert data.run.facts == {"training examples": 20, "epochs": 3, "training time": "1 min 1 s"}
    assert part(data.latent, "interpolation").shape[1:] == (9, 6)
    np.testing.assert_allclose(part(data.latent, "interpolation")[0, [0, -1], :2][0], x[0, :2])
    if num == 40:
        assert "Student-t likelihood. Some values lie far out." in render(data)


class FlatDigits(LinearAtlas):
    """Decodes to digits, whatever the code."""

    item_shape_ = (64,)

    def inverse_transform(self, z):
        return load_digits().data[: len(z)] / 16


@pytest.mark.parametrize("x", [None, load_digits().data[:50]], ids=["samples", "data"])
def test_digits_that_came_flat_are_reported_as_images(x):
    data = report_data(FlatDigits(), x, title="x")
    assert data.items.shape == (8, 8)
    assert kind_of(data.items) == "image"
    assert data.items.samples_are_means
    assert 'id="samples"' in render(data)
    assert report_data(FlatDigits(), x, title="x", item_kind="series").items.shape == (64,)
    assert report_data(FlatDigits(), x, title="x", feature_names=[""] * 64).items.shape == (64,)


def test_the_kl_is_the_integral_of_its_definition_under_the_models_own_prior():
    x = np.array([[0.7, -1.2], [-0.4, 0.1]], np.float32)
    z = np.linspace(-12, 12, 20_001)

    def integral(loc, prior):
        q = stats.norm.pdf(z, loc, 0.4)
        return np.trapezoid(q * (stats.norm.logpdf(z, loc, 0.4) - stats.norm.logpdf(z, *prior)), z)

    priors = [(0.5, 2.0), (-1.0, 0.3)]
    expected = [np.mean([integral(row[d], priors[d]) for row in x]) for d in range(2)]
    np.testing.assert_allclose(mean_kl_per_dimension(WidePrior(), x), expected, rtol=1e-5)
    assert mean_kl_per_dimension(WidePrior(correlated=True), x) is None
