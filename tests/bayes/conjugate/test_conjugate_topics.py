"""Latent Dirichlet allocation against closed forms, draws and scikit-learn."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import digamma, gammaln, logsumexp
from sklearn.decomposition import LatentDirichletAllocation as TheirLatentDirichletAllocation

from latlas.bayes import cavi, stochastic_cavi
from latlas.bayes.conjugate import LatentDirichletAllocation, LatentDirichletPosterior
from latlas.core import DataError, RequestError


def documents(seed, num_documents=60, num_words=30, num_topics=3, length=100):
    """Counts of a known allocation, and its topics."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(num_words, 0.1), num_topics)
    shares = rng.dirichlet(np.full(num_topics, 0.3), num_documents)
    counts = [rng.multinomial(rng.poisson(length), p) for p in shares @ topics]
    counts[5] = np.zeros(num_words, int)
    return sp.csr_array(np.array(counts, float)), topics


COUNTS, TOPICS = documents(0)  # one of them empty
MODEL = LatentDirichletAllocation(3, 0.4, 0.2)


@pytest.fixture(scope="module")
def fit():
    return cavi(jr.key(0), MODEL, COUNTS, num_starts=3, tolerance=1e-4, max_sweeps=300)


def log_evidence_of_one_topic(counts, eta):
    totals = counts.sum(0)
    words = len(totals)
    normaliser = gammaln(words * eta) - gammaln(words * eta + totals.sum())
    return normaliser + np.sum(gammaln(eta + totals) - gammaln(eta))


def test_elbo_of_one_topic_is_the_log_evidence():
    fit = cavi(jr.key(0), LatentDirichletAllocation(1, 0.7, 0.3), COUNTS)
    assert fit.elbo == pytest.approx(log_evidence_of_one_topic(COUNTS, 0.3), abs=1e-5)


def log_dirichlet(p, concentration):
    """Log densities of rows, summed over them."""
    normaliser = gammaln(concentration.sum(-1)) - gammaln(concentration).sum(-1)
    return np.sum(normaliser + ((concentration - 1) * np.log(p)).sum(-1), -1)


def test_elbo_is_the_mean_of_log_ratios_of_draws(fit):
    rng, dense, q = np.random.default_rng(0), COUNTS.toarray(), fit.posterior
    log_ratios, expected, logs = np.zeros(2000), [], []
    for own, prior in ((q.topic_concentration, 0.2), (q.doc_concentration, 0.4)):
        draws = np.maximum(rng.gamma(own, size=(2000, *own.shape)), 1e-290)
        draws /= draws.sum(-1, keepdims=True)
        log_ratios += log_dirichlet(draws, np.full(own.shape, prior)) - log_dirichlet(draws, own)
        expected.append(digamma(own) - digamma(own.sum(-1, keepdims=True)))
        logs.append(np.log(draws))
    # the optimal q(z): exp of expected logarithms
    logits = expected[1][:, None] + expected[0].T
    z = np.exp(logits - logsumexp(logits, -1, keepdims=True))
    weights = dense[..., None] * z
    likelihood = np.einsum("dwk,skw->s", weights, logs[0]) + np.einsum("dwk,sdk->s", weights, logs[1])
    ratios = log_ratios + likelihood - np.sum(weights * np.log(z + 1e-300))
    error = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - fit.elbo) < 4 * error
    assert error < 0.5


@pytest.mark.slow
def test_draws_have_the_moments_of_their_factors(fit):
    draws = fit.sample(jr.key(1), 2000)
    for name in ("topics", "proportions"):
        factor = getattr(fit.posterior, name)
        error = np.sqrt(np.asarray(factor.variance) / 2000)
        assert np.all(np.abs(draws[name].mean(0) - np.asarray(factor.mean)) < 5 * error)


def test_elbo_never_falls_and_starts_differ(fit):
    assert np.all(np.diff(fit.elbo_history) > -1e-9 * np.abs(fit.elbo_history[1:]))
    assert fit.elbo == fit.start_elbos.max()
    assert np.ptp(fit.start_elbos) > 0


def test_topics_that_made_the_documents_are_recovered(fit):
    found = np.asarray(fit.posterior.topics.mean)
    distances = np.abs(found[:, None] - TOPICS[None]).sum(-1) / 2
    assert np.all(distances.min(0) < 0.15)
    assert sorted(distances.argmin(0)) == [0, 1, 2]


def test_an_empty_document_keeps_its_prior(fit):
    np.testing.assert_allclose(fit.posterior.doc_concentration[5], 0.4)


def test_bound_is_scikit_learns_at_its_own_parameters_and_no_lower_elsewhere(fit):
    theirs = TheirLatentDirichletAllocation(
        3, doc_topic_prior=0.4, topic_word_prior=0.2, max_iter=100, max_doc_update_iter=1000,
        mean_change_tol=1e-8, random_state=0
    ).fit(COUNTS)  # fmt: skip
    with jax.enable_x64(True):
        shares = theirs._unnormalized_transform(COUNTS)
        q = LatentDirichletPosterior(jnp.asarray(theirs.components_), jnp.asarray(shares), jnp.asarray(0.4))
        bound = float(MODEL.elbo(MODEL.prepare(COUNTS), q))
    assert bound == pytest.approx(theirs.score(COUNTS), abs=1e-4)
    assert fit.elbo >= bound - 1e-3
    np.testing.assert_allclose(q.transform(COUNTS), theirs.transform(COUNTS), atol=2e-3)


@pytest.mark.slow
def test_minibatches_come_near_the_bound_of_all_documents(fit):
    found = stochastic_cavi(jr.key(0), MODEL, COUNTS, num_epochs=30, batch_size=16, delay=1.0)
    assert found.elbo > found.elbo_history[0]
    assert found.elbo > fit.start_elbos.min() - 0.02 * abs(fit.elbo)
    with jax.enable_x64(True):
        problem = MODEL.prepare(COUNTS)
        q = jax.tree.map(jnp.asarray, found.posterior)
        # the bound that is told is that of the posterior that is given, and a whole sweep goes on from there
        assert float(MODEL.elbo(problem, q)) == pytest.approx(found.elbo, rel=1e-12)
        assert found.elbo < float(MODEL.elbo(problem, MODEL.sweep(problem, q))) < fit.elbo
    assert found.elbo_history.shape == (31,)
    assert found.posterior.proportions.mean.shape == (60, 3)


def test_a_step_of_all_documents_at_full_length_is_a_sweep():
    model = LatentDirichletAllocation(1, 0.7, 0.3)
    found = stochastic_cavi(jr.key(0), model, COUNTS, num_epochs=1, batch_size=60, delay=0.0, forgetting=1.0)
    assert found.elbo == pytest.approx(log_evidence_of_one_topic(COUNTS, 0.3), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"forgetting": 0.5}, "forgetting is 0.5"),
        ({"delay": -1.0}, "delay -1.0"),
        ({"batch_size": 61}, "60 documents"),
        ({"num_epochs": 0}, "num_epochs is 0"),
    ],
)
def test_wrong_options_of_minibatches_are_refused(options, words):
    with pytest.raises(RequestError, match=words):
        stochastic_cavi(jr.key(0), MODEL, COUNTS, **options)


def test_another_vocabulary_is_refused(fit):
    with pytest.raises(DataError, match="the same vocabulary"):
        fit.posterior.transform(COUNTS[:, :20])
