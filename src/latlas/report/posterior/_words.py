"""The sentences of the page of a Bayesian fit, for a reader who knows the question and not the method."""

import math

import numpy as np

from latlas.core import PARETO_K_LIMIT
from latlas.report.data._posterior import MAX_R_HAT, BayesReportData, disagreement
from latlas.report.drawing._text import decimal, number, with_error

KINDS = {"trust": "good", "means only": "warning", "do not trust": "bad"}
_MEANINGS = {
    "trust": "You can use the means, standard deviations, quantiles and draws of the parameters. Whether to believe log "
    "p(data) stands beside it.",
    "means only": "You can use the means. Do not use the standard deviations and quantiles unless they are said to be "
    "covered: the spreads are probably wrong, most often too small.",
    "do not trust": "Do not use these numbers: the approximation misses the posterior, and its means may be as wrong as "
    "its spreads.",
}


def meaning(data: BayesReportData) -> str:
    """What the verdict allows."""
    return _MEANINGS.get(data.kind, "Nothing is known about how far to trust this fit.")


def reasons(data: BayesReportData) -> str:
    """Why, in the words of the fit."""
    told = [str(reason).strip() for reason in data.evaluation.get("reasons") or ()]
    told = told or [str(data.evaluation.get("verdict", "")).partition(":")[2].strip()]
    return " ".join(
        sentence if sentence.endswith((".", "!", "?")) else f"{sentence}." for sentence in told if sentence
    )


def fitted(data: BayesReportData) -> str:
    """What was done."""
    found = data.evaluation
    count = len(found.get("parameters") or data.draws)
    plural = "" if count == 1 else "s"
    text = (
        f"The posterior distribution of {count:,} number{plural} was approximated by the engine {found.get('engine')} with "
        f"the family {found.get('family')}"
    )
    evaluations, seconds = decimal(found.get("num_evaluations")), decimal(found.get("seconds"))
    if math.isfinite(evaluations) and math.isfinite(seconds):
        text += f", in {seconds:.1f} s and {evaluations:,.0f} evaluations of the model's gradient"
    rungs = found.get("ladder") or ()
    if len(rungs) > 1:
        text += f". It is the best of {len(rungs)} attempts, made from cheap to expensive and listed below"
    return text + "."


def evidence(data: BayesReportData) -> str:
    """The bound, the evidence, and how far they lie apart."""
    (elbo, elbo_error), (log_p, log_p_error) = pair(data, "elbo"), pair(data, "log_evidence")
    if not math.isfinite(elbo):
        return "The bound on the evidence was not measured."
    text = f"The evidence lower bound (ELBO) is {with_error(elbo, elbo_error)} nats"
    if not math.isfinite(log_p):
        return text + "; the evidence itself, log p(data), was not measured."
    gap = round(log_p - elbo, 6)
    error = math.hypot(elbo_error, log_p_error)
    text += f", and log p(data) is estimated at {with_error(log_p, log_p_error)} nats. "
    if math.isfinite(error) and abs(gap) <= max(2 * error, 1e-4):
        text += f"They agree within their errors ({with_error(gap, error)}): the bound is tight."
    else:
        text += (
            f"The bound lies {with_error(gap, error)} nats below: as much as the approximation differs from the posterior "
            "(its KL divergence)."
        )
    k = decimal(data.evaluation.get("pareto_k"))
    if not (data.evaluation.get("log_evidence") or {}).get("reliable"):
        shape = f" (Pareto k-hat {number(k, 2)}; the limit is {PARETO_K_LIMIT})" if math.isfinite(k) else ""
        text += (
            f" But nothing confirms the estimate of log p(data), and a few lucky draws may decide it{shape}: it is probably "
            "too low, and its error too short."
        )
    return (
        text
        + " The ± is one standard error. To compare two models of the same data, subtract their values of log p(data): "
        "one nat more means e ≈ 2.7 times as probable."
    )


def reference(data: BayesReportData) -> str:
    """How the fit compares with NUTS; empty where it was not run."""
    if not data.reference:
        return ""
    found = {name: disagreement(data.draws[name], draws) for name, draws in data.reference.items()}
    shifts = {name: abs(shift) for name, (shift, _) in found.items() if math.isfinite(shift)}
    if not shifts:
        return "NUTS was run as a reference, and its draws do not vary."
    worst = max(shifts, key=shifts.__getitem__)
    ratios = [ratio for _, ratio in found.values() if math.isfinite(ratio)]
    low, high = number(min(ratios), 3), number(max(ratios), 3)
    return (
        f"Against NUTS, the slow reference, the means are off by {number(_rms(list(shifts.values())), 2)} posterior "
        f"standard deviations (root mean square; at most {number(shifts[worst], 2)}, of `{worst}`), and the standard "
        f"deviations are {low} to {high} times those of NUTS. {_of_nuts(data.reference_r_hat)}"
    )


def _of_nuts(r_hat: float) -> str:
    if r_hat > MAX_R_HAT:
        return (
            f"But the chains of NUTS disagree among themselves (R-hat {number(r_hat, 3)}, above {MAX_R_HAT}): it has not "
            "converged either, and is no reference here."
        )
    return "NUTS's own draws are random too: differences of a few hundredths mean nothing."


def next_steps(data: BayesReportData) -> list[str]:
    """What to do now, a sentence each."""
    call = f'`latlas.bayes.load("{data.run.path}")`'
    load = f"In Python, {call} gives the draws, `summary()` and `to_arviz()`; it runs no model."
    again = "`latlas bayes MODEL.py:NAME DATA --out NEW"
    nuts = f"Run {again} --reference nuts`: exact up to Monte Carlo error, and slower."
    if data.kind == "trust":
        checked = (
            [] if data.reference else [f"To see it checked, run {again} --reference nuts`, which is slower."]
        )
        return [
            load,
            "Quote each mean with its standard deviation; the Monte Carlo error (mcse) is the rounding.",
            *checked,
        ]
    if data.kind == "means only":
        spreads = (
            ["Take the spreads from the NUTS draws that are stored beside these."]
            if data.reference
            else [nuts]
        )
        return [*spreads, f"Or try a richer family: {again} --family full-rank`.", load]
    taken = ["NUTS was run: take its draws, which are stored beside these."] if data.reference else [nuts]
    return [
        *taken,
        "Look at the checks that decide, below: the first that failed says where the posterior is hard.",
        "Often the model can be told in another way: group effects as mean + scale × standard normal (non-centred), scales "
        "with a prior that keeps them off zero, predictors standardised, one parameter less where two do the same.",
    ]


def pair(data: BayesReportData, name: str) -> tuple[float, float]:
    """Value and standard error of an entry; NaN where unknown."""
    entry = data.evaluation.get(name)
    if isinstance(entry, dict):
        error = decimal(entry.get("standard_error"))
        # less than a millionth of a nat is rounding, where the family contains the posterior
        return decimal(entry.get("value")), 0.0 if error < 1e-6 else error
    return decimal(entry), math.nan


def _rms(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
