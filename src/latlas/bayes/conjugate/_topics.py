"""Latent Dirichlet allocation: its posterior, its exact bound, and coordinate ascent over all documents."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import scipy
from jax import lax
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._cavi import AbstractConjugateModel, AbstractConjugatePosterior
from latlas.bayes.conjugate._checks import check_count, check_positive
from latlas.core import DataError, RequestError, numpy_in_float64

_CHUNK_ENTRIES = 20_000  # words of documents that are worked on at once: bounds memory, and fits a cache


class Documents(eqx.Module):
    """Chunks of documents; padding has counts of zero, and so has a document that only fills its chunk.

    Attributes:
        words: numbers of the distinct words of each document.
        counts: how often each occurs.
        num_documents: without those that fill the last chunk.
        num_words: size of the vocabulary.
    """

    words: Int[Array, "chunks size length"]
    counts: Float[Array, "chunks size length"]
    num_documents: int
    num_words: int

    @property
    def lengths(self) -> Float[Array, " documents"]:
        """Words of each document, repetitions included."""
        return jnp.sum(self.counts, -1).reshape(-1)[: self.num_documents]


def read_documents(data: Any, *, num_words: int | None = None) -> Documents:
    """A matrix of counts (documents x words), sparse or dense, without ever making it dense.

    Args:
        data: anything that `scipy.sparse.csr_array` takes.
        num_words: columns that it must have.

    Raises:
        DataError: if it is no matrix of whole counts, or empty.
    """
    try:
        matrix = scipy.sparse.csr_array(data, dtype=np.float64, copy=True)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"data cannot be read as a matrix of counts ({error}); give documents x words, sparse or dense."
        ) from error
    if matrix.ndim != 2:
        raise DataError(f"data has the shape {matrix.shape}; give a matrix, documents x words.")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    wrong = ~np.isfinite(matrix.data) | (matrix.data < 0) | (matrix.data != np.round(matrix.data))
    if np.any(wrong):
        raise DataError(
            f"data has {np.sum(wrong)} entries such as {matrix.data[wrong][0]:g}; give whole counts from 0 (no shares "
            "and no tf-idf weights)."
        )
    if matrix.nnz == 0:
        raise DataError(f"data has {matrix.shape[0]} documents and not one word; give at least one.")
    if num_words is not None and matrix.shape[1] != num_words:
        raise DataError(
            f"data has {matrix.shape[1]} words and the topics {num_words}; give the same vocabulary."
        )
    return _padded(matrix)


def _padded(matrix):
    rows, columns = matrix.shape
    lengths = np.diff(matrix.indptr)
    length = int(lengths.max())
    size = int(np.clip(_CHUNK_ENTRIES // length, 1, rows))
    chunks = -(-rows // size)
    words = np.zeros((chunks * size, length), np.int32)
    counts = np.zeros((chunks * size, length))
    places = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], lengths)
    owners = np.repeat(np.arange(rows), lengths)
    words[owners, places], counts[owners, places] = matrix.indices, matrix.data
    shape = (chunks, size, length)
    return Documents(jnp.asarray(words.reshape(shape)), jnp.asarray(counts.reshape(shape)), rows, columns)


_SWEEP_PASSES = 10  # over a document in one sweep, from where the last sweep left it
_FULL_PASSES = 200  # over a document whose topics are given
_CHANGE = 1e-3  # of a document's parameters, on average, at which its passes end
_FULL_CHANGE = 1e-3
_SMALLEST = 1 / 300  # a concentration below it would make exp(E[log ...]) underflow


class LatentDirichletPosterior(AbstractConjugatePosterior):
    """q of latent Dirichlet allocation: a Dirichlet per topic and one per document.

    Topics are in no order: another start may name them otherwise.

    Attributes:
        topic_concentration: parameters of the topics.
        doc_concentration: parameters of the documents.
        prior_concentration: of each topic in a document, before its words are seen.
    """

    topic_concentration: Float[Array, "topics words"]
    doc_concentration: Float[Array, "documents topics"]
    prior_concentration: Float[Array | np.ndarray, ""]

    @property
    @numpy_in_float64
    def topics(self) -> dist.Dirichlet:
        """q of the words' probabilities in each topic, batch shape `(num_topics,)`."""
        return dist.Dirichlet(self.topic_concentration)

    @property
    @numpy_in_float64
    def proportions(self) -> dist.Dirichlet:
        """q of the topics' shares in each document, batch shape `(documents,)`."""
        return dist.Dirichlet(self.doc_concentration)

    @numpy_in_float64
    def sample(self, key: PRNGKeyArray, num_samples: int) -> dict[str, np.ndarray]:
        """Draws of `topics` and `proportions`, each with a leading axis of the draws.

        Args:
            key: draws.
            num_samples: how many, at least 1.
        """
        topic_key, document_key = jr.split(key)
        topics = dist.Dirichlet(self.topic_concentration).sample(topic_key, (num_samples,))
        proportions = dist.Dirichlet(self.doc_concentration).sample(document_key, (num_samples,))
        return {"topics": np.asarray(topics), "proportions": np.asarray(proportions)}

    @numpy_in_float64
    def transform(self, counts: PyTree) -> Float[np.ndarray, "documents topics"]:
        """Expected shares of the topics in other documents, with the topics as they are.

        Args:
            counts: documents x words, sparse or dense, over the fitted vocabulary.

        Raises:
            DataError: if they are no whole counts, or of another vocabulary.
        """
        documents = read_documents(counts, num_words=self.topic_concentration.shape[1])
        fitted = fit_documents(
            Corpus(documents, jnp.asarray(self.prior_concentration)), jnp.asarray(self.topic_concentration)
        )
        return np.asarray(fitted / jnp.sum(fitted, -1, keepdims=True))


