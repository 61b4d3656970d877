"""From cheap to expensive until the diagnostics pass: what `engine="auto"` does."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import MAX_NEWTON_DIM, MIN_WEIGHT, Search, look_again
from latlas.bayes.densities._noncentring import find_non_centring, look_into_neck
from latlas.bayes.engines._batch_and_match import BatchAndMatch
from latlas.bayes.engines._dadvi import DeterministicAdvi
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.bayes.engines._nuts import Nuts
from latlas.bayes.fitting._start import elbo_start
from latlas.bayes.targets._coordinates import judged_names
from latlas.bayes.verdict._assess import Diagnostics, between_halves, check_fit, reference_of, walk_on, weigh
from latlas.bayes.verdict._far_mass import far_checks
from latlas.bayes.verdict._halves import halves
from latlas.bayes.verdict._importance import ImportanceDraws
from latlas.bayes.verdict._moments import deviations
from latlas.bayes.verdict._posterior import Posterior, of_chains, of_result, of_weights
from latlas.bayes.verdict._verdict import ADVICE, MAX_RMS_MEAN_ERROR, MAX_SD_ERROR, Check, Verdict
from latlas.core import PARETO_K_LIMIT, Estimate, Evidence, WorkError, keys_from
from latlas.distributions.families import FullGaussian, FullRank, MeanField, MixtureApproximation
from latlas.stats import rank_normalised_r_hat


def mixture_at(search: Search) -> MixtureApproximation:
    """One normal for each mode, weighted by Laplace's estimates of their masses."""
    normals = [FullGaussian.of(mode.location, mode.scale_tril) for mode in search.modes]
    return MixtureApproximation(
        jax.tree.map(lambda *leaves: np.stack(leaves), *normals), np.log(search.weights)
    )


_CLOSE_K, _CLOSE_TV = 0.5, 0.1  # Laplace is looked at no further unless its weights are this tame
# of the last rung; ask for engine="nuts" where it needs more
_NUTS_GRADIENTS, _NUTS_SECONDS = 600_000, 300.0
_NEARLY = 1.5  # R-hat of chains that began at a fit, beyond which it is in no place for NUTS to begin at
_ENOUGH_DRAWS = 1000.0  # effective importance draws that are preferred to the chains' draws


@dataclass(frozen=True)
class Rung:
    """One attempt of the ladder.

    Attributes:
        engine: its name.
        family: its name.
        note: what happened, in a few words.
        elbo: nats; None where nothing came out, or where one engine was named (see `Fit.elbo`).
        seconds: spent on it.
        num_evaluations: gradient evaluations spent on it.
    """

    engine: str
    family: str
    note: str
    elbo: Estimate | None
    seconds: float
    num_evaluations: int

    def __str__(self) -> str:
        elbo = "" if self.elbo is None else f", ELBO {self.elbo.value:.2f}"
        return f"{self.engine} ({self.family}){elbo}: {self.note} [{self.seconds:.1f} s, {self.num_evaluations} gradients]"


@dataclass(frozen=True)
class Candidate:
    """A fit with what it was held against.

    Attributes:
        engine: name.
        family: name.
        density: whose coordinates the result is in.
        result: of the engine.
        diagnostics: weights and chains.
        posterior: the draws it would report.
        checks: all.
        verdict: what follows.
    """

    engine: str
    family: str
    density: Density
    result: EngineResult
    diagnostics: Diagnostics
    posterior: Posterior
    checks: tuple[Check, ...]
    verdict: Verdict

    @property
    def importance(self) -> ImportanceDraws:
        """Weighted draws of the approximation."""
        return self.diagnostics.importance

    @property
    def log_evidence(self) -> Evidence:
        """log Z by its weights and chains, in nats; reliable only where nothing says that mass lies elsewhere."""
        found = self.diagnostics.log_evidence
        return replace(found, reliable="log evidence" in self.verdict.covers)

    @property
    def judged(self) -> "Candidate":
        """Itself: nothing is left to be worked out."""
        return self


