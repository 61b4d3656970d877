"""A fit held against what can check it, worked out where it is first asked for."""

import itertools
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import LazySearch
from latlas.bayes.engines._engine import EngineResult
from latlas.bayes.fitting._ladder import Candidate, advice_after
from latlas.bayes.targets._coordinates import judged_names
from latlas.bayes.verdict._assess import check_fit, reference_of, walk_on
from latlas.bayes.verdict._far_mass import far_checks
from latlas.bayes.verdict._halves import halves
from latlas.bayes.verdict._importance import ImportanceDraws, importance_draws
from latlas.bayes.verdict._posterior import Posterior, of_result
from latlas.core import Evidence, in_float64, keys_from, with_one_blas_thread


@dataclass(frozen=True, eq=False)
class LazyAssessment:
    """The result of one engine, weighted and judged once somebody asks.

    Attributes:
        key: for weighted draws, draws to report, and chains.
        engine: its name.
        family: its name.
        density: the target in the coordinates of the result.
        result: of the engine.
        search: for modes.
        tolerance: of the means, in posterior standard deviations.
    """

    key: PRNGKeyArray
    engine: str
    family: str
    density: Density
    result: EngineResult
    search: LazySearch
    tolerance: float

    @cached_property
    @in_float64
    def importance(self) -> ImportanceDraws:
        """Weighted draws of the approximation."""
        return importance_draws(self.key, self.density, self.result.approximation)

    @cached_property
    @in_float64
    def posterior(self) -> Posterior:
        """The draws that means, deviations, quantiles and samples are made of."""
        return of_result(self.key, self.density, self.result)

    @property
    def log_evidence(self) -> Evidence:
        """By the weights and by the chains."""
        return self.judged.log_evidence

    @cached_property
    @with_one_blas_thread
    @in_float64
    def judged(self) -> Candidate:
        """The fit held against chains that walk on from its draws."""
        density, result = self.density, self.result
        walk_key, far_key = itertools.islice(keys_from(self.key), 2)
        search, importance, posterior = self.search.found, self.importance, self.posterior
        diagnostics = walk_on(walk_key, density, result.approximation, importance, tolerance=self.tolerance)
        reported, reference = posterior.judged_moments(), reference_of(density.target, density, diagnostics)
        if reference is None and result.draws is not None and result.draws.ndim == 3:
            # chains that converged by their own measures are not unconfirmed because shorter ones did not
            found = halves(
                density, result.draws, posterior.num_effective, result.details.get("num_divergences", 0)
            )
            reference, reported = found or (None, reported)
        checks, verdict = check_fit(
            reported,
            reference,
            diagnostics,
            search,
            converged=result.converged,
            message=result.message,
            further=far_checks(far_key, density, posterior, diagnostics.chains, search),
            names=judged_names(density.target),
            advice=advice_after(self.engine),
        )
        return Candidate(self.engine, self.family, density, result, diagnostics, posterior, checks, verdict)
