"""What a latent tells of its example: against closed forms, beside a rate that is no information."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Estimate, Example
from latlas.distributions import FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.evaluation import evaluate
from latlas.evaluation.rate import Information, latent_information
from latlas.models import AbstractLatentModel


class Line(AbstractLatentModel):
    """z given x is N(slope x + shift, scale^2), under a standard normal prior."""

    slope: float
    shift: float
    scale: float

    def prior(self, condition=None):
        return diagonal_normal(jnp.zeros(1), jnp.ones(1))

    def posterior(self, example):
        return diagonal_normal(self.slope * example.x + self.shift, jnp.full(1, self.scale))

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(1.0)), z)


X = np.random.default_rng(0).normal(size=(1200, 1)).astype("f")


def information(*line, x=X):
    return latent_information(jr.key(0), Line(*line), Example(x))


def test_codes_that_lie_off_the_prior_alike_cost_nats_and_tell_nothing():
    found = evaluate(jr.key(0), Line(0.0, 4.0, 1.0), Example(X[:60]), num_samples=30)
    assert found.rate == pytest.approx(8.0, rel=1e-5)  # 4^2 / 2
    assert found.active_units == 0
    assert found.information.estimate.value == pytest.approx(0.0, abs=1e-5)
    assert found.information.is_known
    assert found.to_dict()["information"]["num_examples"] == 60


def test_information_of_normal_codes_is_that_of_the_channel_wherever_they_lie():
    # 500 of the 1,200: log of the signal's and the noise's variance over the noise's
    rows = X[np.linspace(0, 1199, 500).round().astype(int)]
    exact = 0.5 * np.log(1 + 4 * rows.var())
    for shift in (0.0, 5.0):
        found = information(2.0, shift, 1.0)
        assert found.num_examples == 500
        assert abs(found.estimate.value - exact) < 4 * found.estimate.standard_error + 0.02
        assert found.is_known


def test_as_many_examples_as_there_are_cannot_show_more_than_their_logarithm():
    found = information(1000.0, 0.0, 1e-3, x=np.arange(30.0, dtype=np.float32)[:, None])
    assert found.estimate.value == pytest.approx(np.log(30), rel=1e-4)
    assert found.most == pytest.approx(np.log(30))
    assert not found.is_known


def test_rows_are_taken_evenly_in_blocks_of_one_size():
    # 121 rows are three blocks of 40; the first and the last are among them
    found = information(2.0, 0.0, 1.0, x=np.sort(X[:121], axis=0))
    assert found.num_examples == 120


def test_it_is_written_and_read():
    found = Information(Estimate(0.5, float("inf")), 12)
    again = Information.from_dict(found.to_dict())
    assert (again.estimate.value, again.num_examples) == (0.5, 12)
    assert np.isnan(Information.from_dict({}).estimate.value)
    with pytest.raises(ValueError, match="object"):
        Information.from_dict([1])
