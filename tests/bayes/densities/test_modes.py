"""Modes: hard scales, several of them, none at all, and Laplace's evidence where it is exact."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from tests.bayes.posteriors import centred_schools, density_of, log_gammas, nearby_normal, normal, two_normals

from latlas.bayes.densities import Density, Lost, find_modes
from latlas.bayes.targets import from_numpyro


def regression(u, data):
    """Coefficients and log noise, with flat enough priors; columns of scales from 1e-4 to 1e4."""
    x, y = data
    residual = (y - x @ u[:-1]) * jnp.exp(-u[-1])
    return -0.5 * jnp.sum(residual**2) - len(y) * u[-1] - 0.5 * jnp.sum((u / 1e6) ** 2)


def test_a_badly_scaled_regression_is_solved_to_least_squares():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(200), rng.standard_normal((200, 4)) * 10.0 ** np.array([-4, -1, 2, 4])])
    coefficients = np.array([3.0, 2e4, -5.0, 0.02, 3e-4])
    y = x @ coefficients + 0.5 * rng.standard_normal(200)
    search = find_modes(jr.key(0), density_of(regression, 6, (x, y)), np.zeros(6))
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    noise = np.sqrt(np.mean((y - x @ expected) ** 2))
    sds = noise * np.sqrt(np.diagonal(np.linalg.inv(x.T @ x)))
    (mode,) = search.modes
    # the prior of the coefficient of 2e4 pulls by 1e-4 sds
    assert np.max(np.abs(mode.location[:5] - expected) / sds) < 1e-2
    np.testing.assert_allclose(mode.location[5], np.log(noise), atol=1e-3)
    found = np.sqrt(np.diagonal(mode.scale_tril @ mode.scale_tril.T))
    np.testing.assert_allclose(found[:5], sds, rtol=1e-2)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_evidence_of_a_normal_is_exact(scale):
    loc, factor = nearby_normal(3)
    search = find_modes(jr.key(1), density_of(normal, 3, (loc, scale * factor)), np.zeros(3))
    (mode,) = search.modes
    expected = np.linalg.slogdet(scale * factor)[1] + 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(mode.log_evidence, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(mode.scale_tril, scale * factor, rtol=1e-4, atol=1e-6 * scale)
    np.testing.assert_allclose(mode.whitening(np.zeros(3)), mode.location, rtol=1e-6)


def test_evidence_of_a_gamma_is_laplaces():
    """exp(u) ~ Gamma(a, 1): mode log a, curvature a, so that Laplace's evidence is Stirling's formula."""
    a = np.array([5.0])
    (mode,) = find_modes(jr.key(1), density_of(log_gammas, 1, a), np.zeros(1)).modes
    np.testing.assert_allclose(mode.location, np.log(a), atol=1e-3)
    stirling = 5 * np.log(5) - 5 + 0.5 * np.log(2 * np.pi / 5)
    np.testing.assert_allclose(mode.log_evidence, stirling, atol=1e-4)


def test_two_modes_are_found_as_two_and_ordered():
    def uneven(u):
        return jnp.logaddexp(jnp.log(0.2) - 0.5 * jnp.sum((u - 4) ** 2), -0.5 * jnp.sum((u + 4) ** 2))

    search = find_modes(jr.key(0), density_of(uneven, 1), np.zeros(1), num_starts=8)
    assert [round(float(mode.location[0])) for mode in search.modes] == [-4, 4]
    np.testing.assert_allclose(
        search.modes[0].log_evidence - search.modes[1].log_evidence, np.log(5), atol=1e-4
    )


def two_places():
    """Half of the mass at 0, where searches begin, and half at 300, where the prior is and no search from 0 arrives."""
    x = numpyro.sample("x", dist.Normal(300, 30))
    numpyro.factor("y", jnp.logaddexp(50 - 0.5 * x**2, -0.5 * (x - 300) ** 2))


@pytest.mark.parametrize("seed", range(3))
def test_searches_from_the_prior_find_what_others_miss(seed):
    density = Density(from_numpyro(jr.key(0), two_places, None))
    search = find_modes(jr.key(seed), density, np.zeros(1))
    assert sorted(round(float(mode.location[0])) for mode in search.modes) == [0, 300]
    assert search.num_from_prior == 3
    # the normal at 0 and the prior have the integral exp(-300^2 / 2 (1 + 30^2)) of those at 300
    np.testing.assert_allclose(search.left_out, 1 / (1 + np.exp(50 - 300**2 / (2 * 901))), rtol=1e-6)


def test_draws_of_a_prior_without_end_do_no_harm():
    """Gamma(0.001, 0.001) underflows to 0, whose logarithm no search can begin at."""

    def vague():
        tau = numpyro.sample("tau", dist.Gamma(0.001, 0.001).expand([4]).to_event(1))
        numpyro.sample("y", dist.Normal(0, tau**-0.5).to_event(1), obs=jnp.array([0.3, -1.0, 2.0, 0.1]))

    density = Density(from_numpyro(jr.key(0), vague, None))
    search = find_modes(jr.key(0), density, np.zeros(4))
    assert search.num_starts == 12
    # of a gamma posterior of shape 0.501 and rate 0.001 + y^2 / 2, in log tau
    y = np.array([0.3, -1.0, 2.0, 0.1])
    np.testing.assert_allclose(search.modes[0].location, np.log(0.501 / (0.001 + y**2 / 2)), atol=2e-3)


def test_a_log_density_has_no_prior_to_begin_at():
    density = density_of(two_normals, 2, np.zeros(2))
    assert density.prior_draws(jr.key(0), 3) is None
    assert find_modes(jr.key(0), density, np.zeros(2)).num_from_prior == 0


def test_one_mode_found_twice_is_one():
    search = find_modes(jr.key(0), density_of(two_normals, 2, np.zeros(2)), np.zeros(2), num_starts=5)
    assert (len(search.modes), search.num_starts, search.num_lost) == (1, 5, 0)


@pytest.mark.parametrize(
    "function",
    [
        lambda u: jnp.sum(u),
        lambda u: -0.5 * (u[0] + u[1]) ** 2 - u[2] ** 2,
        lambda u: 0.5 * jnp.sum(u**2),
        centred_schools,
    ],
    ids=["slope", "ridge", "bowl", "centred schools"],
)
def test_what_has_no_maximum_has_no_mode(function):
    dim = 10 if function is centred_schools else 3
    search = find_modes(jr.key(0), density_of(function, dim), np.zeros(dim), num_starts=2)
    assert (search.modes, search.num_starts, search.num_lost) == ((), 2, 2)


def test_a_search_says_why_it_ended_at_no_mode():
    search = find_modes(jr.key(0), density_of(lambda u: jnp.sum(u), 3), np.zeros(3), num_starts=2)
    assert search.lost == (Lost.SLOPE, Lost.SLOPE)


def test_where_the_density_is_not_finite_the_search_steps_back():
    """log u has no value below 0; the mode of Gamma(3, 1) is 2."""
    search = find_modes(jr.key(0), density_of(lambda u: 2 * jnp.log(u[0]) - u[0], 1), np.ones(1))
    (mode,) = search.modes
    np.testing.assert_allclose(mode.location, 2.0, atol=2e-3)
