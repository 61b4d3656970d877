"""One figure per kind of data: spectra as lines, genes and named columns as tables, a map in which flat is flat."""

import numpy as np
import pytest
from tests.report.conftest import report_of

from latlas.report.data import Items, kind_of, positions
from latlas.report.data._order import is_ordered
from latlas.report.figures import latent_map_figure, reconstructions_figure, samples_figure

WAVELENGTHS = [str(400 + 2 * i) for i in range(60)]


def spectra(num=40, values=60, noise=0.05):
    """A few peaks of varying height on a line, with noise."""
    rng, x = np.random.default_rng(0), np.linspace(0, 1, values)
    peaks = np.exp(-0.5 * ((x - np.array([0.2, 0.5, 0.7])[:, None]) / 0.05) ** 2)
    return rng.gamma(4.0, size=(num, 3)) @ peaks + noise * rng.normal(size=(num, values))


def genes(num=60, values=200, seed=0):
    """Columns that go together in no order, sorted by their means as such tables often are."""
    rng = np.random.default_rng(seed)
    logs = rng.normal(size=(num, 5)) @ rng.normal(size=(5, values)) + rng.normal(size=(num, values))
    return logs + np.sort(rng.normal(0, 3, values))


@pytest.mark.parametrize(
    ("x", "names", "kind"),
    [
        pytest.param(spectra(), None, "series", id="spectra"),
        pytest.param(spectra(noise=0.5), None, "series", id="noisy spectra"),
        pytest.param(spectra(), WAVELENGTHS, "series", id="wavelengths"),
        pytest.param(spectra(), [f"sensor {i}" for i in range(60)], "table", id="names"),
        pytest.param(genes(), None, "table", id="genes"),
        pytest.param(genes(), [f"ENSG{i:05d}" for i in range(200)], "table", id="named genes"),
        pytest.param(genes(values=60), WAVELENGTHS, "table", id="numbers for names and no order"),
        pytest.param(spectra(values=12), None, "table", id="short"),
        pytest.param(spectra(num=3), None, "series", id="too few to tell"),
    ],
)
def test_the_kind_follows_from_the_data(x, names, kind):
    items = Items(x.shape[1:], feature_names=names, originals=x)
    assert kind_of(items) == kind
    assert kind_of(Items(x.shape[1:], feature_names=names, samples=x)) == kind


def test_values_without_an_order_are_hardly_ever_taken_for_ordered():
    assert sum(bool(is_ordered(genes(values=20, seed=seed))) for seed in range(60)) <= 2


def test_names_that_are_rising_numbers_are_places():
    np.testing.assert_array_equal(positions(Items((3,), feature_names=["1.5", "2", "7"])), [1.5, 2, 7])
    for names in (["1", "1", "2"], ["2", "1", "3"], ["a", "1", "2"], ["nan", "1", "2"], None):
        assert positions(Items((3,), feature_names=names)) is None


def test_a_spectrum_is_drawn_at_its_wavelengths():
    x = spectra()
    page = report_of("t", shape=(60,), feature_names=WAVELENGTHS, originals=x, reconstructions=x, samples=x)
    for draw in (samples_figure, reconstructions_figure):
        line = draw(page).axes[0].lines[0]
        assert (line.get_xdata()[0], line.get_xdata()[-1]) == (400.0, 518.0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_dead_dimension_is_as_flat_on_the_map_as_it_is(dimensions):
    codes = np.random.default_rng(0).normal(size=(200, dimensions)) * [1.0, 0.002, 0.001][:dimensions]
    kl = np.array([2.0, 0.001, 0.001])[:dimensions]
    figure = latent_map_figure(report_of("t", shape=(5,), codes=codes, kl_per_dimension=kl))
    figure.draw_without_rendering()
    panel = figure.axes[0]
    (x0, y0), (x1, y1) = panel.transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0, rel=0.01)
    if dimensions == 2:
        assert panel.get_xlabel() == "latent 1"
        assert panel.get_ylabel() == "latent 2 (not in use)"
