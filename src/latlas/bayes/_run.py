"""The front door: a posterior in, a fit and a verdict out."""

import functools
import itertools
import time
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes._approximation import AbstractFamily
from latlas.bayes._assess import check_fit, reference_of, walk_on, weigh
from latlas.bayes._density import Density
from latlas.bayes._elbo_start import elbo_start
from latlas.bayes._engine import AbstractEngine, EngineResult
from latlas.bayes._family_gaussian import FullGaussian
from latlas.bayes._fit import Fit
from latlas.bayes._ladder import Candidate, Rung, climb
from latlas.bayes._modes import Search, find_modes
from latlas.bayes._names import engine_named, family_named
from latlas.bayes._posterior import Posterior, of_approximation, of_chains
from latlas.bayes._precision import host_rng, in_float64, keys_from, with_one_blas_thread
from latlas.bayes._target import AbstractTarget
from latlas.bayes._warp import Affine
from latlas.core import RequestError

# Families that mean something about the user's own coordinates: no whitening may rotate these.
_AXIS_ALIGNED = ("mean-field", "block", "structured")
_ENGINE_OF_FAMILY = {"mixture": "inclusive", "flow": "advi"}  # else deterministic ADVI


@with_one_blas_thread
@in_float64
def fit_target(
    key: PRNGKeyArray,
    target: AbstractTarget,
    start: np.ndarray,
    *,
    engine: str | AbstractEngine = "auto",
    family: str | AbstractFamily | None = None,
    tolerance: float = 0.1,
    num_starts: int = 4,
    progress: Callable[[Rung], None] | None = None,
) -> Fit:
    """Fit one target; `fit` is the same for models and functions.

    Args:
        key: for all that is drawn.
        target: the posterior.
        start: unconstrained point with a finite log density, `(n,)`.
        engine: a name, an engine, or "auto": from cheap to dear until the checks pass.
        family: a name or a family; None: the engine's first.
        tolerance: wanted accuracy of the means, in posterior standard deviations.
        num_starts: searches for a mode.
        progress: called with each rung of the ladder.

    Raises:
        RequestError: for an unknown engine or family, or a pair that do not go together.
        WorkError: where nothing usable comes out.
    """
    began = time.perf_counter()
    if not 0.0 < tolerance <= 1.0:
        raise RequestError(
            f"tolerance is {tolerance}; expected posterior standard deviations between 0 and 1, such as 0.1."
        )
    progress = progress or (lambda rung: None)
    search_key, fit_key, judge_key = itertools.islice(keys_from(key), 3)
    density = Density(target)
    search = find_modes(host_rng(search_key), density, np.asarray(start, np.float64), num_starts=num_starts)
    if isinstance(engine, str) and engine == "auto" and family is None:
        best, ladder = climb(fit_key, density, start, search, tolerance=tolerance, progress=progress)
        return Fit(
            best.engine,
            best.family,
            best.result.approximation,
            best.density,
            ladder,
            time.perf_counter() - began,
            tolerance,
            None,
            lambda: best,
            lambda: best.posterior,
        )
    engine, family = _pair(engine, family)
    white = _whitened(host_rng(search_key), density, start, search, family)
    before = density.count.num_evaluations
    result = engine(fit_key, white, family, tolerance=tolerance)
    seconds = time.perf_counter() - began
    rung = Rung(
        engine.name, family.name, result.message, None, seconds, density.count.num_evaluations - before
    )
    progress(rung)
    report = functools.cache(in_float64(lambda: _reported(judge_key, white, result)))
    judge = with_one_blas_thread(
        in_float64(lambda: _judged(judge_key, engine, family, white, result, search, report(), tolerance))
    )
    return Fit(
        engine.name,
        family.name,
        result.approximation,
        white,
        (rung,),
        seconds,
        tolerance,
        None,
        judge,
        report,
    )


def _pair(engine: Any, family: Any) -> tuple[AbstractEngine, AbstractFamily]:
    if isinstance(engine, str) and engine == "auto":
        family = family_named(family)
        engine = _ENGINE_OF_FAMILY.get(family.name, "dadvi")
    engine = engine_named(engine)
    family = family_named(engine.families[0] if family is None else family)
    if family.name not in engine.families:
        raise RequestError(
            f"The engine {engine.name} fits {', '.join(engine.families)}; the family {family.name} came. Take another "
            "engine, or leave one of the two out."
        )
    return engine, family


def _whitened(rng, density, start, search: Search, family: AbstractFamily) -> Density:
    """Coordinates that a mode, or where there is none the largest mean-field ELBO, makes round."""
    if not search.modes:
        return density.whitened(elbo_start(rng, density, np.asarray(start, np.float64)))
    mode = search.modes[0]
    if family.name in _AXIS_ALIGNED:
        # the best factorised normal has the precision's diagonal, and the covariance's where that is far wider
        inverse = np.linalg.inv(mode.scale_tril)
        precision = np.sum(inverse**2, axis=0)
        return density.whitened(Affine(mode.location, 1.0 / np.sqrt(precision)))
    return density.whitened(mode.whitening)


def _reported(key, density: Density, result: EngineResult) -> Posterior:
    if result.draws is not None:
        return of_chains(density, result.draws)
    if result.covariance is None:
        return of_approximation(key, density, result.approximation)
    loc = _mean(key, result.approximation)
    repaired = FullGaussian.of(loc, jnp.linalg.cholesky(jnp.asarray(result.covariance)))
    posterior = of_approximation(key, density, repaired)
    return Posterior(posterior.target, posterior.draws, None, "linear response", posterior.num_effective)


def _mean(key, approximation):
    return approximation.loc if hasattr(approximation, "loc") else approximation.sample(key, 10_000).mean(0)


def _judged(key, engine, family, density, result, search, posterior, tolerance) -> Candidate:
    weigh_key, walk_key = itertools.islice(keys_from(key), 2)
    evidences = weigh(weigh_key, density, result.approximation)
    evidences = walk_on(walk_key, density, result.approximation, evidences.importance, tolerance=tolerance)
    reference = reference_of(density.target, density, evidences)
    checks, verdict = check_fit(
        posterior.moments(), reference, evidences, search, converged=result.converged, message=result.message
    )
    return Candidate(engine.name, family.name, density, result, evidences, posterior, checks, verdict)
