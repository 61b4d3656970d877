"""ADVI against optima in closed form, and from minibatches against Newton's method over all rows."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.bayes import anchored, from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.densities._anchor import Anchor, estimate, full_gradient
from latlas.bayes.engines import Advi
from latlas.bayes.targets import AbstractStochasticTarget, Suspects
from latlas.core import RequestError, WorkError
from latlas.distributions.families import Affine, FullRank, MeanField, Triangular

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

MEAN = np.array([1.0, -2.0, 0.5])
FACTOR = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.5, 0.3, 1.5]])
NUM_ROWS, NUM_WEIGHTS, BATCH = 20_050, 5, 100


def normal(params, data):
    mean, factor = data
    z = jax.scipy.linalg.solve_triangular(factor, params - mean, lower=True)
    return -0.5 * jnp.sum(z**2)


def density_of(function, dim, data=None):
    return Density(from_log_density(function, jnp.zeros(dim), data=data))


class Regression(AbstractStochasticTarget):
    """Logistic regression with a standard normal prior, in batches."""

    rows: Callable = eqx.field(static=True)
    ordered: bool = eqx.field(static=True, default=True)
    is_exact: bool = eqx.field(static=True, default=True)
    dim: int = eqx.field(static=True, default=NUM_WEIGHTS)

    @property
    def start(self):
        return None

    @property
    def free_shapes(self):
        return {"w": (NUM_WEIGHTS,)}

    def log_density(self, u):
        return self.log_density_on(u, (jnp.asarray(FEATURES), jnp.asarray(OUTCOME)), scale=1.0)

    def draw_batch(self, rng):
        numbers = self.rows(rng)
        return FEATURES[numbers], OUTCOME[numbers]

    def log_density_on(self, u, batch, scale=NUM_ROWS / BATCH):
        features, outcome = batch
        logits = features @ u
        return -0.5 * u @ u + scale * jnp.sum(outcome * logits - jax.nn.softplus(logits))

    def sweep(self):
        if not self.ordered:
            return None
        return self._pieces()

    def _pieces(self):
        pieces = [slice(start, start + 5000) for start in range(0, NUM_ROWS, 5000)]
        for piece in pieces:
            yield (FEATURES[piece], OUTCOME[piece]), BATCH / NUM_ROWS
        yield (FEATURES[:0], OUTCOME[:0]), 1.0 - len(pieces) * BATCH / NUM_ROWS

    def constrain(self, u):
        return u

    def suspects(self, u):
        return Suspects()


def _data():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((NUM_ROWS, NUM_WEIGHTS))
    features[:, 1] += 2 * features[:, 0]
    chance = 1 / (1 + np.exp(-features @ np.array([0.5, -0.3, 0.1, 0.0, 1.0])))
    return features, (rng.random(NUM_ROWS) < chance).astype(float)


FEATURES, OUTCOME = _data()


def drawn(rng):
    return rng.integers(0, NUM_ROWS, BATCH)


def newton():
    weights = np.zeros(NUM_WEIGHTS)
    for _ in range(20):
        chance = 1 / (1 + np.exp(-FEATURES @ weights))
        precision = np.eye(NUM_WEIGHTS) + (FEATURES * (chance * (1 - chance))[:, None]).T @ FEATURES
        weights = weights + np.linalg.solve(precision, FEATURES.T @ (OUTCOME - chance) - weights)
    return weights, np.linalg.inv(precision)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("seed", range(3))
def test_a_normal_is_its_own_full_rank_fit(seed):
    density = density_of(normal, 3, (MEAN, FACTOR))
    result = Advi()(jr.key(seed), density, FullRank(), tolerance=0.05)
    covariance = FACTOR @ FACTOR.T
    assert result.converged
    factor = np.asarray(result.approximation.scale_tril)
    np.testing.assert_allclose(
        (result.approximation.loc - MEAN) / np.sqrt(np.diagonal(covariance)), 0.0, atol=0.05
    )
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=0.1)
    assert density.count.num_evaluations == result.details["num_steps"] * 16


def test_mean_field_variances_are_inverse_diagonals_of_the_precision():
    result = Advi()(jr.key(0), density_of(normal, 3, (MEAN, FACTOR)), MeanField(), tolerance=0.05)
    expected = 1 / np.diagonal(np.linalg.inv(FACTOR @ FACTOR.T))
    np.testing.assert_allclose(np.exp(2 * result.approximation.log_scale), expected, rtol=0.08)
    np.testing.assert_allclose(result.approximation.loc, MEAN, atol=0.05)


def test_a_density_that_is_never_finite_is_refused():
    with pytest.raises(WorkError, match="in none of them"):
        Advi()(
            jr.key(0),
            density_of(lambda p: jnp.where(jnp.max(jnp.abs(p)) < 1e-6, 0.0, jnp.nan), 2),
            FullRank(),
            tolerance=0.1,
        )


def test_the_time_limit_is_said():
    result = Advi(max_seconds=0.0)(
        jr.key(0), density_of(normal, 3, (MEAN, FACTOR)), FullRank(), tolerance=0.05
    )
    assert not result.converged
    assert "time limit" in result.message


def test_a_pass_over_all_pieces_is_the_full_gradient():
    target, u = Regression(drawn), np.full(NUM_WEIGHTS, 0.3)
    np.testing.assert_allclose(
        full_gradient(target, u), jax.grad(target.log_density)(jnp.asarray(u)), rtol=1e-9
    )
    assert full_gradient(Regression(drawn, ordered=False, is_exact=False), u) is None
    np.testing.assert_allclose(
        full_gradient(Regression(drawn, ordered=False), u), full_gradient(target, u), rtol=1e-9
    )


def test_estimates_are_unbiased_and_an_anchor_takes_their_noise_away():
    target, rng = Regression(drawn), np.random.default_rng(1)
    mode, covariance = newton()
    u = jnp.asarray(mode + np.sqrt(np.diagonal(covariance)))
    anchor = Anchor(jnp.asarray(mode), jnp.asarray(full_gradient(target, mode)))
    gradient = jax.jit(jax.grad(estimate, argnums=2))
    batches = [target.draw_batch(rng) for _ in range(400)]
    exact = jax.grad(target.log_density)(u)
    spreads = []
    for choice in (None, anchor):
        found = np.stack([gradient(target, choice, u, batch) for batch in batches])
        np.testing.assert_array_less(
            np.abs(found.mean(0) - exact), 4 * found.std(0) / np.sqrt(len(batches)) + 1e-9
        )
        spreads.append(found.std(0))
    assert np.all(spreads[1] < 0.1 * spreads[0])


def test_minibatches_reach_the_posterior_of_all_rows():
    mode, covariance = newton()
    target = anchored(jr.key(2), Regression(drawn), np.zeros(NUM_WEIGHTS))
    white = Affine(jnp.asarray(mode), Triangular(jnp.linalg.cholesky(covariance)))
    density = Density(target).whitened(white)
    # on a few batches: the mode of all rows, and about their curvature
    np.testing.assert_allclose(density.value_and_grad(np.zeros(NUM_WEIGHTS))[1], 0.0, atol=0.02)
    np.testing.assert_allclose(density.hessian(np.zeros(NUM_WEIGHTS))[0], -np.eye(NUM_WEIGHTS), atol=0.1)
    result = Advi()(jr.key(0), density, FullRank(), tolerance=0.1)
    assert result.converged, result.message
    np.testing.assert_allclose(result.approximation.loc, 0.0, atol=0.1)
    factor = result.approximation.scale_tril
    np.testing.assert_allclose(np.sqrt(np.diagonal(factor @ factor.T)), 1.0, atol=0.1)


def test_data_without_an_order_are_refused():
    with pytest.raises(RequestError, match="sweep"):
        anchored(jr.key(2), Regression(drawn, ordered=False, is_exact=False), np.zeros(NUM_WEIGHTS))
