"""The rate-distortion curve: its geometry by hand, its numbers against the closed form of a linear-Gaussian model."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.optimize import minimize

from latlas.core import Example, RequestError
from latlas.distributions import FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.evaluation import RateDistortionCurve, rate_distortion, rate_distortion_curve
from latlas.evaluation.rate import gaussian_rate_distortion
from latlas.models import AbstractLatentModel

EIGENVALUES = np.array([4.0, 1.0, 0.25, 0.1])
NOISE_SCALE = 0.4


def curve_of(rate, distortion, betas=None, error=0.0, kl=None):
    rate, distortion = np.asarray(rate, float), np.asarray(distortion, float)
    betas = 2.0 ** np.arange(len(rate)) if betas is None else betas
    errors = np.full(len(rate), error)
    return RateDistortionCurve(betas, rate, distortion, -(rate + distortion), errors, errors, errors, kl)


def test_the_hull_leaves_out_what_a_mixture_beats():
    # (2, 5) lies above the line from (1, 6) to (3, 1); (5, 2) has more rate and more distortion than (4, 0.5)
    curve = curve_of([5, 4, 3, 2, 1, 0], [2, 0.5, 1, 5, 6, 10])
    assert curve.hull().tolist() == [5, 4, 2, 1]
    assert curve.on_hull.tolist() == [False, True, True, False, True, True]


def test_a_point_that_is_not_finite_is_on_no_hull():
    assert curve_of([4, np.nan, 1], [1, 2, 3]).hull().tolist() == [2, 0]


def test_the_hull_is_what_prices_choose():
    rng = np.random.default_rng(0)
    for _ in range(20):
        curve = curve_of(rng.random(30), rng.random(30))
        chosen = {
            int(np.argmin(curve.distortion + price * curve.rate)) for price in np.geomspace(1e-6, 1e6, 4000)
        }
        assert chosen <= set(curve.hull().tolist())
        assert curve.on_hull.sum() - len(chosen) <= 1  # a very short edge may slip between two prices


def test_the_beta_for_a_target_lies_on_the_curve():
    betas = np.geomspace(0.01, 30, 200)
    curve = gaussian_rate_distortion(betas, EIGENVALUES, NOISE_SCALE)
    asked = 0.73
    exact = gaussian_rate_distortion([asked], EIGENVALUES, NOISE_SCALE)
    assert curve.beta_for(rate=exact.rate[0]) == pytest.approx(asked, rel=1e-3)
    assert curve.beta_for(distortion=exact.distortion[0]) == pytest.approx(asked, rel=1e-3)
    for i in (10, 100):
        assert curve.beta_for(rate=curve.rate[i]) == pytest.approx(betas[i], rel=1e-9)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param({}, "either rate or distortion", id="none"),
        pytest.param({"rate": 1.0, "distortion": 1.0}, "either rate or distortion", id="both"),
        pytest.param({"rate": 9.0}, "from 1 to 4 nats.*smaller betas", id="rate too high"),
        pytest.param({"rate": 0.5}, "from 1 to 4 nats.*larger betas", id="rate too low"),
        pytest.param({"distortion": 0.5}, "from 1 to 3 nats.*smaller betas", id="distortion too low"),
        pytest.param({"rate": np.nan}, "outside the curve", id="nan"),
    ],
)
def test_a_target_outside_the_curve_is_refused(target, message):
    with pytest.raises(RequestError, match=message):
        curve_of([4, 2, 1], [1, 2, 3]).beta_for(**target)


def test_monotone_means_up_to_noise():
    assert curve_of([4, 2, 1], [1, 2, 3]).is_monotone()
    assert not curve_of([4, 2, 2.1], [1, 2, 3]).is_monotone()
    assert curve_of([4, 2, 2.1], [1, 2, 3], error=0.05).is_monotone()
    assert not curve_of([4, 2, 2.1], [1, 2, 3], error=0.05).is_monotone(1.0)
    assert not curve_of([4, 2, 1], [1, 2, 1.5]).is_monotone()
    assert not curve_of([4, np.nan, 1], [1, 2, 3]).is_monotone()


def test_a_dimension_is_pruned_where_it_dies_for_good():
    # the numbering changes from model to model, and the smallest dimension comes back at beta = 4
    kl = np.array([[2.0, 0.5, 0.02], [0.4, 1.5, 0.0], [0.02, 0.03, 1.0], [0.0, 0.0, 0.5]])
    curve = curve_of([4, 3, 2, 1], [1, 2, 3, 4], kl=kl)
    assert curve.pruned_at().tolist() == [np.inf, 8.0, 8.0]
    assert curve.pruned_at(0.1).tolist() == [np.inf, 4.0, 1.0]
    assert curve.active_units().tolist() == [3, 2, 3, 1]
    with pytest.raises(ValueError, match="not known per dimension"):
        curve_of([4, 3], [1, 2]).pruned_at()


def test_a_curve_goes_through_json_and_back():
    kl = np.array([[2.0, 0.5], [np.nan, 0.0]])
    curve = curve_of([4, np.nan], [1, 2], error=np.inf, kl=kl)
    written = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert written["rate"] == [4.0, None]
    assert written["on_hull"] == [True, False]
    back = RateDistortionCurve.from_dict(written)
    assert np.array_equal(back.kl_per_dimension, kl, equal_nan=True)
    assert np.array_equal(back.rate, curve.rate, equal_nan=True)
    assert np.isnan(back.rate_standard_error).all()
    assert RateDistortionCurve.from_dict(curve_of([2, 1], [1, 2]).to_dict()).kl_per_dimension is None
    del written["rate"]
    with pytest.raises(ValueError, match="rate did not come"):
        RateDistortionCurve.from_dict(written)


@pytest.mark.parametrize(
    ("betas", "message"),
    [
        pytest.param([], "at least one beta", id="none"),
        pytest.param([0.0, 1.0], "positive betas; got 0, 1", id="zero"),
        pytest.param([-1.0, 1.0], "positive betas", id="negative"),
        pytest.param([1.0, np.inf], "positive betas", id="infinite"),
        pytest.param([1.0, 1.0], "each beta once", id="twice"),
        pytest.param([2.0, 1.0], "in rising order", id="falling"),
    ],
)
def test_betas_that_are_no_path_are_refused(betas, message):
    with pytest.raises(RequestError, match=message):
        gaussian_rate_distortion(betas, EIGENVALUES, NOISE_SCALE)


def _loss(params, beta, eigenvalue):
    """distortion + beta * rate of one principal direction, with w, v and log(variance) free."""
    w, v, log_variance = params
    variance, noise = np.exp(log_variance), NOISE_SCALE**2
    error = (1 - w * v) ** 2 * eigenvalue + w**2 * variance
    return error / (2 * noise) + beta * 0.5 * (v**2 * eigenvalue + variance - 1 - log_variance)


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.0, 5.0, 30.0])
def test_the_closed_form_is_the_minimum(beta):
    curve = gaussian_rate_distortion([beta], EIGENVALUES, NOISE_SCALE)
    constant = 0.5 * len(EIGENVALUES) * np.log(2 * np.pi * NOISE_SCALE**2)
    found = constant
    for eigenvalue in EIGENVALUES:
        starts = ([0.5, 0.5, -1.0], [1e-3, 1e-3, 0.0])
        options = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000}}
        found += min(minimize(_loss, start, (beta, eigenvalue), **options).fun for start in starts)
    assert curve.distortion[0] + beta * curve.rate[0] == pytest.approx(found, abs=1e-6)


def test_dimensions_die_where_eigenvalue_over_noise_says():
    deaths = EIGENVALUES / NOISE_SCALE**2
    betas = np.sort(np.concatenate([deaths * 0.99, deaths * 1.01]))
    curve = gaussian_rate_distortion(betas, EIGENVALUES, NOISE_SCALE)
    assert curve.pruned_at(1e-12) == pytest.approx(deaths * 1.01)
    assert curve.is_monotone(0.0)
    assert curve.on_hull.sum() >= len(betas) - 1  # only one point may stand for rate zero


class Linear(AbstractLatentModel):
    """The optimum of the closed form as a model: one latent dimension per eigenvalue."""

    beta: jax.Array

    def _weight(self):
        return jnp.sqrt(jnp.maximum(jnp.asarray(EIGENVALUES, jnp.float32) - self.beta * NOISE_SCALE**2, 0.0))

    def prior(self, condition=None):
        return diagonal_normal(jnp.zeros(4), jnp.ones(4))

    def posterior(self, example):
        w = self._weight()
        precision = w**2 + self.beta * NOISE_SCALE**2
        scale = jnp.sqrt(self.beta * NOISE_SCALE**2 / precision)
        return diagonal_normal(w / precision * example.x, scale)

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(NOISE_SCALE)), self._weight() * z)


def test_the_curve_of_the_optimal_models_is_the_closed_form():
    betas = [0.5, 2.0, 8.0, 40.0]
    models = eqx.filter_vmap(Linear)(jnp.asarray(betas, jnp.float32))
    x = jr.normal(jr.key(0), (400, 4)) * jnp.sqrt(jnp.asarray(EIGENVALUES))
    x = x / jnp.sqrt(jnp.mean(x**2, axis=0)) * jnp.sqrt(jnp.asarray(EIGENVALUES))  # exact second moments
    batch = Example(x)
    measured = rate_distortion_curve(jr.key(1), models, betas, batch, num_samples=64)
    exact = gaussian_rate_distortion(betas, EIGENVALUES, NOISE_SCALE)
    assert measured.rate == pytest.approx(exact.rate, abs=1e-4)
    assert measured.kl_per_dimension == pytest.approx(exact.kl_per_dimension, abs=1e-4)
    assert measured.distortion == pytest.approx(exact.distortion, abs=0.05)
    assert measured.elbo == pytest.approx(-(measured.rate + measured.distortion))
    assert measured.is_monotone()
    one = jax.tree.map(lambda leaf: leaf[1], models)
    single = rate_distortion(jr.key(1), one, batch, num_samples=64)
    assert measured.rate[1] == pytest.approx(single.rate.value, rel=1e-5)
    assert measured.distortion[1] == pytest.approx(single.distortion.value, rel=1e-5)
    assert measured.rate_standard_error[1] == pytest.approx(single.rate.standard_error, rel=1e-4)
    with pytest.raises(RequestError, match="got 3 betas"):
        rate_distortion_curve(jr.key(1), models, betas[:3], batch)