class LatentDirichletAllocation(AbstractConjugateModel):
    r"""Topics of documents (Blei, Ng, Jordan 2003), with the topics unknown as well.

    $\beta_k \sim \mathrm{Dirichlet}(\eta)$ over words, $\theta_d \sim \mathrm{Dirichlet}(\alpha)$ over topics, and each
    word of document d comes from topic $z \sim \theta_d$; $q = \prod_k q(\beta_k) \prod_d q(\theta_d) \prod q(z)$.
    Data are counts, documents x words, as a scipy sparse matrix or dense. The ELBO is of the words in their order, so that
    it has no multinomial coefficients. With one topic it is the log evidence. `cavi` goes through all documents in a
    sweep, `stochastic_cavi` through minibatches.

    Attributes:
        num_topics: K, at least 1.
        doc_concentration: $\alpha$; default 1 / K.
        topic_concentration: $\eta$; default 1 / K.

    References:
        Hoffman, Blei, Wang, Paisley 2013, arXiv:1206.7051, figure 5.
    """

    num_topics: int
    doc_concentration: float | None = None
    topic_concentration: float | None = None

    def __check_init__(self):
        check_count(num_topics=self.num_topics)
        pairs = {"doc_concentration": self.doc_concentration, "topic_concentration": self.topic_concentration}
        check_positive(**pairs)
        for name, value in pairs.items():
            used = 1 / self.num_topics if value is None else value
            if used < _SMALLEST:
                raise RequestError(
                    f"{name} is {used:g}{' by default' if value is None else ''}; give at least 1/300 (0.00334), below "
                    "which probabilities of words underflow."
                )

    @numpy_in_float64
    def prepare(self, data: PyTree) -> PyTree:
        """The documents as padded lists of words, and the two concentrations.

        Args:
            data: counts, documents x words.

        Raises:
            DataError: if they are not whole counts from 0, or there are none.
        """
        default = 1 / self.num_topics
        alpha = default if self.doc_concentration is None else self.doc_concentration
        eta = default if self.topic_concentration is None else self.topic_concentration
        return Corpus(read_documents(data), jnp.asarray(alpha, float), jnp.asarray(eta, float))

    def start(self, key: PRNGKeyArray, problem: PyTree) -> LatentDirichletPosterior:
        """Topics with random parameters near 1, and documents evenly of all topics.

        Args:
            key: draws the topics.
            problem: from `prepare`.
        """
        documents = problem.documents
        shape = (self.num_topics, documents.num_words)
        return LatentDirichletPosterior(
            jr.uniform(key, shape, float, 0.5, 1.5), even_documents(problem, self.num_topics), problem.alpha
        )

    def sweep(self, problem: PyTree, posterior: LatentDirichletPosterior) -> LatentDirichletPosterior:
        """The documents given the topics, in a few passes from where they stand; then the topics.

        Args:
            problem: from `prepare`.
            posterior: the current q.
        """
        words = expected_words(posterior.topic_concentration)
        gammas, counts = _through_documents(
            problem, posterior.doc_concentration, words, _SWEEP_PASSES, _CHANGE
        )
        return LatentDirichletPosterior(problem.eta + counts, gammas, problem.alpha)

    def elbo(self, problem: PyTree, posterior: LatentDirichletPosterior) -> Float[Array, ""]:
        """The ELBO with the optimal q(z), in nats, of all words of all documents.

        Args:
            problem: from `prepare`.
            posterior: the q in question.
        """
        documents, gammas = problem.documents, posterior.doc_concentration
        log_words, log_topics = expected_log(posterior.topic_concentration), expected_log(gammas)
        largest = jnp.max(log_words, 0)
        likelihood = lax.map(
            lambda chunk: jnp.sum(chunk[1] * jnp.log(_mixed(chunk, jnp.exp(log_words - largest).T)[0])),
            (documents.words, documents.counts, _chunked(documents, gammas, problem.alpha)),
        )
        log_shares = jnp.max(log_topics, -1) @ documents.lengths
        totals = jnp.zeros(documents.num_words).at[documents.words].add(documents.counts)
        kl = _kl_to_symmetric(posterior.topic_concentration, log_words, problem.eta)
        kl += _kl_to_symmetric(gammas, log_topics, problem.alpha)
        return jnp.sum(likelihood) + log_shares + totals @ largest - kl


