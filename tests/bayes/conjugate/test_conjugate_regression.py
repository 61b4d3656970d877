"""Linear regressions against closed forms, and their bounds against draws."""

import jax
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from latlas.bayes import cavi
from latlas.bayes.conjugate import LinearRegression, NormalGammaRegression
from latlas.core import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)) @ RNG.normal(size=(4, 4))
Y = X @ np.array([1.0, -0.5, 0.0, 2.0]) + 0.3 * RNG.normal(size=30)


@pytest.mark.parametrize("rows", [30, 3])
def test_elbo_is_the_log_evidence_where_the_family_has_the_posterior(rows):
    x, y = X[:rows], Y[:rows]
    model = NormalGammaRegression(2.0, 1.5, 0.7)
    fit = cavi(jr.key(0), model, (x, y))
    scale = 0.7 / 1.5 * (np.eye(rows) + x @ x.T / 2)
    want = stats.multivariate_t(np.zeros(rows), scale, df=3).logpdf(y)
    assert fit.elbo == pytest.approx(want, abs=1e-5)
    assert model.log_evidence((x, y)) == pytest.approx(want, abs=1e-9)
    assert fit.converged
    assert fit.num_sweeps <= 2


def test_weights_of_the_normal_gamma_are_a_student_t():
    fit = cavi(jr.key(0), NormalGammaRegression(2.0, 1.5, 0.7), (X[:6], Y[:6]))
    draws = fit.sample(jr.key(1), 5000)
    want = fit.posterior.weights
    for axis in range(4):
        found = stats.kstest(
            draws["weights"][:, axis],
            stats.t(want.df, want.loc[axis], np.sqrt((want.scale_tril @ want.scale_tril.T)[axis, axis])).cdf,
        )
        assert found.pvalue > 1e-3
    assert set(draws) == {"weights", "noise_precision"}


def log_joint_minus_log_q(model, fit, draws):
    """Log p(y, w, tau, alpha) - log q of draws, written out once more with NumPyro."""
    w, tau, alpha = draws["weights"], draws["noise_precision"], draws["weight_precision"]
    q = fit.posterior
    per_weight = alpha if model.ard else np.tile(alpha[:, None], (1, w.shape[1]))
    log_p = dist.Normal(w @ X.T, tau[:, None] ** -0.5).log_prob(Y).sum(-1)
    log_p += dist.Normal(0, per_weight**-0.5).log_prob(w).sum(-1)
    log_p += dist.Gamma(model.noise_concentration, model.noise_rate).log_prob(tau)
    precision = dist.Gamma(model.weight_concentration, model.weight_rate).log_prob(alpha)
    log_q = q.weights.log_prob(w) + q.noise_precision.log_prob(tau)
    return np.asarray(
        log_p - log_q + (precision - q.weight_precision.log_prob(alpha)).reshape(len(w), -1).sum(-1)
    )


@pytest.mark.parametrize("ard", [False, True])
def test_elbo_is_the_mean_of_log_ratios_of_draws(ard):
    model = LinearRegression(2.0, 0.5, 1.5, 1.0, ard=ard)
    fit = cavi(jr.key(0), model, (X, Y))
    with jax.enable_x64(True):
        ratios = log_joint_minus_log_q(model, fit, fit.sample(jr.key(1), 5000))
    assert abs(ratios.mean() - fit.elbo) < 4 * ratios.std() / np.sqrt(len(ratios))
    assert ratios.std() / np.sqrt(len(ratios)) < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_elbo_never_falls_even_with_fewer_rows_than_features(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 8)), rng.normal(size=5)
    fit = cavi(jr.key(seed), LinearRegression(ard=True), (x, y), max_sweeps=50)
    assert np.all(np.diff(fit.elbo_history) > -1e-9 * np.abs(fit.elbo_history[1:]))


@pytest.mark.slow
def test_ard_switches_off_what_does_not_matter():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 6))
    fit = cavi(jr.key(0), LinearRegression(ard=True), (x, x[:, 0] + 0.1 * rng.normal(size=200)))
    means = np.abs(fit.posterior.weights.mean)
    assert means[0] > 0.9
    assert means[1:].max() < 0.02
    assert fit.posterior.weight_precision.mean[1:].min() > 50


def test_predictive_draws_have_the_moments_of_the_student_t():
    model = NormalGammaRegression(2.0, 1.5, 0.7)
    fit = cavi(jr.key(0), model, (X, Y))
    q, new = fit.posterior, X[:2] + 0.5
    draws = q.sample_predictive(jr.key(1), new, 5000)
    covariance = np.linalg.inv(X.T @ X + 2 * np.eye(4))
    degrees = 2 * q.noise_concentration
    variance = q.noise_rate / q.noise_concentration * (1 + np.einsum("ij,jk,ik->i", new, covariance, new))
    sd = np.sqrt(variance * degrees / (degrees - 2))
    assert draws.shape == (5000, 2)
    assert np.all(np.abs(draws.mean(0) - new @ q.loc) < 4 * sd / np.sqrt(5000))
    np.testing.assert_allclose(draws.std(0), sd, rtol=0.06)
    with pytest.raises(DataError, match="fitted on 4"):
        q.sample_predictive(jr.key(1), np.ones((2, 3)), 5)