def climb(
    key: PRNGKeyArray,
    density: Density,
    start: Float[np.ndarray, " n"],
    search: Search,
    *,
    tolerance: float,
    progress: Callable[[Rung], None],
) -> tuple[Candidate, tuple[Rung, ...], tuple[Candidate, ...]]:
    """Laplace, batch and match, the same in non-centred coordinates, NUTS: the first whose verdict is "trust".

    Where several modes share the mass, a mixture of their normals comes first. Beyond 500 dimensions mean-field
    deterministic ADVI, without linear response, takes the place of all before NUTS.

    Args:
        key: for all that is drawn.
        density: of the target, in its own coordinates.
        start: a point with a finite density.
        search: the modes.
        tolerance: of the means, in posterior standard deviations.
        progress: called with each rung.

    Returns:
        The best candidate, the ladder, and all candidates in the order of its rungs.
    """
    ladder = _Ladder(key, density, start, search, tolerance, progress)
    for rung in ladder.rungs_in_order():
        rung()
        if ladder.best is not None and ladder.best.verdict.kind == "trust":
            break
    if ladder.best is None:
        tried = " ".join(f"{rung}." for rung in ladder.rungs)
        raise WorkError(
            f"No engine could fit this posterior. {tried} Is it proper? Look at its scales and its support."
        )
    return ladder.best, tuple(ladder.rungs), tuple(ladder.candidates)


def advice_after(engine: str) -> str:
    """What to do where a fit by this engine cannot be trusted."""
    if engine == "nuts":
        return (
            "Look at the parametrisation, or give it more: engine=Nuts(max_gradients=..., max_seconds=...)."
        )
    return ADVICE


_NOTES = {
    "none": "",
    "importance": "Its draws are importance-weighted.",
    "linear response": "Its standard deviations are repaired by linear response.",
    "weighted moments": "Its standard deviations are those of weighted draws.",
    "chains": "Its draws are those of the Markov chains that began at it.",
}
_ERROR_STEPS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # sds, between which fits are equally good
_RANK = {"trust": 2, "means only": 1, "do not trust": 0}


