"""Where what a fit says comes from: worked out once somebody asks, or read from the disk."""

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from latlas.bayes.fitting._arviz import Groups
from latlas.bayes.fitting._assessment import LazyAssessment
from latlas.bayes.fitting._ladder import Candidate
from latlas.bayes.targets._coordinates import entry_names, named_draws
from latlas.bayes.targets._numpyro import AbstractNumPyroTarget
from latlas.bayes.targets._predictive import log_likelihood, observed_values, posterior_predictive
from latlas.bayes.verdict._posterior import constrained
from latlas.bayes.verdict._verdict import Check, Verdict
from latlas.core import Estimate, Evidence, RequestError, check_process, in_float64, keys_from

_EXPORTED = 1000  # draws, unless another number is asked for
MOST_NUMBERS, MOST_DRAWS, FEWEST_DRAWS = (
    2**22,
    4000,
    100,
)  # draws that are kept: 32 MiB of them, as far as that goes


def num_kept(num_numbers: int) -> int:
    """How many draws of so many numbers are kept without their model."""
    return max(FEWEST_DRAWS, min(MOST_DRAWS, MOST_NUMBERS // max(1, num_numbers)))


@dataclass(frozen=True, eq=False)
class Fresh:
    """Findings of a fit of this process.

    Attributes:
        key: for draws that are exported.
        assessment: what the fit is held against.
        tolerance: that was asked for.
        attempts: what every rung of the ladder found; of a single engine there are none.
    """

    key: PRNGKeyArray
    assessment: Candidate | LazyAssessment
    tolerance: float
    attempts: tuple[Candidate, ...] = ()

    @property
    def model(self) -> Callable | None:
        """The NumPyro model that was fitted, None for a log density."""
        target = self.assessment.density.target
        return target.program.model if isinstance(target, AbstractNumPyroTarget) else None

    @property
    def data(self) -> PyTree:
        """Our own copy of the model's data, None for a log density."""
        target = self.assessment.density.target
        return target.program.arguments.data if isinstance(target, AbstractNumPyroTarget) else None

    @property
    def verdict(self) -> Verdict:
        """What follows from the checks."""
        return self.assessment.judged.verdict

    @property
    def diagnosis(self) -> tuple[Check, ...]:
        """Every check behind the verdict."""
        return self.assessment.judged.checks

    @property
    def elbo(self) -> Estimate:
        """Of the approximation, in nats."""
        return self.assessment.importance.elbo

    @property
    def log_evidence(self) -> Evidence:
        """By importance sampling, and between its draws and those of chains that settled, in nats."""
        return self.assessment.log_evidence

    @property
    def pareto_k(self) -> float:
        """Of the importance weights."""
        return self.assessment.importance.pareto_k

    @property
    def num_evaluations(self) -> int:
        """Gradients of the log density so far."""
        return self.assessment.density.count.num_evaluations

    @property
    def draws(self) -> None:
        """None are kept: it draws as many as are asked for."""

    @property
    def in_memory(self) -> "Fresh":
        """These findings."""
        return self

    @in_float64
    def summary(self) -> dict[str, dict[str, float]]:
        """From the draws of the assessment's posterior."""
        columns = self.assessment.posterior.described()
        return {
            name: {column: float(values[i]) for column, values in columns.items()}
            for i, name in enumerate(entry_names(self.assessment.density.target))
        }

    @in_float64
    def sample(self, key: PRNGKeyArray, num_draws: int) -> PyTree[np.ndarray]:
        """From the assessment's posterior."""
        draws = self.assessment.posterior.resample(key, num_draws)
        return jax.tree.map(np.asarray, constrained(self.assessment.density.target, draws))

    def groups(self, num_draws: int | None) -> Groups:
        """The posterior; of a NumPyro model its log likelihood, predictions and data as well."""
        num_draws = _EXPORTED if num_draws is None else num_draws
        parameters = self.sample(self.key, num_draws)
        draws = named_draws(parameters)
        target = self.assessment.density.target
        if not isinstance(target, AbstractNumPyroTarget):
            return {"posterior": draws}
        (predict_key,) = itertools.islice(keys_from(self.key), 1)
        model, data = target.program.model, target.program.arguments.data
        groups: Groups = {
            "posterior": draws,
            "posterior_predictive": posterior_predictive(predict_key, model, data, parameters),
            "observed_data": observed_values(model, data),
        }
        if not target.program.anatomy.discrete:  # summed out, they leave no likelihood of one observation
            groups["log_likelihood"] = log_likelihood(model, data, draws)
        return groups

    def kept(self) -> "Stored":
        """What remains without the model: all that was found, and as many draws as `num_kept` says."""
        parameters = self.summary()
        return Stored(
            verdict=self.verdict,
            diagnosis=self.diagnosis,
            elbo=self.elbo,
            log_evidence=self.log_evidence,
            pareto_k=self.pareto_k,
            num_evaluations=self.num_evaluations,
            draws=named_draws(self.sample(self.key, num_kept(len(parameters)))),
            parameters=parameters,
        )

    def predicted(
        self, key: PRNGKeyArray, num_draws: int, data: PyTree, anew: Collection[str]
    ) -> dict[str, np.ndarray]:
        """Replicates of the data by the NumPyro model.

        Raises:
            RequestError: if a log density was fitted.
        """
        if self.model is None:
            raise RequestError(
                "A log density does not say how data arise; fit a NumPyro model to predict them."
            )
        sample_key, predict_key = itertools.islice(keys_from(key), 2)
        draws = self.sample(sample_key, num_draws)
        return posterior_predictive(predict_key, self.model, data, draws, anew=anew)


@dataclass(frozen=True, eq=False)
class Stored:
    """Findings as they were written, and as many draws as were kept.

    Attributes:
        verdict: how far to trust the fit.
        diagnosis: the checks behind the verdict.
        elbo: evidence lower bound, in nats.
        log_evidence: log p(data) by importance sampling, in nats, with its error.
        pareto_k: tail shape of the importance weights.
        num_evaluations: gradient evaluations.
        draws: name -> `(draws, ...)`, constrained.
        parameters: what `summary` gives.
    """

    verdict: Verdict
    diagnosis: tuple[Check, ...]
    elbo: Estimate
    log_evidence: Evidence
    pareto_k: float
    num_evaluations: int
    draws: dict[str, np.ndarray]
    parameters: dict[str, dict[str, float]]

    @property
    def in_memory(self) -> Fresh:
        """There is none.

        Raises:
            RequestError: always.
        """
        raise RequestError(
            "This fit was read from the disk or sent to another process, where its draws and findings are, but neither its "
            "model nor its approximation. Fit the model again for these."
        )

    def kept(self) -> "Stored":
        """These findings."""
        return self

    def summary(self) -> dict[str, dict[str, float]]:
        """As the fit gave it."""
        return self.parameters

    def sample(self, key: PRNGKeyArray, num_draws: int) -> dict[str, np.ndarray]:
        """So many of the stored draws, each at most once.

        Raises:
            RequestError: if fewer are stored: what was kept cannot draw new ones.
        """
        check_process()
        stored = len(next(iter(self.draws.values())))
        if num_draws > stored:
            raise RequestError(
                f"{num_draws:,} draws were asked for, and {stored:,} are stored. Ask for fewer, or fit the model again."
            )
        rows = np.asarray(jax.random.permutation(key, stored))[:num_draws]
        return {name: array[rows] for name, array in self.draws.items()}

    def groups(self, num_draws: int | None) -> Groups:
        """The posterior: all stored draws, or the first of them."""
        return {"posterior": {name: array[:num_draws] for name, array in self.draws.items()}}


# what every fit can tell, new or stored: see the properties of `Fit` of the same names
Findings = Fresh | Stored
