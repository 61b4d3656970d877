"""Documents as lists of words and counts, padded to one length: what compiled loops can read of a sparse matrix."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float, Int

from latlas.core import DataError

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
