"""The Gaussian mixture against closed forms, draws and scikit-learn."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, multigammaln
from sklearn.datasets import load_iris
from sklearn.mixture import BayesianGaussianMixture

from latlas.bayes import cavi
from latlas.bayes.conjugate import GaussianMixture, GaussianMixturePosterior, NormalWishart
from latlas.bayes.conjugate._mixture_weights import DirichletWeights
from latlas.core import DataError

IRIS = load_iris().data
LOC, RATE = IRIS.mean(0), np.cov(IRIS.T)
MODEL = GaussianMixture(3, 0.7, 0.5, 5.5, LOC, RATE)
OPTIONS = {"tolerance": 1e-9, "max_sweeps": 3000}


@pytest.fixture(scope="module")
def fit():
    return cavi(jr.key(0), MODEL, IRIS, num_starts=3, **OPTIONS)


@pytest.fixture(scope="module")
def draws(fit):
    return fit.sample(jr.key(1), 5000)


def log_evidence_of_one_gaussian(x, loc, kappa, nu, rate):
    """Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution", eq. 266."""
    rows, d = x.shape
    away = x.mean(0) - loc
    centred = x - x.mean(0)
    updated = rate + centred.T @ centred + kappa * rows / (kappa + rows) * np.outer(away, away)
    return (
        -rows * d / 2 * np.log(np.pi)
        + multigammaln((nu + rows) / 2, d)
        - multigammaln(nu / 2, d)
        + nu / 2 * np.linalg.slogdet(rate)[1]
        - (nu + rows) / 2 * np.linalg.slogdet(updated)[1]
        + d / 2 * np.log(kappa / (kappa + rows))
    )


def test_elbo_of_one_component_is_the_log_evidence():
    loc, rate = np.array([5.0, 3.0, 4.0, 1.0]), np.diag([1.0, 0.5, 2.0, 1.0]) + 0.1
    fit = cavi(jr.key(0), GaussianMixture(1, 0.5, 0.3, 6.5, loc, rate), IRIS)
    assert fit.elbo == pytest.approx(log_evidence_of_one_gaussian(IRIS, loc, 0.3, 6.5, rate), abs=1e-5)
    want = stats.multivariate_t(
        fit.posterior.components.loc[0],
        fit.posterior.components.rate_matrix[0] * (1 + 1 / 150.3) / (156.5 - 3),
        df=156.5 - 3,
    ).logpdf(IRIS[:5])
    np.testing.assert_allclose(fit.posterior.log_prob(IRIS[:5]), want, rtol=1e-9)


def log_normal(x, means, precisions):
    """Log N(x | mean, precision^-1), over leading axes."""
    away = x - means
    squared = np.einsum("...i,...ij,...j->...", away, precisions, away)
    return 0.5 * (np.linalg.slogdet(precisions)[1] - x.shape[-1] * np.log(2 * np.pi) - squared)


def log_density(draws, concentration, loc, kappa, nu, rate):
    """Log of Dirichlet x normal-Wishart densities of draws, by SciPy."""
    weights, means, precisions = draws["weights"], draws["means"], draws["precisions"]
    total = np.array([stats.dirichlet.logpdf(w / w.sum(), concentration) for w in weights])
    for k in range(len(loc)):
        total += stats.wishart.logpdf(np.moveaxis(precisions[:, k], 0, -1), nu[k], np.linalg.inv(rate[k]))
        total += log_normal(means[:, k], loc[k], kappa[k] * precisions[:, k])
    return total


def test_elbo_is_the_mean_of_log_ratios_of_draws(fit, draws):
    q, components = fit.posterior, fit.posterior.components
    z = q.predict_proba(IRIS)
    each = log_normal(IRIS[:, None], draws["means"][:, None], draws["precisions"][:, None])
    likelihood = np.sum(z * (each + np.log(draws["weights"])[:, None]), (1, 2)) - np.sum(
        z * np.log(z + 1e-300)
    )
    tiled = np.tile(LOC, (3, 1)), np.full(3, 0.5), np.full(3, 5.5), np.tile(RATE, (3, 1, 1))
    own = components.loc, components.mean_precision, components.degrees_of_freedom, components.rate_matrix
    ratios = likelihood + log_density(draws, np.full(3, 0.7), *tiled)
    ratios -= log_density(draws, q.weight_factor.concentration, *own)
    error = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - fit.elbo) < 4 * error
    assert error < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_elbo_never_falls_whatever_the_start(seed):
    found = cavi(jr.key(seed), MODEL, IRIS, num_starts=3, **OPTIONS)
    assert np.all(np.diff(found.elbo_history) > -1e-9 * np.abs(found.elbo_history[1:]))
    assert found.elbo_history[-1] > found.elbo_history[0] + 1


