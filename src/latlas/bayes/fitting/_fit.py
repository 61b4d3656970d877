"""The front door: a posterior in, a fit and a verdict out."""

import itertools
import numbers
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from latlas.bayes.densities._anchor import anchored
from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import LazySearch
from latlas.bayes.engines._advi import Advi
from latlas.bayes.engines._dadvi import DeterministicAdvi
from latlas.bayes.engines._engine import AbstractEngine
from latlas.bayes.engines._inclusive import Inclusive
from latlas.bayes.engines._names import engine_named, family_named
from latlas.bayes.engines._nuts import Nuts
from latlas.bayes.fitting._assessment import LazyAssessment
from latlas.bayes.fitting._findings import Fresh
from latlas.bayes.fitting._ladder import Rung, climb
from latlas.bayes.fitting._result import Fit
from latlas.bayes.fitting._start import elbo_start, starting_point
from latlas.bayes.targets._coordinates import judging
from latlas.bayes.targets._dependence import dependence_of_model
from latlas.bayes.targets._log_density import as_target
from latlas.bayes.targets._numpyro import NumPyroTarget
from latlas.bayes.targets._stochastic import AbstractStochasticTarget
from latlas.bayes.targets._target import AbstractTarget
from latlas.bayes.verdict._posterior import constrained
from latlas.core import (
    RequestError,
    drop_old_programs,
    in_float64,
    keys_from,
    with_one_blas_thread,
)
from latlas.distributions.families import AbstractFamily, Affine, Diagonal, FullRank, Structured

# what fits a family where the user names no engine: the first of these that can
_CHEAPEST_FIRST = (DeterministicAdvi, Advi, Inclusive)


class _Keys(NamedTuple):
    """What is drawn in one fit, in the order in which its key gives them."""

    target: PRNGKeyArray
    start: PRNGKeyArray
    search: PRNGKeyArray
    fit: PRNGKeyArray
    judge: PRNGKeyArray
    reference: PRNGKeyArray


@with_one_blas_thread
@in_float64
def fit(
    model: Callable | AbstractTarget,
    data_or_init: PyTree = None,
    *,
    key: PRNGKeyArray,
    engine: str | AbstractEngine = "auto",
    family: str | AbstractFamily | None = None,
    tolerance: float = 0.1,
    bijections: Mapping[str, Any] | None = None,
    reference: str | None = None,
    num_starts: int = 12,
    judge: Collection[str] | None = None,
    progress: Callable[[Rung], None] | None = None,
) -> Fit:
    """An approximate posterior with error bars and a verdict.

    Computes in float64, whatever the global flag.

    Args:
        model: a NumPyro model; or a log density, a function of a pytree of unconstrained arrays; or a target.
        data_or_init: the model's data, a dict of its keyword arguments or a tuple; or for a log density the parameters to
            begin at, such as `jnp.zeros(d)`.
        key: for all that is drawn.
        engine: a name, an engine, or "auto": from cheap to expensive until the checks pass.
        family: a name or a family; None: the engine's first.
        tolerance: wanted accuracy of the means, in posterior standard deviations.
        bijections: for a log density, NumPyro constraints or transforms by parameter name.
        reference: "nuts" to draw from the posterior itself as well, for comparison.
        num_starts: searches for a mode.
        judge: names of the parameters that the verdict is about, deterministic sites if need be; None: all of a log density,
            and of a NumPyro model the sites that are sampled.
        progress: called with each rung of the ladder, once it is done; by default rungs are printed where standard error
            is a terminal.

    Raises:
        RequestError: for what cannot be fitted, an unknown engine or family, or a pair that do not go together.
        DataError: for data that cannot be used.
        WorkError: where nothing usable comes out.
    """
    began = time.perf_counter()
    drop_old_programs()
    chosen, kind = _checked(engine, family, tolerance, reference, num_starts)
    keys = _Keys(*itertools.islice(keys_from(key), len(_Keys._fields)))
    target = _whole(keys.search, as_target(keys.target, model, data_or_init, bijections=bijections))
    if isinstance(kind, Structured) and not kind.dependence and isinstance(target, NumPyroTarget):
        kind = Structured(dependence_of_model(target.program.model, target.program.arguments.data))
    density = Density(target if judge is None else judging(target, judge))
    search = LazySearch(keys.search, density, starting_point(keys.start, density), num_starts)
    progress = progress or _print_on_terminal
    if chosen is None:
        found, ladder, attempts = climb(
            keys.fit, density, search.start, search.found, tolerance=tolerance, progress=progress
        )
    else:
        attempts = ()
        found, rung = _one_engine(keys, chosen, kind, search, tolerance, began)
        ladder = (rung,)
        progress(rung)
    seconds = time.perf_counter() - began
    draws = None if reference is None else _nuts_draws(keys.reference, found, tolerance)
    findings = Fresh(keys.judge, found, tolerance, attempts)
    return Fit(found.engine, found.family, ladder, seconds, draws, findings)


