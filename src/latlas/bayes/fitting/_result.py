"""What came out of a fit."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from latlas.bayes.conjugate._checks import check_count
from latlas.bayes.densities._density import Density
from latlas.bayes.fitting._arviz import for_installed_arviz, to_datatree, whole_chains
from latlas.bayes.fitting._findings import Findings
from latlas.bayes.fitting._ladder import Candidate, Rung
from latlas.bayes.targets._coordinates import named_draws
from latlas.bayes.targets._target import AbstractTarget
from latlas.bayes.verdict._assess import Diagnostics
from latlas.bayes.verdict._posterior import Posterior
from latlas.bayes.verdict._verdict import Check, Verdict
from latlas.core import Estimate, Evidence, RequestError, check_key, in_float64
from latlas.distributions.families import AbstractApproximation

_SHORT = ("engine", "family", "elbo", "log_evidence", "pareto_k", "verdict", "parameters", "seconds")


@dataclass(frozen=True, eq=False)
class Fit:
    """An approximate posterior, its error bars, and whether to believe it: new, or read from the disk.

    What was not needed to fit (evidence, checks, verdict) is worked out when it is first asked for. A fit that `load` read
    has findings and draws, and so has one that was sent to another process; its model, density and approximation were not
    kept, and whatever needs them raises a `RequestError` that says so.

    Attributes:
        engine: name of the engine whose result this is.
        family: name of the family.
        ladder: the attempts that led here, in order.
        seconds: that the fit took, by the wall clock.
        reference: draws of NUTS where they were asked for: parameters, each `(chains, draws, ...)`; else None.
        findings: where what it says comes from.
        config: what was asked for, as it was stored with the fit; empty for a new one.
    """

    engine: str
    family: str
    ladder: tuple[Rung, ...]
    seconds: float
    reference: PyTree[np.ndarray] | None
    findings: Findings = field(repr=False)
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> tuple:
        """For another process: what `save` keeps, without the model, which may be any function."""
        kept = self.findings.kept()
        return Fit, (self.engine, self.family, self.ladder, self.seconds, self.reference, kept, self.config)

    def __copy__(self) -> "Fit":
        """Itself: it never changes."""
        return self

    def __deepcopy__(self, memo: dict) -> "Fit":
        """Itself."""
        return self

    @property
    def verdict(self) -> Verdict:
        """Whether to believe it: its string begins with "trust", "means only" or "do not trust"."""
        return self.findings.verdict

    @property
    def diagnosis(self) -> tuple[Check, ...]:
        """Every check behind the verdict."""
        return self.findings.diagnosis

    @property
    def elbo(self) -> Estimate:
        """Of the approximation, in nats: at most the log evidence."""
        return self.findings.elbo

    @property
    def log_evidence(self) -> Evidence:
        """log of the posterior's integral in nats; log p(data) for a NumPyro model.

        By importance sampling, or between its draws and those of chains that settled where weights do not tell.
        """
        return self.findings.log_evidence

    @property
    def pareto_k(self) -> float:
        """Tail shape of the importance weights; below 0.7 they can be averaged."""
        return self.findings.pareto_k

    @property
    def num_evaluations(self) -> int:
        """Gradient evaluations of the log density so far; those of the checks included once they were asked for."""
        return self.findings.num_evaluations

    def sample(self, key: PRNGKeyArray, num_draws: int = 1000) -> PyTree[np.ndarray]:
        """Posterior draws of the parameters, under their own names and in their own space.

        They are NumPy's: a float64 array of JAX warns at every use where the global flag says float32.

        Args:
            key: for the draws.
            num_draws: leading axis of every array.

        Raises:
            RequestError: if it was read from the disk, where fewer are, or `num_draws` is no number of draws.
        """
        check_key(key)
        check_count(num_draws=num_draws)
        return self.findings.sample(key, num_draws)

    @property
    def draws(self) -> dict[str, np.ndarray] | None:
        """The draws that were stored, name -> `(draws, ...)`; None for a new fit, which draws as many as are wanted."""
        return self.findings.draws

    def summary(self) -> dict[str, dict[str, float]]:
        """mean, sd, q05, q50, q95 and mcse of every entry of every parameter: {"theta[0]": {"mean": ...}}."""
        return self.findings.summary()

    def to_arviz(self, num_draws: int | None = None, *, reference: bool = False) -> Any:
        """The fit as the installed ArviZ takes it, with each observation's log likelihood for a NumPyro model.

        That is an `xarray.DataTree` in ArviZ's layout, and before version 1 of ArviZ an `arviz.InferenceData`. Draws are
        independent; they are divided into four chains, since ArviZ compares chains. Where discrete sites are summed out,
        one observation has no likelihood given a draw, and that group is left out.

        Args:
            num_draws: of the posterior; None: 1,000 of a new fit, and all that were stored.
            reference: the draws of NUTS instead, in their chains.

        Raises:
            RequestError: if xarray is missing, or NUTS was not run.
        """
        if num_draws is not None:
            check_count(num_draws=num_draws)
        if reference:
            return self._reference_to_arviz()
        about = {"engine": self.engine, "family": self.family, "verdict": str(self.verdict)}
        groups = self.findings.groups(num_draws)
        if "posterior_predictive" in groups and "log_likelihood" not in groups:
            about["log_likelihood"] = "left out: discrete sites are summed out"
        chains = whole_chains(len(next(iter(groups["posterior"].values()))))
        return for_installed_arviz(to_datatree(**groups, num_chains=chains, attrs=about))

    def _reference_to_arviz(self) -> Any:
        if self.reference is None:
            raise RequestError("This fit has no reference. Fit the model again with reference='nuts'.")
        draws = named_draws(self.reference)
        chains = {name: array.reshape(-1, *array.shape[2:]) for name, array in draws.items()}
        tree = to_datatree(chains, num_chains=len(next(iter(draws.values()))), attrs={"engine": "nuts"})
        return for_installed_arviz(tree)

    def to_dict(self) -> dict[str, Any]:
        """The record of the fit as plain values, ready for JSON; a number that is not finite is `None`."""
        found = record_of(self)
        return {name: found[name] for name in _SHORT} | {"log_evidence": found["log_evidence"]["value"]}

    @property
    def approximation(self) -> AbstractApproximation:
        """The fitted distribution, in `density`'s coordinates."""
        return self.findings.in_memory.assessment.result.approximation

    @property
    def density(self) -> Density:
        """The target in whitened coordinates; it counts its evaluations."""
        return self.findings.in_memory.assessment.density

    @property
    def target(self) -> AbstractTarget:
        """The posterior that was fitted."""
        return self.density.target

    @property
    def tolerance(self) -> float:
        """Of the means, in posterior standard deviations, that was asked for."""
        return self.findings.in_memory.tolerance

    @property
    def model(self) -> Callable | None:
        """The NumPyro model that was fitted, None for a log density."""
        return self.findings.in_memory.model

    @property
    def data(self) -> PyTree:
        """Of that model."""
        return self.findings.in_memory.data

    @property
    def posterior(self) -> Posterior:
        """The draws that means, deviations, quantiles and samples are made of."""
        return self.findings.in_memory.assessment.posterior

    @property
    def attempts(self) -> tuple[Candidate, ...]:
        """What every rung of the ladder found, each with its draws, checks and verdict; of a single engine only itself."""
        return self.findings.in_memory.attempts or (self.candidate,)

    @property
    def candidate(self) -> Candidate:
        """The fit with all that it was held against."""
        return self.findings.in_memory.assessment.judged

    @property
    def diagnostics(self) -> Diagnostics:
        """Importance weights and chains behind the checks."""
        return self.candidate.diagnostics

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
    def expectation(self, function: Callable[[PyTree[Array]], PyTree[Array]]) -> PyTree[np.ndarray]:
        """Posterior mean of any function of the parameters, such as a prediction.

        Args:
            function: takes the parameters of one draw; returns arrays.
        """
        return self.posterior.mean_of(function)

    def posterior_predictive(
        self, key: PRNGKeyArray, num_draws: int = 1000, *, data: PyTree = None, anew: Collection[str] = ()
    ) -> dict:
        """Data that the fitted model would produce: see `latlas.bayes.posterior_predictive`.

        Args:
            key: for draws of the parameters and of the data.
            num_draws: replicates.
            data: other arguments of the model, such as new inputs; None: those of the fit.
            anew: latent sites of which the data ask for more entries than were fitted, such as the effects of groups: those
                that were fitted come first, and the others are drawn given the rest of each draw.

        Raises:
            RequestError: if what was fitted is no NumPyro model, or a site has another shape with these data.
            DataError: for data that index what the model does not have.
        """
        check_key(key)
        check_count(num_draws=num_draws)
        found = self.findings.in_memory
        return found.predicted(key, num_draws, found.data if data is None else data, anew)


def record_of(fit: Any) -> dict[str, Any]:
    """All that a fit, new or stored, found, as plain values for strict JSON: numbers that are not finite are `None`.

    Returns:
        What `to_dict` gives, and `log_evidence` with its error and weights, the `reasons` of the verdict, the checks
        (`diagnosis`), the `ladder` and `num_evaluations`.
    """
    return plain(
        {
            "engine": fit.engine,
            "family": fit.family,
            "elbo": asdict(fit.elbo),
            "log_evidence": asdict(fit.log_evidence),
            "pareto_k": fit.pareto_k,
            "verdict": str(fit.verdict),
            "reasons": fit.verdict.reasons,
            "parameters": fit.summary(),
            "diagnosis": [asdict(check) for check in fit.diagnosis],
            "ladder": [asdict(rung) for rung in fit.ladder],
            "num_evaluations": fit.num_evaluations,
            "seconds": fit.seconds,
        }
    )


def plain(value: Any) -> Any:
    """For strict JSON: NaN and infinity become null, tuples lists, NumPy's numbers plain ones."""
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
