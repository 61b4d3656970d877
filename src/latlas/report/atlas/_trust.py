"""Whether to believe what was measured, and why."""

import math
from typing import NamedTuple

from latlas.core import PARETO_K_LIMIT
from latlas.evaluation.evidence import BracketSummary
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import bracket, evidence
from latlas.report.drawing._text import number, told

HOPELESS_K = 1.0  # a tail of this shape has no mean, as far as the draws can tell
MOST_ERRORS = 2  # by which the sides of a bracket may cross by chance


class Trust(NamedTuple):
    """Whether to believe the evidence (None: not measured), a word for the badge, and a sentence."""

    reliable: bool | None
    badge: str
    sentence: str


def trust(data: ReportData) -> Trust:
    """Whether to believe the evidence: the bracket where there is one, else the importance-weighted estimate."""
    found = bracket(data)
    return _of_importance(data) if found is None else _of_bracket(found)


def crosses(found: BracketSummary) -> bool:
    """Whether the lower side lies above the upper by more than chance."""
    error = found.width.standard_error if math.isfinite(found.width.standard_error) else 0.0
    return -found.width.value > MOST_ERRORS * error


def _of_bracket(found: BracketSummary) -> Trust:
    if crosses(found):
        return Trust(
            False,
            "not reliable",
            f"Do not lean on this range: its lower side lies {number(-found.width.value, 2)} nats above its "
            "upper side, more than chance allows, so one of the two has not settled. Evaluate again with more "
            "steps and draws.",
        )
    shaky = [name for name in ("lower", "upper") if not getattr(found, name).reliable]
    if shaky:
        sides = " and the ".join(shaky)
        return Trust(
            False,
            "not reliable",
            f"Do not lean on this range yet: a few lucky draws decide the {sides} side, so that its error is "
            "probably too short. Evaluate again with more steps and draws.",
        )
    if found.upper_is_bound:
        return Trust(
            True, "reliable", "You can believe this range: up to their ±, both of its sides are bounds."
        )
    if found.simulated_width is None:
        return Trust(
            None,
            "not checked",
            "The upper side is an estimate and no bound, and how far it may be off was not measured on data "
            "simulated from the model: lean on the lower side only.",
        )
    return Trust(
        True,
        "checked on simulated data",
        "The lower side is a bound up to its ±. The upper side is an estimate and no bound, because nobody knows the exact "
        "places of real data on the map. On data simulated from the model, where they are known and both sides "
        f"are bounds, the sides lie {told(found.simulated_width)} nats apart: as far as the data "
        "resemble simulated ones, expect the range to be off by no more than about that.",
    )


def _of_importance(data: ReportData) -> Trust:
    found = evidence(data)
    if found is None:
        return Trust(None, "not measured", "")
    k, ess, draws = found.pareto_k, found.effective_sample_size, found.num_samples
    work = ""
    if math.isfinite(ess) and draws:
        work = (
            f" Each example's figure averages {draws:,.0f} random draws, which do the work of about "
            f"{number(ess, 2)} "
            "equally good ones (the effective sample size)."
        )
    shape = f" (Pareto k-hat {number(k, 2)}; the limit is {PARETO_K_LIMIT})" if math.isfinite(k) else ""
    if not found.reliable and not math.isfinite(k):
        return Trust(
            False,
            "not reliable",
            f"Do not lean on this figure yet: {draws:,.0f} draws of each example are too few to tell whether a lucky one "
            "decides it. Evaluate again with more draws (`--num-samples`).",
        )
    if found.reliable:
        return Trust(
            True,
            "reliable",
            f"You can believe this figure and its error: no handful of lucky draws decides it{shape}.{work}",
        )
    return Trust(
        False,
        "not reliable",
        f"Do not lean on this figure yet: a few lucky draws decide it{shape}, so the true value is probably "
        "higher and "
        f"the error bar too short.{work} {_way_out(k)}, or rely on the ELBO, which is a floor whatever the draws.",
    )


def _way_out(k: float) -> str:
    """What helps: a mean with so heavy a tail settles slowly, or in no time that anybody has."""
    if k < HOPELESS_K:
        return "Evaluate again by annealing (`--bound ais`); more draws (`--num-samples`) help slowly"
    return "More draws do not help against such a tail: evaluate again by annealing (`--bound ais`)"