@pytest.mark.slow
def test_the_mixture_that_made_the_data_is_recovered():
    rng = np.random.default_rng(0)
    centres, sizes = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 5.0]]), [200, 300, 500]
    x = np.concatenate([c + rng.normal(size=(n, 2)) for c, n in zip(centres, sizes, strict=True)])
    labels = np.repeat(np.arange(3), sizes)
    fit = cavi(jr.key(0), GaussianMixture(6, 0.01), x, num_starts=3)
    used = np.argsort(-fit.posterior.weights.mean)[:3][::-1]
    assert np.sort(fit.posterior.weights.mean)[:3].max() < 0.01  # three of six are not needed
    np.testing.assert_allclose(fit.posterior.weights.mean[used], [0.2, 0.3, 0.5], atol=0.02)
    np.testing.assert_allclose(np.asarray(fit.posterior.means.mean)[used], centres, atol=0.25)
    assert np.mean(fit.posterior.predict(x) == used[labels]) > 0.97
    assert fit.elbo == fit.start_elbos.max()


def as_ours(theirs):
    """q of a fitted BayesianGaussianMixture, whose covariances are those of W^-1 over nu."""
    nu = theirs.degrees_of_freedom_
    factors = (theirs.means_, theirs.mean_precision_, nu, theirs.covariances_ * nu[:, None, None])
    with jax.enable_x64(True):
        weights = DirichletWeights(jnp.asarray(theirs.weight_concentration_))
        return GaussianMixturePosterior(weights, NormalWishart(*map(jnp.asarray, factors)))


@pytest.mark.slow
def test_scikit_learn_finds_no_higher_bound(fit):
    theirs = BayesianGaussianMixture(
        n_components=3,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=0.7,
        mean_precision_prior=0.5,
        degrees_of_freedom_prior=5.5,
        mean_prior=LOC,
        covariance_prior=RATE,
        reg_covar=0,
        tol=1e-12,
        max_iter=3000,
        n_init=3,
        random_state=0,
    ).fit(IRIS)
    with jax.enable_x64(True):
        bound = float(MODEL.elbo(MODEL.prepare(IRIS), as_ours(theirs)))
    assert fit.elbo >= bound - 1e-6
    assert fit.elbo == pytest.approx(bound, abs=1e-4)  # it is the same optimum here
    q, order, their_order = (
        fit.posterior,
        np.argsort(fit.posterior.components.loc[:, 0]),
        np.argsort(theirs.means_[:, 0]),
    )
    np.testing.assert_allclose(q.weights.mean[order], theirs.weights_[their_order], atol=1e-3)
    np.testing.assert_allclose(q.components.loc[order], theirs.means_[their_order], atol=2e-3)
    responsibilities = theirs.predict_proba(IRIS)[:, their_order]
    np.testing.assert_allclose(q.predict_proba(IRIS)[:, order], responsibilities, atol=1e-2)


def test_predictive_distribution_integrates_over_the_draws_of_q(fit, draws):
    x = IRIS[::50]
    each = log_normal(x[:, None], draws["means"][:, None], draws["precisions"][:, None])
    densities = np.exp(logsumexp(each + np.log(draws["weights"])[:, None], axis=-1))
    error = densities.std(0) / np.sqrt(len(densities))
    assert np.all(np.abs(densities.mean(0) - np.exp(fit.posterior.log_prob(x))) < 4 * error)
    np.testing.assert_allclose(fit.posterior.predictive.log_prob(x), fit.posterior.log_prob(x), rtol=1e-3)
    with pytest.raises(DataError, match="fitted on 4"):
        fit.posterior.predict(x[:, :2])


def check_moments(q, draws):
    for name, mean in (("weights", q.weights.mean), ("means", q.components.loc)):
        error = draws[name].std(0) / np.sqrt(len(draws[name]))
        assert np.all(np.abs(draws[name].mean(0) - np.asarray(mean)) < 4.5 * error), name
    np.testing.assert_allclose(draws["precisions"].mean(0), q.precisions.mean, rtol=0.05, atol=0.3)
    np.testing.assert_allclose(draws["means"].std(0) ** 2, q.means.variance, rtol=0.12)
    np.testing.assert_allclose(draws["weights"].sum(-1), 1.0)
    assert all(draw.dtype == np.float64 for draw in draws.values())


def test_draws_have_the_moments_of_their_factors(fit, draws):
    check_moments(fit.posterior, draws)


@pytest.mark.slow
def test_sticks_are_broken_as_well():
    fit = cavi(jr.key(0), GaussianMixture(3, weights="dirichlet_process"), IRIS, **OPTIONS)
    q, draws = fit.posterior, fit.sample(jr.key(1), 5000)
    assert np.all(np.diff(fit.elbo_history) > -1e-9 * np.abs(fit.elbo_history[1:]))
    assert np.all(np.isfinite(q.weights.log_prob(draws["weights"][:5])))
    errors = draws["weights"].std(0) / np.sqrt(5000)
    assert np.all(np.abs(draws["weights"].mean(0) - np.asarray(q.weight_factor.mean())) < 4.5 * errors)
    log_errors = np.log(draws["weights"]).std(0) / np.sqrt(5000)
    away = np.log(draws["weights"]).mean(0) - np.asarray(q.weight_factor.expected_log())
    assert np.all(np.abs(away) < 4.5 * log_errors)


def test_one_stick_is_not_broken():
    prepared = GaussianMixture(1, weights="dirichlet_process").prepare(IRIS)
    assert isinstance(prepared.prior.weight_factor, DirichletWeights)
