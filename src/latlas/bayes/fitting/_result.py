"""What came out of a fit."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from latlas.bayes.densities._density import Density
from latlas.bayes.fitting._arviz import to_datatree
from latlas.bayes.fitting._ladder import Candidate, Rung
from latlas.bayes.targets._coordinates import named_draws
from latlas.bayes.targets._predictive import log_likelihood, observed_values, posterior_predictive
from latlas.bayes.targets._target import AbstractTarget
from latlas.bayes.verdict._assess import Diagnostics
from latlas.bayes.verdict._importance import ImportanceDraws
from latlas.bayes.verdict._posterior import QUANTILES, Posterior, constrained, entry_names
from latlas.bayes.verdict._verdict import Check, Verdict
from latlas.core import Estimate, Evidence, RequestError, in_float64, keys_from
from latlas.distributions.families import AbstractApproximation


@dataclass(frozen=True)
class Fit:
    """An approximate posterior, its error bars, and whether to believe it.

    What was not needed to fit (evidence, checks, verdict) is worked out when it is first asked for.

    Attributes:
        engine: name of the engine whose result this is.
        family: name of the family.
        approximation: the fitted distribution, in `density`'s coordinates.
        density: the target in whitened coordinates; it counts its evaluations.
        ladder: the attempts that led here, in order.
        seconds: that the fit took, by the wall clock.
        tolerance: of the means, in posterior standard deviations, that was asked for.
        reference: draws of NUTS where they were asked for: parameters, each `(chains, draws, ...)`; else None.
        model: the NumPyro model that was fitted, None for a log density.
        data: of that model.
    """

    engine: str
    family: str
    approximation: AbstractApproximation
    density: Density
    ladder: tuple[Rung, ...]
    seconds: float
    tolerance: float
    reference: PyTree[np.ndarray] | None
    model: Callable | None
    data: PyTree
    _key: PRNGKeyArray = field(repr=False)
    _weigh: Callable[[], ImportanceDraws] = field(repr=False)
    _judge: Callable[[], Candidate] = field(repr=False)
    _report: Callable[[], Posterior] = field(repr=False)

    @property
    def target(self) -> AbstractTarget:
        """The posterior that was fitted."""
        return self.density.target

    @cached_property
    def posterior(self) -> Posterior:
        """The draws that means, deviations, quantiles and samples are made of."""
        return self._report()

    @cached_property
    def candidate(self) -> Candidate:
        """The fit with all that it was held against."""
        return self._judge()

    @property
    def verdict(self) -> Verdict:
        """Whether to believe it: its string begins with "trust", "means only" or "do not trust"."""
        return self.candidate.verdict

    @property
    def diagnosis(self) -> tuple[Check, ...]:
        """Every check behind the verdict."""
        return self.candidate.checks

    @property
    def diagnostics(self) -> Diagnostics:
        """Importance weights and chains behind the checks."""
        return self.candidate.diagnostics

    @property
    def elbo(self) -> Estimate:
        """Of the approximation, in nats: at most the log evidence."""
        return self._weigh().elbo

    @property
    def log_evidence(self) -> Evidence:
        """log of the posterior's integral by importance sampling, in nats; of log p(data) for a NumPyro model."""
        return self._weigh().log_evidence

    @property
    def pareto_k(self) -> float:
        """Tail shape of the importance weights; below 0.7 they can be averaged."""
        return self._weigh().pareto_k

    @property
    def num_evaluations(self) -> int:
        """Gradient evaluations of the log density so far; those of the checks included once they were asked for."""
        return self.density.count.num_evaluations

    @in_float64
    def sample(self, key: PRNGKeyArray, num_draws: int = 1000) -> PyTree[np.ndarray]:
        """Posterior draws of the parameters, under their own names and in their own space.

        They are NumPy's: a float64 array of JAX warns at every use where the global flag says float32.

        Args:
            key: for the draws.
            num_draws: leading axis of every array.
        """
        return jax.tree.map(np.asarray, constrained(self.target, self.posterior.resample(key, num_draws)))

    @property
    def mean(self) -> PyTree[np.ndarray]:
        """Posterior mean of every parameter."""
        return self._moments[0]

    @property
    def sd(self) -> PyTree[np.ndarray]:
        """Posterior standard deviation of every entry of every parameter."""
        return self._moments[1]

    @cached_property
    @in_float64
    def _moments(self) -> tuple[PyTree[np.ndarray], PyTree[np.ndarray]]:
        return self.posterior.mean_and_sd()

    @in_float64
    def summary(self) -> dict[str, dict[str, float]]:
        """mean, sd, q05, q50, q95 and mcse of every entry of every parameter: {"theta[0]": {"mean": ...}}."""
        moments, quantiles = self.posterior.moments(), self.posterior.quantiles()
        error = moments.sd / np.sqrt(moments.num_effective)
        columns = {"mean": moments.mean, "sd": moments.sd}
        columns |= {f"q{100 * q:02.0f}": row for q, row in zip(QUANTILES, quantiles, strict=True)}
        columns["mcse"] = error
        names = entry_names(self.target)
        return {
            name: {column: float(values[i]) for column, values in columns.items()}
            for i, name in enumerate(names)
        }

    @in_float64
    def expectation(self, function: Callable[[PyTree[Array]], PyTree[Array]]) -> PyTree[np.ndarray]:
        """Posterior mean of any function of the parameters, such as a prediction.

        Args:
            function: takes the parameters of one draw; returns arrays.
        """
        return self.posterior.mean_of(function)

    def posterior_predictive(self, key: PRNGKeyArray, num_draws: int = 1000, *, data: PyTree = None) -> dict:
        """Data that the fitted model would produce: see `latlas.bayes.posterior_predictive`.

        Args:
            key: for draws of the parameters and of the data.
            num_draws: replicates.
            data: other arguments of the model, such as new inputs; None: those of the fit.

        Raises:
            RequestError: if what was fitted is no NumPyro model.
        """
        sample_key, predict_key = itertools.islice(keys_from(key), 2)
        draws = self.sample(sample_key, num_draws)
        return posterior_predictive(
            predict_key, self._numpyro_model, self.data if data is None else data, draws
        )

    @property
    def _numpyro_model(self):
        if self.model is None:
            raise RequestError(
                "A log density does not say how data arise; fit a NumPyro model to predict them."
            )
        return self.model

    def to_arviz(self, num_draws: int = 1000) -> Any:
        """The fit as an `xarray.DataTree` in ArviZ's layout, with each observation's log likelihood for a NumPyro model.

        ArviZ 1.x takes it as it is; ArviZ 0.23 reads it by `arviz.from_datatree(tree)`.

        Args:
            num_draws: of the posterior.

        Raises:
            RequestError: if xarray is missing.
        """
        draws = named_draws(self.sample(self._key, num_draws))
        attrs = {
            "inference_library": "latlas",
            "engine": self.engine,
            "family": self.family,
            "verdict": str(self.verdict),
        }
        if self.model is None:
            return to_datatree(draws, attrs=attrs)
        return to_datatree(
            draws,
            log_likelihood=log_likelihood(self.model, self.data, draws),
            posterior_predictive=self.posterior_predictive(self._key, num_draws),
            observed_data=observed_values(self.model, self.data),
            attrs=attrs,
        )

    def to_dict(self) -> dict[str, Any]:
        """The record of the fit as plain values, ready for JSON; a number that is not finite is `None`."""
        return {
            "engine": self.engine,
            "family": self.family,
            "elbo": {name: _finite(value) for name, value in self.elbo.to_dict().items()},
            "log_evidence": _finite(self.log_evidence.value),
            "pareto_k": _finite(self.pareto_k),
            "verdict": str(self.verdict),
            "parameters": self.summary(),
            "seconds": self.seconds,
        }


def _finite(value):
    return value if np.isfinite(value) else None
