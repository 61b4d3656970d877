"""NUTS against a normal it must reproduce, the eight schools, a density that is nan, and its limits."""

import itertools
import time

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas import bayes
from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import Nuts
from latlas.bayes.engines._nuts import _Chains, _with_hope
from latlas.core import WorkError
from latlas.distributions.families import Affine, FullGaussian, FullRank, Triangular

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

MEAN = np.array([1.0, -2.0, 0.5])
FACTOR = np.array([[1.0, 0.0, 0.0], [1.8, 0.6, 0.0], [-0.5, 0.3, 3.0]])
SCHOOLS = (np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18]))


def normal(params, data):
    mean, factor = data
    z = jax.scipy.linalg.solve_triangular(factor, params - mean, lower=True)
    return -0.5 * jnp.sum(z**2)


def schools(params, data):
    effects, error = data
    tau = jnp.exp(params[9])
    prior = (
        -0.5 * jnp.sum(params[:8] ** 2) - 0.5 * (params[8] / 5) ** 2 - jnp.log1p((tau / 5) ** 2) + params[9]
    )
    return prior - 0.5 * jnp.sum(((effects - params[8] - tau * params[:8]) / error) ** 2)


def density_of(function, dim, data=None):
    return Density(from_log_density(function, jnp.zeros(dim), data=data))


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def test_a_normal_comes_back_within_standard_errors():
    density = density_of(normal, 3, (MEAN, FACTOR))
    deviations = []
    for seed in range(4):
        result = Nuts()(jr.key(seed), density, FullRank(), tolerance=0.1)
        assert result.converged
        assert result.draws.shape[0] == 4
        assert result.details["effective_sample_size"] >= 400
        draws = result.draws.reshape(-1, 3)
        sd = np.sqrt(np.diagonal(FACTOR @ FACTOR.T))
        deviations.append((draws.mean(0) - MEAN) / sd * np.sqrt(result.details["effective_sample_size"]))
        np.testing.assert_allclose(draws.std(0), sd, rtol=4 / np.sqrt(2 * 400))
        np.testing.assert_allclose(np.asarray(result.approximation.loc), draws.mean(0), atol=1e-8)
        covariance = np.asarray(result.approximation.scale_tril @ result.approximation.scale_tril.T)
        np.testing.assert_allclose(covariance, np.cov(draws.T), atol=1e-8)
    # the smallest effective size is a bound, so these are below one standard error on average
    assert np.sqrt(np.mean(np.square(deviations))) < 1.6


def test_draws_are_in_the_coordinates_of_the_density():
    affine = Affine(jnp.asarray(MEAN), Triangular(jnp.asarray(FACTOR)))
    density = density_of(normal, 3, (MEAN, FACTOR)).whitened(affine)
    result = Nuts()(jr.key(0), density, FullRank(), tolerance=0.1)
    draws = result.draws.reshape(-1, 3)
    np.testing.assert_allclose(draws.mean(0), 0.0, atol=0.2)
    np.testing.assert_allclose(np.cov(draws.T), np.eye(3), atol=0.3)
    assert result.details["num_divergences"] == 0


def test_eight_schools_against_quadrature():
    result = Nuts()(jr.key(0), density_of(schools, 10, SCHOOLS), FullRank(), tolerance=0.1)
    mu, log_tau = result.draws.reshape(-1, 10)[:, 8:].T
    expected = moments_of_schools()
    assert result.converged
    for found, (mean, sd) in zip((mu, log_tau), expected, strict=True):
        assert abs(found.mean() - mean) < 4 * sd / np.sqrt(400)
        assert abs(found.std() / sd - 1) < 0.2


def moments_of_schools():
    """Mean and sd of mu and log tau, with the effects integrated out, on a grid."""
    mu, log_tau = np.meshgrid(np.linspace(-25, 30, 600), np.linspace(-12, 6, 800), indexing="ij")
    tau = np.exp(log_tau)
    log_p = -0.5 * (mu / 5) ** 2 - np.log1p((tau / 5) ** 2) + log_tau
    for effect, error in zip(*SCHOOLS, strict=True):
        variance = error**2 + tau**2
        log_p += -0.5 * np.log(variance) - 0.5 * (effect - mu) ** 2 / variance
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    return [((p * x).sum(), np.sqrt((p * x**2).sum() - (p * x).sum() ** 2)) for x in (mu, log_tau)]


def test_chains_begin_where_they_are_told():
    start = FullGaussian.of(jnp.asarray(MEAN + 1e6), jnp.eye(3))
    moved = density_of(normal, 3, (MEAN + 1e6, FACTOR))
    result = Nuts(start=start)(jr.key(0), moved, FullRank(), tolerance=0.1)
    np.testing.assert_allclose(result.draws.mean((0, 1)), MEAN + 1e6, atol=1.0)