class _Ladder:
    def __init__(self, key, density, start, search, tolerance, progress):
        self.keys = keys_from(key)
        self.plain, self.start, self.search = density, start, search
        self.tolerance, self.progress = tolerance, progress
        self.rungs, self.candidates, self.best, self.rival = [], [], None, None
        self.coordinates = None  # of the last fit at which chains nearly stayed: where NUTS begins
        self.any_fit = False

    def rungs_in_order(self):
        if self.plain.dim > MAX_NEWTON_DIM:
            return self.mean_field, self.nuts
        rungs = self.laplace, self.batch_and_match, self.non_centred, self.nuts
        return (self.mixture_of_modes, *rungs) if self.search.left_out > MIN_WEIGHT else rungs

    def mixture_of_modes(self):
        alone = self.search
        self.search = look_again(next(self.keys), self.plain, self.start, alone)
        result = EngineResult(
            mixture_at(self.search), True, f"took the normals of {len(self.search.modes)} modes"
        )
        self._attempt("laplace", self.plain, lambda: result, family="mixture")
        self.search = replace(self.search, left_out=float(self.search.weights[1:].sum()))

    def mean_field(self):
        density = self.plain.whitened(elbo_start(next(self.keys), self.plain, self.start))
        family = MeanField()
        run = lambda: DeterministicAdvi()(next(self.keys), density, family, tolerance=self.tolerance)  # noqa: E731
        self._attempt("dadvi", density, run, family=family.name)

    def laplace(self):
        if not self.search.modes:
            return
        density = self.plain.whitened(self.search.modes[0].whitening)
        result = EngineResult(
            FullRank().init(next(self.keys), density.dim), True, "found a mode and its Hessian"
        )
        self._attempt("laplace", density, lambda: result, gate=True)

    def batch_and_match(self):
        if not self.search.modes:
            return
        density = self.plain.whitened(self.search.modes[0].whitening)
        self._attempt("batch-and-match", density, lambda: self._run(BatchAndMatch(), density))

    def non_centred(self):
        keys = keys_from(next(self.keys))
        guess = elbo_start(next(keys), self.plain, self.start)
        bijection = find_non_centring(next(self.keys), self.plain, guess)
        if bijection is None:
            if self.search.modes:
                return
            density = self.plain.whitened(guess)
            self._attempt("batch-and-match", density, lambda: self._run(BatchAndMatch(), density))
            return
        spread = elbo_start(next(keys), self.plain.through(bijection), bijection.origin)
        bijection = look_into_neck(next(self.keys), self.plain, bijection, guess, spread)
        straight = self.plain.through(bijection)
        density = straight.whitened(elbo_start(next(keys), straight, bijection.origin))
        note = f"non-centred by {len(bijection.parents)} scale{'s' * (len(bijection.parents) > 1)}; "
        self._attempt("batch-and-match", density, lambda: self._run(BatchAndMatch(), density), note=note)

    def nuts(self):
        if not self.any_fit:
            return  # where all ran off there is likely no posterior, and chains would run off without a word
        density = self.plain
        if self.coordinates is not None:
            fitted, approximation = self.coordinates
            density = fitted.whitened(approximation.affine)
        engine = Nuts(max_gradients=_NUTS_GRADIENTS, max_seconds=_NUTS_SECONDS)
        # to tell whether there is a standard deviation takes more draws than a mean does
        heavy = any(c.name == "sd_tails" and not c.passed for found in self.candidates for c in found.checks)
        tolerance = self.tolerance / (2.0 if heavy else 1.0)
        self._attempt("nuts", density, lambda: self._run(engine, density, tolerance))

    def _run(self, engine: AbstractEngine, density, tolerance=None):
        return engine(next(self.keys), density, FullRank(), tolerance=tolerance or self.tolerance)

    def _attempt(self, engine, density, run, *, family="full-rank", gate=False, note=""):
        began, before = time.perf_counter(), density.count.num_evaluations
        elbo = None
        try:
            result = run()
            diagnostics = weigh(next(self.keys), density, result.approximation)
            elbo, self.any_fit = diagnostics.importance.elbo, True
            if gate and not _close(diagnostics):
                note += "not close to normal"
            else:
                candidate = self._judged(engine, family, density, result, diagnostics)
                note += str(candidate.verdict)
                self.candidates.append(candidate)
                chains = candidate.diagnostics.chains
                if chains is not None and chains.r_hat < _NEARLY:
                    self.coordinates = (density, result.approximation)
                if self.best is None or _worth(candidate) > _worth(self.best):
                    self.best = candidate
        except (WorkError, np.linalg.LinAlgError) as error:
            note += f"failed: {error}"
        evaluations = density.count.num_evaluations - before
        rung = Rung(engine, family, note, elbo, time.perf_counter() - began, evaluations)
        self.rungs.append(rung)
        self.progress(rung)

    def _judged(self, engine, family, density, result, diagnostics):
        importance = diagnostics.importance
        if result.draws is None and family != "mixture":  # no chain of ours walks from mode to mode
            diagnostics = walk_on(
                next(self.keys), density, result.approximation, importance, tolerance=self.tolerance
            )
        if result.draws is not None:
            diagnostics = between_halves(next(self.keys), density, diagnostics, result.draws)
        posterior = _best_posterior(next(self.keys), density, result, diagnostics)
        reported = posterior.judged_moments()
        if posterior.correction == "chains":
            # the chains are the answer and cannot judge themselves as a whole
            draws = _walked(result, diagnostics)
            thrown_off = result.details.get("num_divergences", 0)
            short = diagnostics.chains
            settled = short is None or short.converged
            found = halves(density, draws, posterior.num_effective, thrown_off) if settled else None
            reference, reported = found or (None, reported)
        elif diagnostics.chains is None:
            # weighted draws cannot judge themselves either: fresh ones do
            fresh = weigh(next(self.keys), density, result.approximation)
            reference = reference_of(density.target, density, fresh)
        else:
            reference = reference_of(density.target, density, diagnostics)
        checks, verdict = check_fit(
            reported,
            reference,
            diagnostics,
            self.search,
            converged=result.converged,
            message=result.message,
            rival_log_evidence=self.rival,
            further=far_checks(next(self.keys), density, posterior, diagnostics.chains, self.search),
            note=_NOTES[posterior.correction],
            names=judged_names(density.target),
            advice=advice_after(engine),
        )
        log_z = diagnostics.log_evidence
        if log_z.reliable and (self.rival is None or log_z.value > self.rival):
            self.rival = log_z.value
        return Candidate(engine, family, density, result, diagnostics, posterior, checks, verdict)


