"""Minibatches for plain functions: a log prior, a log likelihood of rows, and data that may be larger than memory."""

from collections.abc import Callable, Iterator, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform

from latlas.bayes.targets._arguments import Arguments
from latlas.bayes.targets._indices import refuse_indices_beyond
from latlas.bayes.targets._log_density import from_log_density
from latlas.bayes.targets._stochastic import AbstractStochasticTarget
from latlas.bayes.targets._surroundings import with_own_surroundings
from latlas.bayes.targets._target import DensityTarget, Suspects
from latlas.core import DataError, LatlasError, RequestError, in_float64
from latlas.data import Rows

RESIDENT_BYTES = 1 << 29  # up to here data are kept on the device as well, for exact evaluations
CHUNK = 1 << 14  # rows of an exact evaluation that are computed at a time


class MinibatchTarget(AbstractStochasticTarget):
    """log prior + sum over rows of the log likelihood; `minibatched` makes it.

    Attributes:
        prior: a target of its own, which has the parameters, their bijections and the start.
        log_likelihood: of the parameters and rows, one number a row.
        source: where rows are read.
        batch_size: rows of a batch.
        num_rows: of the data.
        resident: all rows on the device; None where they are too large.
    """

    prior: DensityTarget
    log_likelihood: Callable = eqx.field(static=True)
    source: Rows = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    num_rows: Scalar
    resident: PyTree[Array] | None

    @property
    def dim(self) -> int:
        """Unconstrained entries."""
        return self.prior.dim

    @property
    def start(self) -> Float[Array, " n"]:
        """Unconstrained parameters that the user began with."""
        return self.prior.start

    @property
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter name -> shape of its unconstrained entries."""
        return self.prior.free_shapes

    @property
    def is_exact(self) -> bool:
        """Whether the rows lie on the device."""
        return self.resident is not None

    def draw_batch(self, generator: np.random.Generator) -> PyTree[np.ndarray]:
        """Rows drawn without replacement."""
        numbers = generator.choice(int(self.num_rows), self.batch_size, replace=False, shuffle=False)
        return self.source.read(np.sort(numbers))

    def sweep(self) -> Iterator[tuple[PyTree[np.ndarray], float]]:
        """The rows in order, some thousand at a time; then none of them, for the rest of the prior's weight."""
        total, weight = int(self.num_rows), self.batch_size / int(self.num_rows)
        starts = range(0, total, CHUNK)
        for start in starts:
            yield self.source.read(slice(start, start + CHUNK)), weight
        yield self.source.read(slice(0, 0)), 1.0 - len(starts) * weight

    def log_density_on(self, u: Float[Array, " n"], batch: PyTree[Array | np.ndarray]) -> Scalar:
        """log prior + (rows of the data / rows of the batch) times the batch's log likelihood + log determinant."""
        likelihood = jnp.sum(self.log_likelihood(self.constrain(u), _in_float64(batch)))
        return self.prior.log_density(u) + self.num_rows / self.batch_size * likelihood

    def log_density(self, u: Float[Array, " n"]) -> Scalar:
        """The exact one, some thousand rows at a time.

        Raises:
            RequestError: if the data are too large to lie on the device.
        """
        if self.resident is None:
            raise RequestError(
                f"The data ({self.source.num_bytes / 2**30:.1f} GiB) are on file or too large for an exact log density; "
                "give the target to bayes.fit, which works from batches, or take bayes.anchored."
            )
        params = self.constrain(u)

        def likelihood(rows):
            return jnp.sum(self.log_likelihood(params, _in_float64(rows)))

        rows = jax.tree.leaves(self.resident)[0].shape[0]
        whole, chunk = rows - rows % CHUNK, min(rows, CHUNK)
        total = 0.0
        if whole:
            chunks = jax.tree.map(lambda a: a[:whole].reshape(-1, chunk, *a.shape[1:]), self.resident)
            total = jnp.sum(jax.lax.map(likelihood, chunks))
        if rows > whole:
            total += likelihood(jax.tree.map(lambda a: a[whole:], self.resident))
        return self.prior.log_density(u) + total

    def constrain(self, u: Float[Array, " n"]) -> PyTree[Array]:
        """The parameters that the user's functions take."""
        return self.prior.constrain(u)

    def suspects(self, u: Float[Array | np.ndarray, " n"]) -> Suspects:
        """None: the rows may be too many to look through."""
        return Suspects()


@in_float64
def minibatched(
    log_prior: Callable,
    log_likelihood: Callable,
    init: PyTree,
    data: PyTree,
    *,
    batch_size: int,
    bijections: Mapping[str, Constraint | Transform] | None = None,
) -> MinibatchTarget:
    """A target whose likelihood is a sum over rows, estimated from batches of them.

    The estimate is log prior + (n / B) times the log likelihood of B of the n rows, drawn without replacement: unbiased, as
    is its gradient (Hoffman et al. 2013, "Stochastic Variational Inference", JMLR 14, section 2).

    Args:
        log_prior: `log_prior(params)`, a scalar in nats.
        log_likelihood: `log_likelihood(params, rows)` in nats, one number for each row.
        init: unconstrained parameters to begin with, as in `from_log_density`.
        data: a pytree of arrays with one row for each observation; NumPy memory maps stay on file, and only rows that are
            drawn are read. Real numbers become float64 once they are drawn.
        batch_size: B.
        bijections: as in `from_log_density`.

    Raises:
        DataError: for arrays of different lengths, without rows, or of text.
        RequestError: for a batch larger than the data, and functions that return something else.
    """
    if data is None:
        raise DataError(
            "There are no data to take batches of; for a log density alone use `from_log_density`."
        )
    source = Rows(*jax.tree.flatten(data, is_leaf=lambda node: isinstance(node, list)))
    if not isinstance(batch_size, int) or not 1 <= batch_size <= source.num_rows:
        raise RequestError(
            f"batch_size is {batch_size!r}; give an integer from 1 to the {source.num_rows} rows of the data."
        )
    small = source.num_bytes <= RESIDENT_BYTES and not source.on_file
    prior = from_log_density(log_prior, init, bijections=bijections)
    target = MinibatchTarget(
        prior=prior,
        log_likelihood=with_own_surroundings(log_likelihood),
        source=source,
        batch_size=batch_size,
        num_rows=jnp.asarray(float(source.num_rows)),
        resident=jax.tree.map(jnp.asarray, source.read(slice(None))) if small else None,
    )
    _refuse_wrong_likelihood(target)
    return target


def _refuse_wrong_likelihood(target):
    rows = target.source.read(slice(0, target.batch_size))

    def run(rows, start):
        return target.log_likelihood(target.constrain(start), _in_float64(rows.data))

    try:
        value = jax.eval_shape(run, Arguments.of(rows), target.start)
    except LatlasError:
        raise
    except Exception as error:
        raise RequestError(
            f"log_likelihood raised {type(error).__name__} on the first {target.batch_size} rows: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if getattr(value, "shape", None) != (target.batch_size,):
        raise RequestError(
            f"log_likelihood returns shape {getattr(value, 'shape', type(value).__name__)} for {target.batch_size} rows; it "
            "must return one number for each row, unsummed."
        )
    # all rows where they are at hand, else those of the first batch
    seen = Arguments.of(rows if target.resident is None else target.resident)
    refuse_indices_beyond(jax.make_jaxpr(run)(seen, target.start), seen)


def _in_float64(rows):
    return jax.tree.map(
        lambda a: a.astype(jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a,
        jax.tree.map(jnp.asarray, rows),
    )
