"""A fit whose reconstructions are held to an error in the data's own unit."""

import numpy as np
import pytest

from latlas.core import RequestError
from latlas.estimators import Atlas

OPTIONS = {
    "latent_dim": 2,
    "hidden": (32,),
    "epochs": 150,
    "batch_size": 50,
    "random_state": 0,
    "warm_up": 0.0,
}


@pytest.fixture(scope="module")
def metres():
    """Two hidden numbers seen through five instruments whose units differ a thousandfold."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 5)) + 0.05 * rng.normal(size=(600, 5))
    return x * np.array([1.0, 10.0, 0.1, 1.0, 100.0])


def rms(atlas, x):
    """Of reconstructions from draws of q."""
    loc, scale = atlas.encode(x)
    z = loc + scale * np.random.default_rng(1).normal(size=loc.shape)
    return float(np.sqrt(np.mean((atlas.inverse_transform(z) - x) ** 2)))


@pytest.mark.slow
def test_the_error_asked_for_is_kept_in_the_units_of_the_data(metres):
    free = Atlas(**OPTIONS, beta=30.0).fit(metres)
    asked = 0.5 * rms(free, metres)
    held = Atlas(**OPTIONS, beta=30.0, max_error=asked).fit(metres)
    assert rms(held, metres) == pytest.approx(asked, rel=0.1)
    assert held.summary()["reconstruction_error"] == pytest.approx(asked, rel=0.1)


def test_an_error_that_is_kept_anyway_changes_little(metres):
    free = Atlas(**OPTIONS).fit(metres)
    held = Atlas(**OPTIONS, max_error=10 * rms(free, metres)).fit(metres)
    assert held.history_[-1]["train"]["multiplier_reconstruction_error"] < 1e-2


@pytest.mark.parametrize("max_error", [0.0, -1.0, np.inf, "little"])
def test_an_error_that_makes_no_sense_is_refused(metres, max_error):
    with pytest.raises(RequestError, match="max_error takes a number above 0"):
        Atlas(max_error=max_error).fit(metres)


def test_a_constraint_and_a_cure_exclude_each_other(metres):
    with pytest.raises(RequestError, match="Give one of them"):
        Atlas(max_error=1.0, cure="auto").fit(metres)
