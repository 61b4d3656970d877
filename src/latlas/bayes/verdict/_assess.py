"""What a fit is held against: its own weights, and chains that walk on from its draws."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy.special import logsumexp

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._modes import MAX_NEWTON_DIM, MIN_WEIGHT, Search
from latlas.bayes.targets._coordinates import judged_parameters
from latlas.bayes.targets._target import AbstractTarget
from latlas.bayes.verdict._bridge import bridge_between
from latlas.bayes.verdict._importance import ImportanceDraws, importance_draws, log_density_of
from latlas.bayes.verdict._moments import QUANTILES, Moments, deviations, misplaced
from latlas.bayes.verdict._tails import sd_in_doubt
from latlas.bayes.verdict._verdict import (
    ADVICE,
    MAX_MEAN_ERROR,
    MAX_QUANTILE_ERROR,
    MAX_RMS_MEAN_ERROR,
    MAX_SD_ERROR,
    MAX_SPREAD_ERROR,
    Check,
    Verdict,
    judge,
)
from latlas.core import MAX_ROWS, PARETO_K_LIMIT, Estimate, Evidence, host_rng, keys_from
from latlas.distributions.families import AbstractApproximation, affine_of, gaussian_of
from latlas.sampling import MAX_DIVERGENT, NUM_CHAINS, R_HAT_LIMIT, Chains, short_chains
from latlas.stats import rank_normalised_r_hat

_MAX_NOISE = 0.3  # sds, twice the standard error of a difference of means, beyond which it confirms nothing
_MIN_EFFECTIVE = 400.0  # importance draws without which they are no reference
_TAME_K = 0.5  # below, weights have a variance
_MAX_EVIDENCE_ERROR = 0.25  # nats, a standard error beyond which log Z is not known


@dataclass(frozen=True)
class Diagnostics:
    """A fit's draws, weighted, and what chains make of them.

    Attributes:
        importance: weighted draws of the approximation.
        chains: in the same coordinates; None where they were not run.
        upper: an estimate of log Z from above in the mean, from the chains' draws, in nats; None without chains.
        bridge: log Z between the approximation's draws and those of chains that settled, in nats; None without such.
    """

    importance: ImportanceDraws
    chains: Chains | None
    upper: Estimate | None
    bridge: Estimate | None = None

    @property
    def log_evidence(self) -> Evidence:
        """log Z, and whether to believe it: between draws and chains, or by weights that are tame and agree with that.

        Weights cannot tell what all draws of the approximation miss. Under a log scale with an exponential left tail a
        normal q misses a fifth of the mass, and their k still looks tame; chains that settled have been there.
        """
        found, bridge = self.importance.log_evidence, self.bridge
        tame = found.pareto_k < _TAME_K
        if bridge is None:
            return replace(found, reliable=bool(tame and self.chains is None))
        apart = abs(bridge.value - found.value)
        noise = np.hypot(bridge.standard_error, found.standard_error)
        if tame and apart < 2.0 * noise and found.standard_error < bridge.standard_error:
            return replace(found, reliable=True)
        return replace(
            found,
            value=bridge.value,
            standard_error=bridge.standard_error,
            reliable=bool(bridge.standard_error < _MAX_EVIDENCE_ERROR),
        )


def weigh(key: PRNGKeyArray, density: Density, approximation: AbstractApproximation) -> Diagnostics:
    """The weights alone: cheap."""
    return Diagnostics(importance_draws(key, density, approximation), None, None)


def walk_on(
    key: PRNGKeyArray,
    density: Density,
    approximation: AbstractApproximation,
    importance: ImportanceDraws,
    *,
    tolerance: float,
) -> Diagnostics:
    """Adds chains that begin at importance-resampled draws, in coordinates whitened by those draws."""
    choose_key, walk_key = itertools.islice(keys_from(key), 2)
    usable = np.isfinite(importance.log_ratios)
    inner = affine_of(importance.draws[usable])
    probabilities = np.exp(importance.log_weights) * usable
    if not probabilities.sum() > 0:
        probabilities = usable.astype(float)
    chosen = host_rng(choose_key).choice(len(usable), NUM_CHAINS, p=probabilities / probabilities.sum())
    begin = inner.inverse_rows(importance.draws[chosen])
    inside = density.whitened(inner).value_and_grad
    chains = short_chains(walk_key, inside, begin, tolerance=tolerance)
    flat = judged_parameters(
        density.target, density.unconstrained(inner(chains.draws).reshape(-1, density.dim))
    )
    if chains.converged and sd_in_doubt(flat, NUM_CHAINS):
        chains = short_chains(walk_key, inside, chains.draws[:, -1], tolerance=tolerance / 2.0)
    chains = replace(chains, draws=inner(chains.draws))
    draws = chains.draws
    bridge = None
    if chains.converged:
        bridge = bridge_between(density, approximation, importance, draws)
    return Diagnostics(importance, chains, _upper(density, approximation, draws), bridge)


def between_halves(
    key: PRNGKeyArray, density: Density, diagnostics: Diagnostics, draws: Float[np.ndarray, "chains steps n"]
) -> Diagnostics:
    """Adds the evidence between a normal with the moments of the earlier half of an engine's chains and their later half.

    The normal of all of them would be too near to each draw that it is held against.
    """
    steps = draws.shape[-2]
    if draws.ndim != 3 or rank_normalised_r_hat(draws) >= R_HAT_LIMIT:
        return diagnostics
    q = gaussian_of(draws[:, : steps // 2].reshape(-1, density.dim))
    importance = importance_draws(key, density, q)
    return replace(diagnostics, bridge=bridge_between(density, q, importance, draws[:, steps // 2 :]))


def _upper(density, approximation, draws):
    """log Z <= -log E_p[q / p~] in the mean: from draws of the posterior, as the chains nearly are."""
    flat = draws.reshape(-1, draws.shape[-1])
    w = flat[:: -(-len(flat) // MAX_ROWS)]
    ratios = log_density_of(approximation, w) - density.value(w)
    ratios = ratios[np.isfinite(ratios)]
    value = logsumexp(ratios) - np.log(len(ratios))
    error = np.std(np.exp(ratios - value), ddof=1) / np.sqrt(len(ratios))
    return Estimate(float(-value), float(error))


def check_fit(
    reported: Moments,
    reference: Moments | None,
    diagnostics: Diagnostics,
    search: Search | None,
    *,
    converged: bool,
    message: str,
    rival_log_evidence: float | None = None,
    further: tuple[Check, ...] = (),
    note: str = "",
    names: tuple[str, ...] = (),
    advice: str = ADVICE,
) -> tuple[tuple[Check, ...], Verdict]:
    """All checks of a fit and its verdict.

    Args:
        reported: what the fit tells its user.
        reference: what it is held against, see `reference_of`.
        diagnostics: its weights and chains.
        search: of the modes; None where none was made.
        converged: the engine's own opinion.
        message: the engine's own words.
        further: checks of the draws themselves, see `far_checks`.
        note: what to say before everything else, such as where the draws come from.
        names: of the parameters that are compared; () where they have none.
        advice: what to do where the verdict is bad.
        rival_log_evidence: the largest reliable estimate of log Z by any other fit of the same target, in nats.
    """
    importance, chains = diagnostics.importance, diagnostics.chains
    checks = [_check("engine", float(converged), 1.0, converged, f"The engine {message}.")]
    checks += [_modes_check(search)] if search is not None else []
    checks += _weight_checks(importance)
    checks += _evidence_checks(diagnostics, rival_log_evidence)
    checks += _chain_checks(chains) if chains is not None else []
    checks += [*_moment_checks(reported, reference, names), *further]
    if search is not None and not search.modes:
        note = " ".join(part for part in (note, _modes_check(search).sentence) if part)
    return tuple(checks), judge(checks, note, advice)


def reference_of(target: AbstractTarget, density: Density, diagnostics: Diagnostics) -> Moments | None:
    """Moments that do not rest on the approximation's shape, or None.

    They are those of the chains where they ran, and none where these disagree; without chains those of good weights.
    """
    chains, importance = diagnostics.chains, diagnostics.importance
    if chains is not None:
        if not chains.converged:
            return None
        flat = judged_parameters(target, density.unconstrained(chains.draws.reshape(-1, density.dim)))
        return replace(Moments.of(flat), num_effective=chains.effective_sample_size)
    if importance.pareto_k < PARETO_K_LIMIT and importance.effective_sample_size > _MIN_EFFECTIVE:
        flat = judged_parameters(target, density.unconstrained(importance.draws))
        return Moments.of(flat, np.exp(importance.log_weights))
    return None


def _named(names, index):
    return names[index] if names else f"parameter {index}"


def _check(name, value, limit, passed, sentence):
    return Check(name, float(value), float(limit), bool(passed), sentence)


def _modes_check(search):
    if not search.num_starts:
        sentence = f"No search for modes was made: there are more than {MAX_NEWTON_DIM} dimensions."
        return _check("modes", 0, 1, True, sentence)
    if not search.modes:
        sentence = f"None of {search.num_starts} searches ended at a mode, so the fit began at the largest ELBO instead."
        return _check("modes", 0, 1, True, sentence)
    if len(search.modes) == 1:
        sentence = (
            f"{search.num_starts - search.num_lost} of {search.num_starts} searches ended at the same mode."
        )
    else:
        sentence = (
            f"{len(search.modes)} modes were found, and those other than the fitted ones hold about "
            f"{100 * search.left_out:.2g} % of the mass; family='mixture' can stand for several."
        )
    sentence += (
        f" {search.num_from_prior} searches began at draws from the prior."
        if search.num_from_prior
        else " None began at a draw from a prior: a narrow mode far from the start would not be seen."
    )
    return _check("modes", search.left_out, MIN_WEIGHT, search.left_out < MIN_WEIGHT, sentence)


def _weight_checks(importance):
    k, tv = importance.pareto_k, importance.total_variation
    return [
        _check(
            "pareto_k",
            k,
            PARETO_K_LIMIT,
            k < PARETO_K_LIMIT,
            f"The tail of the importance weights has shape {k:.2f}.",
        ),
        _check(
            "total_variation",
            tv,
            0.2,
            tv < 0.2,
            f"About {100 * tv:.0f} % of the approximation's mass lies in the wrong place.",
        ),
    ]


def _evidence_checks(diagnostics, rival):
    elbo, log_z = diagnostics.importance.elbo, diagnostics.log_evidence
    gap = log_z.value - elbo.value
    checks = [
        _check(
            "elbo_gap",
            gap,
            0.5,
            gap < 0.5,
            f"The ELBO is {gap:.2g} nats below the evidence.",
        ),
        _evidence_check(log_z),
    ]
    if diagnostics.upper is not None:
        below = diagnostics.importance.log_evidence
        width = diagnostics.upper.value - below.value
        noise = 3.0 * np.hypot(diagnostics.upper.standard_error, below.standard_error)
        sentence = f"The estimates of the log evidence from below and from above are {width:.2g} nats apart."
        checks.append(_check("evidence_bracket", width, 0.5, abs(width) < 0.5 + noise, sentence))
    if rival is not None:
        excess = rival - log_z.value
        limit = 1.0 + 3.0 * min(log_z.standard_error, 1.0)
        sentence = f"Another fit of the same posterior found {excess:.2g} nats more evidence."
        checks.append(_check("evidence_agreement", excess, limit, excess < limit, sentence))
    return checks


def _evidence_check(log_z):
    sentence = f"log p(data) is known to {log_z.standard_error:.2g} nats."
    if not log_z.reliable:
        sentence = "log p(data) is not reliable: only wild weights speak for it, or its error is large."
    return _check("evidence", log_z.standard_error, _MAX_EVIDENCE_ERROR, log_z.reliable, sentence)


def _chain_checks(chains):
    return [
        _check(
            "chains",
            chains.r_hat,
            R_HAT_LIMIT,
            chains.r_hat < R_HAT_LIMIT,
            f"{len(chains.draws)} Hamiltonian chains of {chains.num_steps} steps, begun at the fit's draws, have R-hat "
            f"{chains.r_hat:.3f}.",
        ),
        _check(
            "divergences",
            chains.divergent,
            MAX_DIVERGENT,
            chains.divergent <= MAX_DIVERGENT,
            f"{100 * chains.divergent:.2g} % of their trajectories were thrown off.",
        ),
    ]


def _moment_checks(reported, reference, names):
    undefined = np.flatnonzero(~np.isfinite(reported.mean + reported.sd))
    if len(undefined):
        sentence = f"{_named(names, undefined[0])} is nan or infinite in some draws; name others by `judge`."
        return [_check("reference", 0, 1, False, sentence)]
    if reference is None:
        sentence = (
            "Nothing confirms it: its chains disagree, or there are none and its importance weights are wild."
        )
        return [_check("reference", 0, 1, False, sentence)]
    noise = 2.0 * np.sqrt(1.0 / reference.num_effective + 1.0 / reported.num_effective)
    if not noise < _MAX_NOISE:
        sentence = f"Too few effective draws to tell ({reference.num_effective:.0f}): nothing confirms it."
        return [_check("reference", 0, 1, False, sentence)]
    error, spread = deviations(reported, reference)
    rms, worst, sd = np.sqrt(np.mean(error**2)), np.max(error), np.expm1(np.max(spread))
    of_all = "" if sd < MAX_SD_ERROR else f", the worst being that of {_named(names, np.argmax(spread))}"
    return [
        *_quantile_checks(reported, reference, noise),
        _check(
            "mean_error",
            rms,
            MAX_RMS_MEAN_ERROR,
            rms < MAX_RMS_MEAN_ERROR + 0.5 * noise,
            f"Its means are within {rms:.2g} posterior sds (rms) of an independent estimate.",
        ),
        _check(
            "max_mean_error",
            worst,
            MAX_MEAN_ERROR,
            worst < MAX_MEAN_ERROR + 0.5 * noise,
            f"The worst mean, of {_named(names, np.argmax(error))}, is off by {worst:.2g} sds.",
        ),
        _check(
            "sd_error",
            sd,
            MAX_SD_ERROR,
            sd < MAX_SD_ERROR,
            f"Its standard deviations are within {100 * sd:.0f} % of that estimate{of_all}.",
        ),
        _check(
            "spread",
            sd,
            MAX_SPREAD_ERROR,
            sd < MAX_SPREAD_ERROR,
            f"The worst of its standard deviations, of {_named(names, np.argmax(spread))}, is off by a factor of "
            f"{1 + sd:.1f}; beyond {1 + MAX_SPREAD_ERROR} they are no measure of errors of means.",
        ),
    ]


def _quantile_checks(reported, reference, noise):
    off = misplaced(reported, reference)
    if off is None:
        return []
    wanted = np.array(QUANTILES)
    scaled = off.max(axis=1) / np.sqrt(wanted * (1.0 - wanted))
    worst = int(np.argmax(scaled))
    level, mass = 100 * wanted[worst], 100 * off[worst].max()
    sentence = f"The worst of its quantiles, of {level:.0f} %, is off by {mass:.1f} % of the mass."
    passed = scaled[worst] < MAX_QUANTILE_ERROR + 0.5 * noise
    return [_check("quantile_error", scaled[worst], MAX_QUANTILE_ERROR, passed, sentence)]