def _worth(candidate):
    """By verdict; of two alike by whether the chains that its draws are of, or that began at them, agree; then by ELBO.

    An ELBO says nothing of what the draws miss: of two fits that nobody can trust, a normal in a funnel's neck has often
    the larger one, and chains of NUTS that nearly agree the better draws.
    """
    elbo = candidate.importance.elbo.value
    return _RANK[candidate.verdict.kind], -_disagreement(candidate), elbo if np.isfinite(elbo) else -np.inf


def _disagreement(candidate):
    """Standard error of a mean, in sds, as the chains' own means tell it, in steps; infinite where there are no chains.

    Between means of m chains stands R-hat^2 - 1 of the variance within them: 64 short chains at 1.2 know a mean better than
    four long ones at 1.1. Chains that have little in common count as one.
    """
    if candidate.result.draws is None and candidate.diagnostics.chains is None:
        return np.inf
    draws = _walked(candidate.result, candidate.diagnostics)
    r_hat = rank_normalised_r_hat(draws)
    variance = (r_hat**2 - 1.0) / (draws.shape[0] if r_hat < _NEARLY else 1.0)
    return float(np.searchsorted(_ERROR_STEPS, variance**0.5))


def _walked(result, diagnostics):
    """Draws of the chains: an engine's own, else those that began at its fit."""
    if result.draws is not None:
        return result.draws
    assert diagnostics.chains is not None  # where nothing has draws of its own, chains were run
    return diagnostics.chains.draws


def _close(diagnostics):
    return diagnostics.importance.pareto_k < _CLOSE_K and diagnostics.importance.total_variation < _CLOSE_TV


def _best_posterior(key, density, result, diagnostics):
    importance, chains = diagnostics.importance, diagnostics.chains
    if result.draws is not None:
        return of_chains(density, result.draws)
    walked = None
    if chains is not None and chains.converged:
        walked = of_chains(density, chains.draws, chains.effective_sample_size)
    if importance.pareto_k < PARETO_K_LIMIT and importance.effective_sample_size > _ENOUGH_DRAWS:
        weighted = of_weights(density, importance)
        if walked is None or _alike(weighted.judged_moments(), walked.judged_moments()):
            return weighted
    if walked is not None:
        return walked
    if chains is not None and np.isfinite(chains.draws).all():
        # no step of a chain that leaves the posterior invariant takes its draws farther from it
        return of_chains(density, chains.draws, min(chains.effective_sample_size, float(len(chains.draws))))
    return of_result(key, density, result)


def _alike(moments, others):
    """Half as far apart as a fit that is trusted may be."""
    error, spread = deviations(moments, others)
    return np.sqrt(np.mean(error**2)) < 0.5 * MAX_RMS_MEAN_ERROR and spread.max() < 0.5 * MAX_SD_ERROR
