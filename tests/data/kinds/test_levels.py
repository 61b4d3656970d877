"""Equal steps are found whatever their size and wherever they begin; what is continuous has none."""

import jax.numpy as jnp
import numpy as np
import pytest

from latlas import Atlas
from latlas.core import DataError
from latlas.data import Levels, choose_likelihood, summarise

RNG = np.random.default_rng(0)


def on_grid(minimum, step, levels, dtype=np.float64):
    x = minimum + step * RNG.integers(0, levels, (300, 4))
    x[0, 0], x[0, 1], x[0, 2] = minimum, minimum + step * (levels - 1), minimum + step
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("minimum", "step", "levels"),
    [
        (0, 0.2, 6), (0, 0.05, 21), (0, 0.5, 3), (0, 1 / 255, 256), (10, 2.5, 9), (-3, 0.75, 12), (0.1, 0.2, 5),
        (5, 5, 20), (1e4, 0.125, 40),
    ],
)  # fmt: skip
def test_the_step_of_levels(minimum, step, levels, dtype):
    found = summarise(on_grid(minimum, step, levels, dtype))
    assert found.step == pytest.approx(step, rel=1e-5)
    assert found.num_levels == levels


def test_every_level_has_its_probability():
    x = on_grid(10, 2.5, 9)
    atlas = Atlas(likelihood="discretised_logistic", latent_dim=1, hidden=4, epochs=2, random_state=0).fit(x)
    assert atlas.record_.units == Levels(10.0, 2.5, 9)
    levels = 10 + 2.5 * np.arange(9)
    rows = np.repeat(x[:1], 9, axis=0)
    rows[:, 0] = levels
    decoded = atlas.model_.likelihood(jnp.zeros(1), None)
    level = np.stack([np.asarray(atlas.record_.units.to_model(row[None])[0]) for row in rows])
    others = [
        float(decoded.log_prob(jnp.asarray(row), jnp.array([True, False, False, False]))) for row in level
    ]
    assert np.exp(others).sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "x",
    [
        RNG.normal(size=(300, 3)),
        RNG.uniform(size=(100, 2)).astype(np.float32),
        np.array([[0.13], [0.2], [0.9]]),
        np.exp(RNG.normal(size=(50, 1))),
    ],
)
def test_what_is_continuous_has_no_step(x):
    assert summarise(x).step is None
    assert choose_likelihood(x).name == "gaussian"


def test_rounded_measurements_stay_measurements():
    x = np.round(RNG.normal(5, 1, size=(150, 4)), 1)
    assert summarise(x).step == pytest.approx(0.1)
    assert choose_likelihood(x).name == "gaussian"


def test_counts_and_pixels_keep_a_step_of_one():
    counts = RNG.poisson(3.0, (100, 5))
    assert (summarise(counts).step, choose_likelihood(counts).name) == (1.0, "poisson")
    y, x = np.mgrid[-1:1:16j, -1:1:16j]
    grey = 2 * np.round(50 + 40 * np.sin(RNG.uniform(1, 3, (50, 1, 1)) * x + y))
    for dtype in (np.uint8, np.int64, np.float16, np.float64):
        found = summarise(grey.astype(dtype))
        assert (found.step, found.lowest, found.num_levels) == (1.0, 0.0, 256)
        assert choose_likelihood(grey.astype(dtype)).name == "discretised_logistic"


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float64])
def test_bytes_that_are_no_pixels_have_their_own_step(dtype):
    even, masks = 2 * RNG.integers(0, 100, (50, 8, 8)), 255 * RNG.integers(0, 2, (50, 8, 8))
    assert [summarise(x.astype(dtype)).step for x in (even, masks)] == [2.0, 255.0]
    choice = choose_likelihood(np.where(RNG.uniform(size=(90, 12)) < 0.1, 255, 0).astype(dtype))
    assert choice.name == "discretised_logistic"
    assert choice.reason == (
        "The data are levels 255 apart from 0 to 255, so each entry is one of 2 ordered levels."
    )


def test_flat_pixels_are_levels_as_pixels_in_rows_are():
    # smooth images with a dark border, as scans have
    y, x = np.mgrid[-1:1:16j, -1:1:16j]
    centres = RNG.uniform(-0.3, 0.3, (60, 2, 1, 1))
    images = np.round(250 * np.exp(-6 * ((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2)))
    for dtype in (np.uint8, np.int64, np.float64):
        flat = images.reshape(60, -1).astype(dtype)
        choice = choose_likelihood(flat)
        assert (choice.name, "256 ordered levels" in choice.reason) == ("discretised_logistic", True)


def test_an_unseen_level_is_refused_with_the_option_that_names_all():
    with pytest.raises(
        DataError, match=r"levels from 0 to 2: clip the data, or fit with all levels named \(levels="
    ):
        Levels(0.0, 1.0, 3).to_model(np.array([[0, 3]]))
