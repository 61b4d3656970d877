"""Tails beyond all draws, as the density itself tells them, against laws whose shape is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks._verdict_targets import student
from numpyro.distributions import constraints
from scipy import stats

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.verdict._far_mass import far_checks
from latlas.bayes.verdict._posterior import Posterior
from latlas.bayes.verdict._wide_draws import WideDraws, wide_draws

KEYS = range(5)


def near_draws(freedom, dim, seed, num=4000):
    """Draws of a Student t law of which none is farther out than the radius that holds 98 %, as short chains have them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((3 * num, dim)) / np.sqrt(rng.chisquare(freedom, (3 * num, 1)) / freedom)
    reach = np.sqrt(dim * stats.f.ppf(0.98, dim, freedom))
    return 1.0 + x[np.linalg.norm(x, axis=1) < reach][:num]


def checks_of(target, draws, seed):
    with jax.enable_x64(True):
        posterior = Posterior(target, draws, None, "none", 4000.0)
        found = far_checks(jax.random.key(seed), Density(target), posterior, None)
    return {check.name: check for check in found}


@pytest.mark.parametrize("dim", [1, 3, 10])
@pytest.mark.parametrize("freedom", [2.0, 3.0, 5.0])
def test_the_density_tells_a_tail_that_no_draw_reached(freedom, dim):
    target = from_log_density(student(freedom, dim).log_density, np.zeros(dim))
    for seed in KEYS:
        checks = checks_of(target, near_draws(freedom, dim, seed), seed)
        found = checks["far_tails"]
        assert found.value == pytest.approx(1.0 / freedom, abs=0.08), (
            seed,
            found,
        )  # four errors of the largest
        assert found.passed == (freedom > 2.5)
        assert checks["sd_tails"].passed  # which would have said that all was well


@pytest.mark.parametrize("dim", [1, 3])
def test_a_law_without_a_mean_is_told_from_draws_that_look_as_if_it_had_one(dim):
    target = from_log_density(student(1.0, dim).log_density, np.zeros(dim))
    for seed in KEYS:
        checks = checks_of(target, near_draws(1.0, dim, seed), seed)
        assert not checks["tails"].passed
        assert checks["tails"].value == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("heavy", "num_light"), [(2.0, 2), (3.0, 2)])
def test_one_heavy_parameter_among_light_ones_is_told(heavy, num_light):
    freedom = np.array([heavy] + [30.0] * num_light)

    def log_density(x):
        return -jnp.sum((freedom + 1.0) / 2.0 * jnp.log1p(x**2 / freedom))

    target = from_log_density(log_density, np.zeros(len(freedom)))
    for seed in KEYS:
        draws = np.random.default_rng(seed).standard_t(freedom, (4000, len(freedom)))
        draws = draws[np.abs(draws[:, 0]) < stats.t(heavy).ppf(0.995)]
        checks = checks_of(target, draws, seed)
        assert checks["far_tails"].value == pytest.approx(1.0 / heavy, abs=0.12)  # three errors
        assert checks["far_tails"].passed == (heavy > 2.5)


def test_a_shape_has_the_stated_error():
    target = from_log_density(student(3.0, 3).log_density, np.zeros(3))
    draws = near_draws(3.0, 3, 0)
    with jax.enable_x64(True):
        found = [
            wide_draws(np.random.default_rng(s), Density(target), draws).tail_shapes(draws) for s in range(20)
        ]
    shapes, errors = (np.array([pair[i][:, None] for pair in found])[..., 0] for i in (0, 1))
    assert np.std(shapes, axis=0).max() < 1.5 * errors.mean()
    assert errors.mean() < 3.0 * np.std(shapes, axis=0).mean()  # a bound: both masses share their draws


@pytest.mark.parametrize("shape", [2.2, 4.0])
def test_a_positive_parameter_is_measured_on_its_own_scale(shape):
    """An inverse gamma law is light in the logarithm, in which its draws are made, and heavy as it is."""

    def log_density(p):
        return -(shape + 1.0) * jnp.log(p["v"]) - 1.0 / p["v"]

    target = from_log_density(log_density, {"v": np.zeros(())}, bijections={"v": constraints.positive})
    draws = np.log(stats.invgamma(shape).rvs((4000, 1), random_state=np.random.default_rng(0)))
    for seed in KEYS:
        found = checks_of(target, draws, seed)["far_tails"]
        # short of its limit the shape of distances from the median is larger
        assert -0.08 < found.value - 1.0 / shape < 0.12, found
        assert found.passed == (shape > 2.5)


def test_a_tail_that_is_light_is_left_to_the_draws():
    target = from_log_density(lambda x: -0.5 * jnp.sum(x**2), np.zeros(2))
    draws = np.random.default_rng(0).standard_normal((4000, 2))
    checks = checks_of(target, draws, 0)
    assert "far_tails" not in checks
    assert checks["sd_tails"].passed
    assert checks["far_mass"].value == pytest.approx(0.0, abs=0.01)


def test_masses_are_those_of_the_posterior():
    """A normal twice as wide as its draws: the mass beyond two of their sds is that beyond one."""
    target = from_log_density(lambda x: -0.125 * jnp.sum(x**2), np.zeros(1))
    draws = np.random.default_rng(0).standard_normal((4000, 1))
    with jax.enable_x64(True):
        found = [wide_draws(np.random.default_rng(seed), Density(target), draws) for seed in KEYS]
    for wide in found:
        assert isinstance(wide, WideDraws)
        mass, error = wide.mass(np.abs(wide.values[:, 0]) > 2.0)
        assert mass == pytest.approx(2.0 * stats.norm.sf(1.0), abs=4.0 * error)
        assert error < 0.03


def test_draws_that_span_no_volume_are_refused():
    target = from_log_density(lambda x: -0.5 * jnp.sum(x**2), np.zeros(2))
    with jax.enable_x64(True):
        assert wide_draws(np.random.default_rng(0), Density(target), np.ones((100, 2))) is None
