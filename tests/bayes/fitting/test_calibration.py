"""Simulation-based calibration: a right engine passes, an overconfident and a biased one fail in the right direction."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats

from latlas.bayes import Calibration, simulation_based_calibration
from latlas.bayes.engines import AbstractEngine, EngineResult, Laplace
from latlas.core import RequestError, WorkError
from latlas.distributions.families import FullGaussian

DATA = {"x": np.linspace(-1, 1, 6), "y": np.zeros(6)}


def line(x, y=None):
    slope = numpyro.sample("slope", dist.Normal(jnp.zeros(2), 1.0))
    numpyro.sample("y", dist.Normal(slope[0] + slope[1] * x, 1.0), obs=y)


class Distorted(AbstractEngine):
    """Laplace, which is exact here, with its sds and means spoilt."""

    scale: float = 1.0
    shift: float = 0.0
    name: ClassVar[str] = "distorted"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)

    def __call__(self, key, density, family, *, tolerance):
        result = Laplace()(key, density, family, tolerance=tolerance)
        right = result.approximation
        spoilt = FullGaussian.of(
            right.loc + self.shift * jnp.ones(density.dim), self.scale * right.scale_tril
        )
        return EngineResult(spoilt, True, "spoilt")


class Failing(Distorted):
    def __call__(self, key, density, family, *, tolerance):
        raise WorkError("It ended at no mode.")


def calibrated(engine, num_simulations=30, **options):
    return simulation_based_calibration(
        jr.key(5), line, DATA, num_simulations=num_simulations, engine=engine, **options
    )


def synthetic(scale, shift, num_simulations=200, num_draws=99, seed=0):
    """Ranks of standard normal truths among draws of N(shift, scale)."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((num_simulations, 1, 2))
    ranks = (shift + scale * rng.standard_normal((num_simulations, num_draws, 2)) < truth).sum(1)
    p = (ranks + rng.uniform(size=ranks.shape)) / (num_draws + 1)
    return Calibration(("a", "b"), ranks, p, num_draws, np.ones(num_simulations), ())


@pytest.mark.optimised  # the first simulation compiles, the others do not: it tells by their seconds
def test_an_exact_engine_passes_and_shares_its_compilation():
    found = calibrated("laplace", 40)
    assert found.passed, str(found)
    assert found.names == ("slope[0]", "slope[1]")
    assert found.ranks.shape == (40, 2)
    assert (found.ranks >= 0).all()
    assert (found.ranks <= 99).all()
    assert np.median(found.seconds[1:]) < 0.4 * found.seconds[0]
    assert "calibrated as far as these show" in str(found)


def test_halved_sds_are_a_u():
    found = calibrated(Distorted(scale=0.5))
    assert not found.passed
    # z of a truth is N(0, 4), cut off by 99 draws at about 2.6
    assert ((found.dispersion > 1.4) & (found.dispersion < 2.1)).all()
    assert set(found.findings) == set(found.names)
    assert all("overconfident" in text for text in found.findings.values())


def test_doubled_sds_are_a_hump():
    found = calibrated(Distorted(scale=2.0))
    np.testing.assert_allclose(found.dispersion, 0.5, atol=4 * 0.5 / np.sqrt(2 * 30))
    assert set(found.findings) == set(found.names)
    assert all("too wide" in text for text in found.findings.values())


def test_a_shift_is_named_with_its_direction():
    found = calibrated(Distorted(shift=-1.0))
    # the mode's whitening is lower triangular, so that of the first entry is its own sd
    np.testing.assert_allclose(found.bias[0], 1.0, atol=4 / np.sqrt(30))
    assert "too low" in found.findings["slope[0]"]
    assert "overconfident" not in found.findings["slope[0]"]
    assert "too high" in synthetic(1.0, 1.0).findings["a"]


@pytest.mark.slow
def test_a_log_density_with_a_simulator_gives_the_same_answer():
    def simulate(key):
        first, second = jr.split(key)
        truth = jr.normal(first, (2,))
        return truth, truth[0] + truth[1] * DATA["x"] + jr.normal(second, (6,))

    def log_density(slope, y):
        return -0.5 * jnp.sum(slope**2) - 0.5 * jnp.sum((y - slope[0] - slope[1] * DATA["x"]) ** 2)

    options = {"simulate": simulate, "num_simulations": 200}
    found = simulation_based_calibration(jr.key(1), log_density, jnp.zeros(2), engine="laplace", **options)
    assert found.passed, str(found)
    assert found.names == ("x[0]", "x[1]")


def test_data_that_are_not_there_yet_are_named():
    missing = DATA | {"y": None}
    found = simulation_based_calibration(
        jr.key(5), line, missing, observed=("y",), num_simulations=10, engine="laplace"
    )
    assert found.ranks.tolist() == calibrated("laplace", 10).ranks.tolist()
    with pytest.raises(RequestError, match=r"observed=\('y',\)"):
        simulation_based_calibration(jr.key(5), line, missing, engine="laplace")
    with pytest.raises(RequestError, match="observed names z"):
        simulation_based_calibration(jr.key(5), line, DATA, observed=("z",), engine="laplace")


@pytest.mark.slow
def test_discrete_data_and_constrained_parameters():
    def coins(n, heads=None):
        p = numpyro.sample("p", dist.Beta(2.0, 2.0))
        numpyro.sample("heads", dist.Binomial(n, p), obs=heads)

    found = simulation_based_calibration(
        jr.key(2), coins, {"n": 30, "heads": 11}, num_simulations=20, engine="batch-and-match"
    )
    assert found.names == ("p",)
    assert found.passed, str(found)


def test_false_alarms_are_as_rare_as_promised():
    alarms = sum(not synthetic(1.0, 0.0, seed=seed).passed for seed in range(200))
    assert alarms <= stats.binom.ppf(0.9999, 200, 0.05)
    lone = np.concatenate([synthetic(1.0, 0.0, seed=seed).p_values["dispersion"] for seed in range(200)])
    assert stats.kstest(lone, "uniform").pvalue > 1e-3


def test_a_wrong_shape_is_said_to_be_neither_shift_nor_width():
    rng = np.random.default_rng(3)
    sign = rng.choice([-1.0, 1.0], (2000, 1))
    z = sign * np.sqrt(0.9) + np.sqrt(0.1) * rng.standard_normal((2000, 1))
    p = stats.norm.cdf(z)
    found = Calibration(("a",), np.floor(100 * p).astype(int), p, 99, np.ones(2000), ())
    assert "shape" in found.findings["a"]
    assert not found.passed


def test_the_record_is_plain():
    record = synthetic(0.5, 0.0).to_dict()
    assert record["passed"] is False
    assert set(record["parameters"]["a"]) == {
        "bias",
        "dispersion",
        "p_uniformity",
        "p_bias",
        "p_dispersion",
        "finding",
    }


def test_what_cannot_be_done_is_said():
    with pytest.raises(RequestError, match="fewer than 10"):
        calibrated("laplace", 5)
    with pytest.raises(WorkError, match="more than a tenth of all; the first: It ended at no mode"):
        calibrated(Failing(), 20)
    with pytest.raises(RequestError, match="lack x"):
        simulation_based_calibration(
            jr.key(0), lambda x, data: -0.5 * x**2, jnp.zeros(()), engine="laplace",
            simulate=lambda key: ({"a": jr.normal(key)}, jnp.zeros(2)),
        )  # fmt: skip
    assert not jax.config.jax_enable_x64