def test_the_time_limit_holds_and_is_said():
    density = density_of(normal, 3, (MEAN, FACTOR))
    Nuts()(jr.key(0), density, FullRank(), tolerance=0.1)
    began = time.monotonic()
    result = Nuts(max_seconds=0.5, max_draws=10**6)(jr.key(0), density, FullRank(), tolerance=1e-4)
    assert time.monotonic() - began < 5.0
    assert not result.converged
    assert "time limit of 0.5 s" in result.message


def test_chains_without_time_are_told_and_not_trusted(monkeypatch):
    # as on a machine with much else to do: few draws are left, which seem worth more than they are without their squares
    clock = itertools.count(0.0, 100.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    found = bayes.fit(lambda w: -0.5 * jnp.sum(w**2), jnp.zeros(3), key=jr.key(0), engine="nuts")
    assert found.verdict.kind == "do not trust"
    assert "Too few effective draws" in str(found.verdict)


def test_the_limit_of_draws_holds():
    result = Nuts(max_draws=30)(jr.key(0), density_of(normal, 3, (MEAN, FACTOR)), FullRank(), tolerance=0.1)
    assert result.draws.shape == (4, 30, 3)
    assert not result.converged
    assert "limit of draws" in result.message


def test_the_limit_of_gradients_holds_and_is_said():
    density = density_of(normal, 3, (MEAN, FACTOR))
    result = Nuts(max_gradients=5000, max_draws=10**6)(jr.key(0), density, FullRank(), tolerance=1e-4)
    assert not result.converged
    assert "limit of 5,000 gradients" in result.message
    # a step of four chains has at most 4 x 1023, and of this normal some dozen
    assert 5000 <= result.details["num_leapfrogs"] < 5200


@pytest.mark.parametrize(
    "gradients", [16_000, 60_000]
)  # the first ends the warm-up in the middle of a window
def test_a_slow_machine_draws_what_a_quick_one_does(monkeypatch, gradients):
    """The clock decides how many steps a call makes, and nothing else: here there is always time for seven more."""
    density = density_of(normal, 3, (MEAN, FACTOR))
    engine = Nuts(max_draws=20, max_gradients=gradients)
    expected = engine(jr.key(3), density, FullRank(), tolerance=0.1)
    enough = property(lambda chains: 7.5 * (chains.seconds_a_step or 1.0))
    monkeypatch.setattr(_Chains, "seconds_left", enough)
    found = engine(jr.key(3), density, FullRank(), tolerance=0.1)
    assert found.draws.shape == (4, 20, 3)
    np.testing.assert_array_equal(found.draws, expected.draws)


def test_a_clock_that_does_not_move_ends_nothing(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    density = density_of(normal, 3, (MEAN, FACTOR))
    found = Nuts(max_draws=20)(jr.key(3), density, FullRank(), tolerance=0.1)
    assert found.draws.shape == (4, 20, 3)


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_a_whitening_that_is_none_is_left(scale):
    """As where a search ran into the neck of a funnel: the coordinates are a hundred thousand times too narrow, or wide."""
    off = Affine(jnp.asarray(MEAN + 1000.0 * scale), Triangular(scale * jnp.eye(3)))
    density = density_of(normal, 3, (MEAN, FACTOR)).whitened(off)
    result = Nuts()(jr.key(0), density, FullRank(), tolerance=0.1)
    assert result.converged
    u = density.unconstrained(result.draws.reshape(-1, 3))
    sd = np.sqrt(np.diagonal(FACTOR @ FACTOR.T))
    np.testing.assert_allclose((u.mean(0) - MEAN) / sd, 0.0, atol=0.25)
    np.testing.assert_allclose(u.std(0) / sd, 1.0, atol=0.2)


def test_a_chain_whose_region_has_no_mass_has_no_hope():
    rng = np.random.default_rng(0)
    v = rng.standard_normal((4, 50, 2))
    v[1] *= 1e-9  # dense, and of no volume
    v[2, :, :] = v[2, :1, :]  # never moved
    values = np.zeros((4, 50))
    assert _with_hope(v, values).tolist() == [True, False, False, True]
    values[1] = 45.0  # dense enough to make up for the volume
    assert _with_hope(v, values).tolist() == [True, True, False, True]
    assert _with_hope(v, values + 1e300).any()  # an improper density that all of them climb
    values[0] = -100.0  # on a far slope
    assert _with_hope(v, values).tolist() == [False, True, False, True]


def test_two_modes_apart_do_not_converge():
    def two(params):
        return jnp.logaddexp(-0.5 * jnp.sum((params - 30) ** 2), -0.5 * jnp.sum((params + 30) ** 2))

    result = Nuts(max_draws=300)(jr.key(1), density_of(two, 2), FullRank(), tolerance=0.1)
    assert not result.converged
    assert result.details["r_hat"] > 1.5


def test_a_density_that_is_never_finite_is_refused():
    with pytest.raises(WorkError, match="finite at 0"):
        Nuts()(
            jr.key(0),
            density_of(lambda p: jnp.where(jnp.max(jnp.abs(p)) < 1e-6, 0.0, jnp.nan), 2),
            FullRank(),
            tolerance=0.1,
        )