def _one_engine(keys, engine, family, search, tolerance, began):
    """What an engine finds, and the only rung of its ladder."""
    density, count = _whitened(engine, family, search), search.density.count
    before = count.num_evaluations
    result = engine(keys.fit, density, family, tolerance=tolerance)
    spent = time.perf_counter() - began, count.num_evaluations - before
    found = LazyAssessment(keys.judge, engine.name, family.name, density, result, search, tolerance)
    return found, Rung(engine.name, family.name, result.message, None, *spent)


def _whole(key, target):
    """The target, or what stands for one that cannot be evaluated on all of its data at once."""
    if not isinstance(target, AbstractStochasticTarget) or target.is_exact:
        return target
    return anchored(key, target, np.zeros(target.dim) if target.start is None else np.asarray(target.start))


def _print_on_terminal(rung):
    if sys.stderr is not None and sys.stderr.isatty():
        print(rung, file=sys.stderr)


def _checked(
    engine, family, tolerance, reference, num_starts
) -> tuple[AbstractEngine, AbstractFamily] | tuple[None, None]:
    """The engine and the family as objects; no engine for the ladder."""
    if not (isinstance(tolerance, numbers.Real) and 0.0 < float(tolerance) <= 1.0):
        raise RequestError(
            f"tolerance is {tolerance!r}; expected posterior standard deviations between 0 and 1, such as 0.1."
        )
    if num_starts < 1:
        raise RequestError(f"num_starts is {num_starts}; expected at least 1 search for a mode.")
    if reference not in (None, "nuts"):
        raise RequestError(f"reference is {reference!r}; expected 'nuts' or nothing.")
    if isinstance(engine, str) and engine == "auto" and family is None:
        return None, None
    return _pair(engine, family)


def _nuts_draws(key, found, tolerance):
    """Draws of NUTS, begun at the fit, as the user's parameters: each `(chains, draws, ...)`."""
    density = found.density
    result = Nuts(start=found.result.approximation)(key, density, FullRank(), tolerance=tolerance)
    assert result.draws is not None  # NUTS gives draws
    chains, steps, dim = result.draws.shape
    u = density.unconstrained(result.draws.reshape(-1, dim))
    return jax.tree.map(
        lambda a: np.asarray(a).reshape(chains, steps, *a.shape[1:]), constrained(density.target, u)
    )


def _pair(engine: Any, family: Any) -> tuple[AbstractEngine, AbstractFamily]:
    if isinstance(engine, str) and engine == "auto":
        family = family_named(family)
        able = [kind for kind in _CHEAPEST_FIRST if family.name in kind.families]
        engine = (able or _CHEAPEST_FIRST)[0]()
    engine = engine_named(engine)
    family = family_named(engine.families[0] if family is None else family)
    if family.name not in engine.families:
        raise RequestError(
            f"The engine {engine.name} fits {', '.join(engine.families)}; got the family {family.name}. Take another "
            "engine, or leave one of the two out."
        )
    return engine, family


def _whitened(engine: AbstractEngine, family: AbstractFamily, search: LazySearch) -> Density:
    """Coordinates that a mode, or where there is none the largest mean-field ELBO, makes round."""
    density, start = search.density, search.start
    if isinstance(engine, DeterministicAdvi) and family.is_axis_aligned:
        return density.whitened(
            Affine(start, Diagonal(np.ones(density.dim)))
        )  # it finds the scales by itself
    if not search.found.modes:
        return density.whitened(elbo_start(search.key, density, np.asarray(start, np.float64)))
    mode = search.found.modes[0]
    if family.is_axis_aligned:
        # the best factorised normal has the precision's diagonal
        inverse = np.linalg.inv(mode.scale_tril)
        precision = np.sum(inverse**2, axis=0)
        return density.whitened(Affine(mode.location, Diagonal(1.0 / np.sqrt(precision))))
    return density.whitened(mode.whitening)
