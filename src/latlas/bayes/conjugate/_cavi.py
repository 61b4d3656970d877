"""Coordinate-ascent variational inference for conjugate-exponential models.

Where every factor's optimum given the others is known in closed form, the ELBO is raised by replacing one factor after
the other: no gradients, no step sizes, and the bound never falls. A model says what one sweep over its factors and its
exact ELBO are; `cavi` runs the sweeps of every start in one compiled loop.
"""

import abc
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._checks import check_count, check_positive
from latlas.core import RequestError, WorkError, check_key, numpy_in_float64, to_numpy

MAX_FALL = 1e-9  # of the ELBO between two sweeps, relative: what rounding may do


class AbstractConjugatePosterior(eqx.Module):
    """The factors of q as their parameters; each factor is an attribute that gives a NumPyro distribution."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, num_samples: int) -> dict[str, np.ndarray]:
        """Draws from q: name of a parameter -> array with a leading axis of the draws.

        Args:
            key: draws.
            num_samples: how many, at least 1.
        """


class AbstractConjugateModel(eqx.Module):
    """A model and a factorised family for which each factor's optimum is known in closed form.

    What is called below a `problem` is whatever `prepare` made of the data: arrays that the compiled loop reads.
    """

    @abc.abstractmethod
    def prepare(self, data: Any) -> PyTree:
        """The data, checked, as float64 arrays, with the priors that depend on them.

        Args:
            data: as the model's docstring says.

        Raises:
            DataError: if the data cannot be used, with the reason.
        """

    @abc.abstractmethod
    def start(self, key: PRNGKeyArray, problem: PyTree) -> AbstractConjugatePosterior:
        """A first q; another key may give another.

        Args:
            key: draws where the start is random.
            problem: from `prepare`.
        """

    @abc.abstractmethod
    def sweep(self, problem: PyTree, posterior: AbstractConjugatePosterior) -> AbstractConjugatePosterior:
        """Every factor replaced once by its optimum given the others.

        Args:
            problem: from `prepare`.
            posterior: the current q.
        """

    @abc.abstractmethod
    def elbo(self, problem: PyTree, posterior: AbstractConjugatePosterior) -> Float[Array, ""]:
        """E_q[log p(data, parameters) - log q(parameters)] with all constants, in nats, of all data together.

        Args:
            problem: from `prepare`.
            posterior: the q in question.
        """


@dataclass(frozen=True)
class ConjugateFit:
    """What coordinate ascent found.

    Attributes:
        posterior: q at the end of the best start: its factors are NumPyro distributions.
        elbo: of that q, in nats, of all data together; a lower bound on the log evidence.
        elbo_history: the ELBO at the best start and after each of its sweeps, shape `(num_sweeps + 1,)`.
        converged: whether the last sweep raised the ELBO by less than the tolerance.
        num_sweeps: sweeps of the best start.
        start_elbos: the ELBO that each start reached: where they differ, there are several optima.
    """

    posterior: Any
    elbo: float
    elbo_history: Float[np.ndarray, " sweeps"]
    converged: bool
    num_sweeps: int
    start_elbos: Float[np.ndarray, " starts"]

    def sample(self, key: PRNGKeyArray, num_draws: int = 1000) -> dict[str, np.ndarray]:
        """Draws from q: name of a parameter -> array with a leading axis of the draws.

        Args:
            key: draws.
            num_draws: how many, at least 1.

        Raises:
            RequestError: if `num_draws` is no whole number above 0.
        """
        check_count(num_draws=num_draws)
        check_key(key)
        return self.posterior.sample(key, num_draws)

    def to_dict(self) -> dict[str, Any]:
        """How it ended as plain values, ready for JSON; q is in `posterior`."""
        return {
            "elbo": self.elbo,
            "elbo_history": self.elbo_history.tolist(),
            "converged": self.converged,
            "num_sweeps": self.num_sweeps,
            "start_elbos": self.start_elbos.tolist(),
        }


@numpy_in_float64
def cavi(
    key: PRNGKeyArray,
    model: AbstractConjugateModel,
    data: Any,
    *,
    tolerance: float = 1e-6,
    max_sweeps: int = 1000,
    num_starts: int = 1,
) -> ConjugateFit:
    r"""Coordinate-ascent variational inference: the best of several starts.

    Each sweep sets every factor to $q_j \propto \exp E_{q_{-j}}[\log p(\text{data}, \text{parameters})]$, its optimum
    given the others, so the ELBO cannot fall; that it did not is checked. Starts run one after the other within one
    compiled program, in float64. What is found is a local optimum, and q is as narrow as a factorised q is.

    Args:
        key: draws the starts.
        model: such as `GaussianMixture`, `LinearRegression` or `LatentDirichletAllocation`.
        data: as the model's docstring says.
        tolerance: a start ends once a sweep raises its ELBO by less, in nats.
        max_sweeps: at most so many sweeps per start.
        num_starts: random starts; a model with one optimum needs one.

    Raises:
        RequestError: if an option or the data cannot be used.
        WorkError: if the ELBO became NaN or fell, which would be a fault of the model's formulas or of its arithmetic.

    References:
        Blei, Kucukelbir, McAuliffe 2017, arXiv:1601.00670, section 2.4; Bishop 2006, section 10.1.
    """
    if not isinstance(model, AbstractConjugateModel):
        raise RequestError(
            f"cavi got a {type(model).__name__}; it needs a conjugate model, such as GaussianMixture(3)."
        )
    check_positive(tolerance=tolerance)
    check_count(max_sweeps=max_sweeps, num_starts=num_starts)
    check_key(key)
    problem = model.prepare(data)
    starts = [model.start(start_key, problem) for start_key in jr.split(key, num_starts)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    # as arrays, so that another hyperparameter does not mean another compilation
    model = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, float) else leaf, model)
    found = to_numpy(_ascend(model, problem, stacked, jnp.asarray(tolerance, float), max_sweeps))
    posteriors, histories, num_sweeps, converged = found
    for history, sweeps in zip(histories, num_sweeps, strict=True):
        check_history(history[: sweeps + 1])
    elbos = histories[np.arange(num_starts), num_sweeps]
    best = int(np.argmax(elbos))
    return ConjugateFit(
        posterior=jax.tree.map(lambda leaf: leaf[best], posteriors),
        elbo=float(elbos[best]),
        elbo_history=histories[best, : num_sweeps[best] + 1],
        converged=bool(converged[best]),
        num_sweeps=int(num_sweeps[best]),
        start_elbos=elbos,
    )


@eqx.filter_jit
def _ascend(model, problem, starts, tolerance, max_sweeps):
    def body(state):
        posterior, history, step, _, _ = state
        # the bound and the sweep of the same q share their expectations, which the compiler then computes once
        elbo, swept = model.elbo(problem, posterior), model.sweep(problem, posterior)
        converged = (step > 0) & (elbo - history[step - 1] < tolerance)
        done = converged | (step == max_sweeps) | ~jnp.isfinite(elbo)
        kept = jax.tree.map(lambda old, new: jnp.where(done, old, new), posterior, swept)
        return kept, history.at[step].set(elbo), step + 1, converged, done

    def one(start):
        state = (start, jnp.full(max_sweeps + 1, jnp.nan), 0, jnp.asarray(False), jnp.asarray(False))
        posterior, history, step, converged, _ = lax.while_loop(lambda state: ~state[-1], body, state)
        return posterior, history, step - 1, converged

    return lax.map(one, starts)


def check_history(history: Float[np.ndarray, " sweeps"]) -> None:
    """Raises a `WorkError` where an ELBO is not finite or fell by more than rounding explains."""
    check_finite(history)
    falls = history[:-1] - history[1:]
    worst = int(np.argmax(falls)) if len(falls) else 0
    if len(falls) and falls[worst] > MAX_FALL * max(1.0, abs(history[worst])):
        raise WorkError(
            f"The ELBO fell by {falls[worst]:.3g} nats in sweep {worst + 1}, from {history[worst]:.6f}; coordinate "
            "ascent cannot do that, so a formula of the model is wrong or its matrices are too badly conditioned. "
            "Standardise the columns or choose a stronger prior."
        )


def check_finite(history: Float[np.ndarray, " sweeps"]) -> None:
    """Raises a `WorkError` where an ELBO is not finite."""
    if not np.all(np.isfinite(history)):
        raise WorkError(
            f"The ELBO was {history[-1]} after {len(history) - 1} sweeps: the data or the prior are of an extreme "
            "scale. Standardise the columns, or choose a prior of the data's scale."
        )