class Corpus(eqx.Module):
    """Documents and the concentrations of the priors.

    Attributes:
        documents: padded.
        alpha: of topics in a document.
        eta: of words in a topic; `None` where topics are given.
    """

    documents: Documents
    alpha: Float[Array, ""]
    eta: Float[Array, ""] | None = None


def expected_log(concentration: Float[Array, "rows entries"]) -> Float[Array, "rows entries"]:
    """E[log p] of Dirichlet rows."""
    return digamma(concentration) - digamma(jnp.sum(concentration, -1, keepdims=True))


def expected_words(topic_concentration: Float[Array, "topics words"]) -> Float[Array, "words topics"]:
    """exp E[log probability of a word], over its largest among the topics: all that responsibilities need."""
    log_words = expected_log(topic_concentration)
    return jnp.exp(log_words - jnp.max(log_words, 0)).T


def even_documents(problem: "Corpus", num_topics: int) -> Float[Array, "documents topics"]:
    """Parameters of documents that have as much of each topic."""
    return problem.alpha + jnp.tile(problem.documents.lengths[:, None] / num_topics, (1, num_topics))


@eqx.filter_jit
def fit_documents(
    problem: "Corpus", topic_concentration: Float[Array, "topics words"]
) -> Float[Array, "documents topics"]:
    """Parameters of documents, to convergence, with the topics as they are."""
    words = expected_words(topic_concentration)
    even = even_documents(problem, len(topic_concentration))
    return _through_documents(problem, even, words, _FULL_PASSES, _FULL_CHANGE)[0]


def fit_chunk(
    chunk: tuple[Int[Array, "size length"], Float[Array, "size length"], Float[Array, "size topics"]],
    words: Float[Array, "words topics"],
    alpha: Float[Array, ""],
    num_passes: int,
    change: float,
) -> tuple[Float[Array, "size topics"], Float[Array, "size length topics"]]:
    """Coordinate ascent over some documents: their parameters, and expected counts of each word in each topic."""
    numbers, counts, gammas = chunk
    own = words[numbers]

    def body(state):
        gammas, _, step = state
        shares = _shares(gammas)
        mixed = jnp.einsum("slk,sk->sl", own, shares)
        new = alpha + shares * jnp.einsum("slk,sl->sk", own, counts / mixed)
        return new, jnp.max(jnp.mean(jnp.abs(new - gammas), -1)), step + 1

    def going(state):
        return (state[1] > change) & (state[2] < num_passes)

    gammas, _, _ = lax.while_loop(going, body, (gammas, jnp.asarray(jnp.inf), 0))
    shares = _shares(gammas)
    ratio = counts / jnp.einsum("slk,sk->sl", own, shares)
    return gammas, own * shares[:, None] * ratio[..., None]


def _through_documents(problem, gammas, words, num_passes, change):
    documents, alpha = problem.documents, jnp.asarray(problem.alpha)

    def one(counts_of_topics, chunk):
        fitted, expected = fit_chunk(chunk, words, alpha, num_passes, change)
        return counts_of_topics.at[chunk[0]].add(expected), fitted

    chunks = (documents.words, documents.counts, _chunked(documents, gammas, alpha))
    counts, fitted = lax.scan(one, jnp.zeros_like(words), chunks)
    return fitted.reshape(-1, gammas.shape[1])[: len(gammas)], counts.T


def _chunked(documents, gammas, alpha):
    chunks, size, _ = documents.counts.shape
    filled = jnp.full((chunks * size, gammas.shape[1]), alpha).at[: len(gammas)].set(gammas)
    return filled.reshape(chunks, size, -1)


def _shares(gammas):
    log_shares = digamma(gammas)
    return jnp.exp(log_shares - jnp.max(log_shares, -1, keepdims=True))


def _mixed(chunk, words):
    numbers, _, gammas = chunk
    return jnp.einsum("slk,sk->sl", words[numbers], _shares(gammas)), gammas


def _kl_to_symmetric(concentration, log_probs, symmetric):
    """Sum of KL(Dirichlet(concentration) || Dirichlet(symmetric, ...)) over rows, given E[log p]."""
    rows, entries = concentration.shape
    normalisers = jnp.sum(gammaln(jnp.sum(concentration, -1))) - jnp.sum(gammaln(concentration))
    prior = gammaln(entries * symmetric) - entries * gammaln(symmetric)
    return normalisers - rows * prior + jnp.sum((concentration - symmetric) * log_probs)
