"""Short chains against known moments: from the truth, from the wrong place, over modes apart, next to an edge."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import special
from tests.bayes.posteriors import density_of, log_gammas, nearby_normal, normal, two_normals

from latlas.sampling import short_chains
from latlas.sampling._chains import NUM_CHAINS, R_HAT_LIMIT
from latlas.stats._chains import rank_normalised_r_hat

SHAPES = np.array([0.7, 3.0])
MEANS, SDS = special.digamma(SHAPES), np.sqrt(special.polygamma(1, SHAPES))


@pytest.fixture(scope="module")
def gaussian():
    return density_of(normal, 5, nearby_normal(5))


@pytest.fixture(scope="module")
def skewed():
    return density_of(log_gammas, 2, SHAPES)


def walk(density, start, seed=0, tolerance=0.1):
    with jax.enable_x64(True):
        return short_chains(jr.key(seed), density.value_and_grad, start, tolerance=tolerance)


def starts(dim, seed=0):
    return np.random.default_rng(100 + seed).standard_normal((NUM_CHAINS, dim))


def deviations(chains, mean, sd):
    """Of the means in standard errors, and of the sds in shares."""
    flat = chains.draws.reshape(-1, len(mean))
    error = sd / np.sqrt(chains.effective_sample_size)
    return (flat.mean(0) - mean) / error, flat.std(0) / sd - 1.0


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_correlated_normal_from_right_and_wrong_places(gaussian, shift):
    loc, factor = nearby_normal(5)
    sd = np.linalg.norm(factor, axis=1)
    off = []
    for seed in range(3):
        chains = walk(gaussian, loc + shift * sd + starts(5, seed) @ factor.T, seed)
        assert chains.converged
        assert chains.effective_sample_size > 900
        off.append(deviations(chains, loc, sd))
    means, sds = (np.array(part) for part in zip(*off, strict=True))
    assert np.sqrt(np.mean(means**2)) < 1.6
    assert np.abs(means).max() < 4.0
    assert np.abs(sds).max() < 0.1


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_skewed_posterior_from_right_and_wrong_places(skewed, shift):
    off = []
    for seed in range(3):
        chains = walk(skewed, MEANS + SDS * (shift + starts(2, seed)), seed)
        assert chains.converged
        off.append(deviations(chains, MEANS, SDS))
    means, sds = (np.array(part) for part in zip(*off, strict=True))
    assert np.abs(means).max() < 4.0
    assert np.abs(sds).max() < 0.15


def test_finer_tolerance_means_more_draws(skewed):
    coarse = walk(skewed, MEANS + SDS * starts(2), tolerance=0.2)
    fine = walk(skewed, MEANS + SDS * starts(2), tolerance=0.05)
    assert fine.effective_sample_size > (3 / 0.05) ** 2
    assert fine.num_steps > coarse.num_steps


def test_the_first_half_is_left_out_and_the_key_decides(skewed):
    first, again = walk(skewed, starts(2)), walk(skewed, starts(2))
    assert first.draws.shape == (NUM_CHAINS, first.num_steps // 2, 2)
    np.testing.assert_array_equal(first.draws, again.draws)
    assert np.any(first.draws != walk(skewed, starts(2), seed=1).draws)


def test_two_modes_apart_do_not_converge():
    density = density_of(two_normals, 2, np.full(2, 15.0))
    start = np.where(np.arange(NUM_CHAINS)[:, None] % 2, 15.0, -15.0) + starts(2)
    chains = walk(density, start)
    assert not chains.converged
    assert chains.r_hat > 1.5
    assert chains.num_steps == 320


def test_regions_without_a_density_are_left_alone():
    """Exponential(1) on u > 0, as a density that is nan below."""
    density = density_of(lambda u: jnp.where(u[0] > 0, -u[0], jnp.nan), 1)
    chains = walk(density, np.abs(starts(1)) + 0.01)
    assert np.isfinite(chains.draws).all()
    assert chains.draws.min() > 0.0
    means, _ = deviations(chains, np.ones(1), np.ones(1))
    assert abs(means[0]) < 5.0
    assert chains.divergent > 0.0  # and it is said


def test_r_hat_of_equal_shifted_and_wider_chains():
    draws = np.random.default_rng(0).standard_normal((8, 200, 2))
    assert rank_normalised_r_hat(draws) < 1.02
    shifted, wider = draws.copy(), draws.copy()
    shifted[:4, :, 1] += 1.0
    wider[:4, :, 1] *= 3.0
    assert rank_normalised_r_hat(shifted) > 1.1
    assert rank_normalised_r_hat(wider) > 1.1
    assert rank_normalised_r_hat(np.ones((8, 200, 1))) > R_HAT_LIMIT  # chains that never moved
