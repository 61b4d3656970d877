"""Batch and match: exact for normals in whitened coordinates, steady over seeds, and a sentence where it fails."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tests.bayes.posteriors import density_of, log_gammas, nearby_normal, normal

from latlas.bayes.engines import BatchAndMatch
from latlas.bayes.engines._batch_and_match import _step
from latlas.core import WorkError
from latlas.distributions.families import Affine, Diagonal, FullRank


def run(density, *, seed=0, tolerance=0.1, **options):
    with jax.enable_x64(True):
        return BatchAndMatch(**options)(jr.key(seed), density, FullRank(), tolerance=tolerance)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_exact_for_a_normal_of_any_scale_in_rough_coordinates(scale):
    loc, factor = nearby_normal(4)
    density = density_of(normal, 4, (scale * loc, scale * factor))
    rough = density.whitened(Affine(scale * (loc + 0.5), Diagonal(scale * np.diagonal(factor))))
    result = run(rough)
    expected = factor / np.diagonal(factor)[:, None]
    np.testing.assert_allclose(result.approximation.loc, -0.5 / np.diagonal(factor), atol=0.01)
    np.testing.assert_allclose(result.approximation.scale_tril, expected, atol=0.03)
    assert result.converged
    assert "settled after" in result.message


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
def test_a_step_minimises_the_divergence_of_scores_near_where_it_was(rate):
    """Equation 5 of the paper has no slope where the step ends: E |grad log q - grad log p|^2_S + (2 / rate) KL(q_t, q)."""
    density = density_of(log_gammas, 3, np.array([3.0, 5.0, 9.0]))
    start, factor = nearby_normal(3)
    with jax.enable_x64(True):
        ended = _step(np.random.default_rng(5), density, start, factor @ factor.T, 8, rate)
        w = start + np.random.default_rng(5).standard_normal((8, 3)) @ factor.T
        scores = density.value_and_grad(w)[1]

        def objective(loc, covariance):
            precision = jnp.linalg.inv(covariance)
            apart = -(w - loc) @ precision - scores
            divergence = jnp.mean(jnp.einsum("bi,ij,bj->b", apart, covariance, apart))
            moved, log_dets = start - loc, jnp.linalg.slogdet(covariance)[1]
            kl = 0.5 * (jnp.trace(precision @ factor @ factor.T) + moved @ precision @ moved + log_dets)
            return divergence + 2.0 / rate * kl

        slopes = jax.grad(objective, argnums=(0, 1))(*map(jnp.asarray, ended))
    np.testing.assert_allclose(slopes[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(slopes[1] + slopes[1].T, 0.0, atol=1e-9)


def test_the_same_key_gives_the_same_answer():
    density = density_of(log_gammas, 2, np.array([2.0, 9.0]))
    first, again, other = run(density), run(density), run(density, seed=1)
    np.testing.assert_array_equal(first.approximation.loc, again.approximation.loc)
    assert np.any(np.asarray(first.approximation.loc) != np.asarray(other.approximation.loc))


def test_seeds_differ_by_less_than_the_tolerance():
    density = density_of(log_gammas, 3, np.array([3.0, 5.0, 9.0]))
    results = [run(density, seed=seed) for seed in range(5)]
    assert all(result.converged for result in results)
    locs = np.array([result.approximation.loc for result in results])
    sds = np.array([np.diagonal(result.approximation.scale_tril) for result in results])
    assert np.all(locs.std(0) / sds.mean(0) < 0.1)
    # digamma(a) is the mean of log Gamma(a, 1); a normal that matches scores is near, on skewed targets not at it
    assert np.all(np.abs(locs.mean(0) - [0.9228, 1.5061, 2.1406]) / sds.mean(0) < 0.1)


def test_the_limit_of_steps_is_said():
    result = run(density_of(log_gammas, 3, np.array([0.5, 1, 2])), max_steps=20)
    assert not result.converged
    assert result.message == "was still moving after 20 steps"
    assert result.details["num_steps"] == 20


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda u: -0.5 * (u[0] + u[1]) ** 2, "ran off"),
        (lambda u: jnp.log(u[0] - 100.0) + jnp.sum(u), "left the support"),
    ],
    ids=["ridge", "outside of the support"],
)
def test_what_it_cannot_fit_is_said(function, match):
    with pytest.raises(WorkError, match=match):
        run(density_of(function, 2))
