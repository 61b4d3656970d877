"""Targets whose log density is too large to evaluate at every step: an unbiased estimate from a few rows instead."""

import abc
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar

from latlas.bayes.targets._target import AbstractTarget, Suspects


class AbstractStochasticTarget(AbstractTarget):
    """A target that can also be estimated from a minibatch.

    Over the randomness of `draw_batch`, the mean of `log_density_on(u, batch)` is `log_density(u)`, and the same holds for
    gradients. A batch is a pytree of arrays whose shapes never change, so that one compiled program serves all.
    """

    @property
    @abc.abstractmethod
    def is_exact(self) -> bool:
        """Whether `log_density` can be evaluated at all, and not only estimated."""

    @abc.abstractmethod
    def draw_batch(self, generator: np.random.Generator) -> PyTree[np.ndarray]:
        """What `log_density_on` needs for one estimate; runs on the host and may read from a file."""

    @abc.abstractmethod
    def log_density_on(self, u: Float[Array, " n"], batch: PyTree[Array | np.ndarray]) -> Scalar:
        """Unbiased estimate in nats of `log_density(u)`, traceable; the likelihood is scaled to all the data."""

    @abc.abstractmethod
    def sweep(self) -> Iterator[tuple[PyTree[np.ndarray], float]] | None:
        """Pieces of one pass over all the data, None where they have no order to be read in.

        Each comes with its weight: the sum of weight times `log_density_on(u, piece)` is exactly `log_density(u)`. Pieces
        may hold other numbers of rows than batches.
        """


class FixedBatches(AbstractTarget):
    """A stochastic target on a few batches drawn once: a target for engines that need one density, such as a mode search.

    Its posterior is about that of all the data, with the mean off by what those batches happen to say: good for
    whitening, not for an answer.

    Attributes:
        target: the stochastic one.
        batches: of `draw_batch`, stacked along a new leading axis.
    """

    target: AbstractStochasticTarget
    batches: PyTree[Array | np.ndarray]

    @classmethod
    def drawn(
        cls, target: AbstractStochasticTarget, generator: np.random.Generator, num_batches: int
    ) -> "FixedBatches":
        """On `num_batches` independent batches."""
        batches = [target.draw_batch(generator) for _ in range(num_batches)]
        return cls(target, jax.tree.map(lambda *rows: np.stack(rows), *batches))

    @property
    def dim(self) -> int:
        """Of the stochastic target."""
        return self.target.dim

    @property
    def start(self) -> Array | None:
        """Of the stochastic target."""
        return self.target.start

    @property
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the stochastic target."""
        return self.target.free_shapes

    def log_density(self, u: Float[Array, " n"]) -> Scalar:
        """The mean of the batches' estimates, in nats."""
        return jnp.mean(jax.lax.map(lambda batch: self.target.log_density_on(u, batch), self.batches))

    def constrain(self, u: Float[Array, " n"]) -> PyTree[Array]:
        """Of the stochastic target."""
        return self.target.constrain(u)

    def suspects(self, u: Float[Array | np.ndarray, " n"]) -> Suspects:
        """Of the stochastic target."""
        return self.target.suspects(u)
