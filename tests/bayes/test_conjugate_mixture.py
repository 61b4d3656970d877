"""The Gaussian mixture against closed forms, draws and scikit-learn."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats
from scipy.special import logsumexp, multigammaln
from sklearn.datasets import load_iris
from sklearn.mixture import BayesianGaussianMixture

from latlas.bayes import GaussianMixture, GaussianMixturePosterior, NormalWishart, cavi
from latlas.bayes._conjugate_weights import DirichletWeights
from latlas.core import DataError

IRIS = load_iris().data


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


@pytest.mark.parametrize("weights", ["dirichlet", "dirichlet_process"])
def test_elbo_of_one_component_is_the_log_evidence(weights):
    loc, rate = np.array([5.0, 3.0, 4.0, 1.0]), np.diag([1.0, 0.5, 2.0, 1.0]) + 0.1
    fit = cavi(jr.key(0), GaussianMixture(1, 0.5, 0.3, 6.5, loc, rate, weights), IRIS)
    assert fit.elbo == pytest.approx(log_evidence_of_one_gaussian(IRIS, loc, 0.3, 6.5, rate), abs=1e-5)
    want = stats.multivariate_t(
        fit.posterior.components.loc[0],
        fit.posterior.components.rate_matrix[0] * (1 + 1 / 150.3) / (156.5 - 3),
        df=156.5 - 3,
    ).logpdf(IRIS[:5])
    np.testing.assert_allclose(fit.posterior.log_prob(IRIS[:5]), want, rtol=1e-9)


def log_p_minus_log_q(fit, x, prior, draws):
    """Log p(x, pi, mu, Lambda, z) - log q with z summed out of p and q as q(z) has it, written out with NumPyro."""
    weights, means, precisions = draws["weights"], draws["means"], draws["precisions"]

    def log_density(pi_concentration, loc, kappa, nu, rate):
        spread = jnp.linalg.inv(kappa[:, None, None] * precisions)
        return (
            dist.Dirichlet(pi_concentration).log_prob(weights)
            + dist.Wishart(nu, rate_matrix=rate).log_prob(precisions).sum(-1)
            + dist.MultivariateNormal(loc, spread).log_prob(means).sum(-1)
        )

    responsibilities = fit.posterior.predict_proba(x)
    covariances = jnp.linalg.inv(precisions)[:, None]
    rows = (
        dist.MultivariateNormal(means[:, None], covariances).log_prob(x[:, None]) + jnp.log(weights)[:, None]
    )
    entropy = -(responsibilities * np.log(responsibilities + 1e-300)).sum()
    likelihood = (responsibilities * rows).sum((-2, -1)) + entropy
    q, components = fit.posterior, fit.posterior.components
    own = (q.weights.concentration, components.loc, components.mean_precision, components.degrees_of_freedom)
    return np.asarray(likelihood + log_density(*prior) - log_density(*own, components.rate_matrix))


@pytest.mark.parametrize("max_sweeps", [1, 200])
def test_elbo_is_the_mean_of_log_ratios_of_draws(max_sweeps):
    x = IRIS[::5, :2]
    loc, rate = x.mean(0), np.cov(x.T)
    fit = cavi(jr.key(0), GaussianMixture(2, 0.7, 0.5, 3.5, loc, rate), x, max_sweeps=max_sweeps)
    prior = np.full(2, 0.7), np.tile(loc, (2, 1)), np.full(2, 0.5), np.full(2, 3.5), np.tile(rate, (2, 1, 1))
    with jax.enable_x64(True):
        ratios = log_p_minus_log_q(fit, x, prior, fit.sample(jr.key(1), 5000))
    error = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - fit.elbo) < 4 * error
    assert error < 0.1


@pytest.mark.parametrize("weights", ["dirichlet", "dirichlet_process"])
def test_elbo_never_falls_whatever_the_start(weights):
    for seed in range(3):
        fit = cavi(jr.key(seed), GaussianMixture(6, weights=weights), IRIS, max_sweeps=200)
        assert np.all(np.diff(fit.elbo_history) > -1e-9 * np.abs(fit.elbo_history[1:]))
        assert fit.elbo_history[-1] > fit.elbo_history[0] + 1


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
    components = NormalWishart(
        theirs.means_, theirs.mean_precision_, nu, theirs.covariances_ * nu[:, None, None]
    )
    return GaussianMixturePosterior(DirichletWeights(theirs.weight_concentration_), components)


@pytest.mark.parametrize("num_components", [2, 3])
def test_scikit_learn_finds_no_higher_bound(num_components):
    theirs = BayesianGaussianMixture(
        n_components=num_components,
        weight_concentration_prior_type="dirichlet_distribution",
        reg_covar=0,
        tol=1e-12,
        max_iter=3000,
        random_state=0,
    ).fit(IRIS)
    model = GaussianMixture(num_components)
    fit = cavi(jr.key(0), model, IRIS, num_starts=3, tolerance=1e-9, max_sweeps=3000)
    with jax.enable_x64(True):
        bound = float(model.elbo(model.prepare(IRIS), as_ours(theirs)))
    assert fit.elbo >= bound - 1e-6
    assert fit.elbo == pytest.approx(bound, abs=1e-4)  # it is the same optimum here
    order = np.argsort(fit.posterior.components.loc[:, 0])
    their_order = np.argsort(theirs.means_[:, 0])
    np.testing.assert_allclose(fit.posterior.weights.mean[order], theirs.weights_[their_order], atol=1e-3)
    np.testing.assert_allclose(fit.posterior.components.loc[order], theirs.means_[their_order], atol=2e-3)
    np.testing.assert_allclose(
        fit.posterior.predict_proba(IRIS)[:, order], theirs.predict_proba(IRIS)[:, their_order], atol=1e-2
    )


def test_predictive_distribution_integrates_over_the_draws_of_q():
    fit = cavi(jr.key(0), GaussianMixture(2), IRIS[:, :2])
    x, draws = IRIS[::50, :2], fit.sample(jr.key(2), 20_000)
    with jax.enable_x64(True):
        covariances = jnp.linalg.inv(draws["precisions"])
        rows = dist.MultivariateNormal(draws["means"][:, None], covariances[:, None]).log_prob(x[:, None])
    densities = np.exp(logsumexp(np.asarray(rows) + np.log(draws["weights"])[:, None], axis=-1))
    error = densities.std(0) / np.sqrt(len(densities))
    assert np.all(np.abs(densities.mean(0) - np.exp(fit.posterior.log_prob(x))) < 4 * error)
    np.testing.assert_allclose(fit.posterior.predictive.log_prob(x), fit.posterior.log_prob(x), rtol=1e-3)
    with pytest.raises(DataError, match="fitted on 2"):
        fit.posterior.predict(IRIS)


def test_draws_have_the_moments_of_their_factors():
    fit = cavi(jr.key(0), GaussianMixture(3, weights="dirichlet_process"), IRIS)
    draws = fit.sample(jr.key(1), 20_000)
    q = fit.posterior
    for name, mean in (("weights", q.weight_factor.mean()), ("means", q.components.loc)):
        error = draws[name].std(0) / np.sqrt(20_000)
        assert np.all(np.abs(draws[name].mean(0) - np.asarray(mean)) < 4.5 * error + 1e-12), name
    np.testing.assert_allclose(draws["precisions"].mean(0), q.precisions.mean, rtol=0.05, atol=0.3)
    np.testing.assert_allclose(draws["means"].std(0) ** 2, q.means.variance, rtol=0.06)
    np.testing.assert_allclose(draws["weights"].sum(-1), 1.0)
    assert np.all(np.isfinite(q.weights.log_prob(draws["weights"][:5])))
    assert all(draw.dtype == np.float64 for draw in draws.values())
