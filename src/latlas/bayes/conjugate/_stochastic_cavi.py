"""Stochastic variational inference for latent Dirichlet allocation: noisy natural gradients from minibatches."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax import lax
from jaxtyping import PRNGKeyArray, PyTree

from latlas.bayes.conjugate._cavi import ConjugateFit, check_finite
from latlas.bayes.conjugate._checks import check_count, check_positive
from latlas.bayes.conjugate._topics import (
    LatentDirichletAllocation,
    LatentDirichletPosterior,
    expected_words,
    fit_chunk,
    fit_documents,
)
from latlas.core import RequestError, check_key, numpy_in_float64, to_numpy

_PASSES = 20  # over each document of a minibatch, from where its last visit left it
_CHANGE = 1e-3


@numpy_in_float64
def stochastic_cavi(
    key: PRNGKeyArray,
    model: LatentDirichletAllocation,
    data: PyTree,
    *,
    num_epochs: int = 10,
    batch_size: int = 64,
    delay: float = 10.0,
    forgetting: float = 0.7,
    tolerance: float = 1e-4,
) -> ConjugateFit:
    r"""Stochastic variational inference: the topics after every minibatch of documents.

    Step t fits q of a minibatch's documents, works out what the topics' parameters would be if all documents were like
    these, and moves to $(1 - \rho_t)$ old $+\, \rho_t$ new with $\rho_t = (t + \text{delay})^{-\text{forgetting}}$: a
    step along the natural gradient of the ELBO. On large corpora the topics are good long before `cavi` has seen all
    documents a few times. A minibatch is noisy, so that the ELBO may fall. `elbo_history` has that of all documents at
    first and after each epoch, each document as it was last fitted; the last value, which is `elbo`, is of the final
    topics with every document fitted to them.

    Args:
        key: draws the start and the minibatches.
        model: topics and concentrations.
        data: counts, documents x words, sparse or dense.
        num_epochs: passes over all documents.
        batch_size: documents of a minibatch, at most as many as there are.
        delay: $\ge 0$; makes the first steps shorter.
        forgetting: in (0.5, 1]; how fast steps become shorter.
        tolerance: `converged` says whether the last epoch moved the ELBO by less than this share of it.

    Raises:
        RequestError: if an option or the data cannot be used.
        WorkError: if the ELBO is not finite.

    References:
        Hoffman, Blei, Wang, Paisley 2013, arXiv:1206.7051, figure 6; Hoffman, Blei, Bach 2010.
    """
    if not isinstance(model, LatentDirichletAllocation):
        raise RequestError(
            f"stochastic_cavi got a {type(model).__name__}; it fits LatentDirichletAllocation. Use cavi for others."
        )
    check_count(num_epochs=num_epochs, batch_size=batch_size)
    check_positive(tolerance=tolerance)
    if not 0.5 < forgetting <= 1 or not 0 <= delay < np.inf:
        raise RequestError(
            f"forgetting is {forgetting!r} and delay {delay!r}; forgetting must be above 0.5 and at most 1, delay at least "
            "0, or the steps do not converge."
        )
    check_key(key)
    problem = model.prepare(data)
    if batch_size > problem.documents.num_documents:
        raise RequestError(
            f"batch_size is {batch_size} and there are {problem.documents.num_documents} documents; give at most so many."
        )
    start_key, epochs_key = jr.split(key)
    start = model.start(start_key, problem)
    steps = (jnp.asarray(delay, float), jnp.asarray(forgetting, float))
    posterior, history = _run(model, problem, start, jr.split(epochs_key, num_epochs), batch_size, steps)
    posterior, elbo = _finish(model, problem, posterior)
    history = np.append(to_numpy(history), float(elbo))
    check_finite(history)
    moved = abs(history[-1] - history[-2]) < tolerance * abs(history[-1])
    return ConjugateFit(posterior, float(elbo), history, bool(moved), num_epochs, history[-1:])


@eqx.filter_jit
def _run(model, problem, start, keys, batch_size, steps):
    documents, (delay, forgetting) = problem.documents, steps
    length = documents.words.shape[-1]
    words, counts = documents.words.reshape(-1, length), documents.counts.reshape(-1, length)
    num_documents = documents.num_documents
    num_batches = -(-num_documents // batch_size)

    def step(state, batch):
        topics, gammas, t = state
        chunk = (words[batch], counts[batch], gammas[batch])
        fitted, expected = fit_chunk(
            chunk, expected_words(topics), jnp.asarray(problem.alpha), _PASSES, _CHANGE
        )
        target = jnp.zeros(topics.T.shape).at[chunk[0]].add(expected).T * (num_documents / batch_size)
        rate = (t + delay) ** -forgetting
        topics = (1 - rate) * topics + rate * (problem.eta + target)
        return (topics, gammas.at[batch].set(fitted), t + 1), None

    def epoch(state, key):
        order = jr.permutation(key, num_documents)
        # the last minibatch is filled up with documents of the first
        batches = jnp.resize(order, (num_batches, batch_size))
        (topics, gammas, t), _ = lax.scan(step, state, batches)
        return (topics, gammas, t), model.elbo(
            problem, LatentDirichletPosterior(topics, gammas, problem.alpha)
        )

    first = (start.topic_concentration, start.doc_concentration, jnp.asarray(1.0))
    (topics, gammas, _), history = lax.scan(epoch, first, keys)
    before = model.elbo(problem, start)
    return LatentDirichletPosterior(topics, gammas, problem.alpha), jnp.append(before, history[:-1])


@eqx.filter_jit
def _finish(model, problem, posterior):
    gammas = fit_documents(problem, posterior.topic_concentration)
    posterior = LatentDirichletPosterior(posterior.topic_concentration, gammas, problem.alpha)
    return posterior, model.elbo(problem, posterior)
