"""The report's sentences, for a reader who knows the data and not the method."""

import math

import numpy as np

from latlas.evaluation.evidence import BracketSummary
from latlas.evaluation.inference import GapSummary
from latlas.evaluation.rate import Information
from latlas.report.atlas._trust import crosses
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import bracket, certificate, elbo, evidence, gap, information
from latlas.report.data._items import kind_of, whose
from latlas.report.drawing._text import decimal, number, told, with_error

ALL = 0.995  # of the examples: what rounds to 100 %


def learned(data: ReportData) -> str:
    """What the model is, in two sentences."""
    parts = []
    dimensions = num_dimensions(data)
    if dimensions is not None:
        plural = "" if dimensions == 1 else "s"
        parts.append(
            f"The model describes every example by {dimensions} number{plural} (its place on the map) and "
            "can turn any "
            "place on the map back into an example."
        )
        active = num_active(data)
        if active is not None:
            rest = "; the rest tell next to nothing about an example" if active < dimensions else ""
            none = f"It uses none of the {dimensions}: every example gets the same place."
            parts.append(f"Of the {dimensions} it uses {active}{rest}." if active else none)
    if data.run.likelihood:
        parts.append(
            f"Values are modelled by the {data.run.likelihood} likelihood{_reason(data.run.likelihood_reason)}."
        )
    return " ".join(parts) or "Nothing is known about the model; fit one with `latlas fit DATA --out RUN`."


def quality(data: ReportData) -> str:
    """How good the model is on the data it was measured on, and whether these were new to it."""
    found = bracket(data)
    if found is not None:
        return _range(found, among(data, shared(found))) + _seen(data) + _HIGHER
    known = evidence(data)
    if known is None:
        return (
            "How good the model is on new data was not measured (or the result is not a finite number). "
            f"Run `latlas evaluate {data.run.path} DATA` with examples kept out of the fit, then make the report "
            "again."
        )
    count = (data.measures.evaluation or {}).get("num_examples")
    text = f"It gives {among(data, count)} a log-probability of {told(known)} nats each, on average. {_seen(data)}"
    if math.isfinite(known.standard_error):
        text += (
            "The ± is one standard error: other examples of the same kind would move the figure by about "
            "that much. "
        )
    return text + _HIGHER


def among(data: ReportData, count: int | None) -> str:
    """Which examples a figure speaks of, where it was measured on so many of them."""
    evaluation = data.measures.evaluation or {}
    called, total = whose(evaluation.get("of_fit")), evaluation.get("num_examples")
    if not isinstance(count, int):
        return called
    if isinstance(total, int) and count < total:
        return f"{count:,} of the {total:,} {called}"
    return f"the {count:,} {called}"


def _seen(data: ReportData) -> str:
    if (data.measures.evaluation or {}).get("of_fit"):
        return "The model was fitted to these very examples, so that the figure of new ones is lower. "
    return ""


def shared(found: BracketSummary) -> int | None:
    """On how many examples the bracket and the other estimates were measured; None where nobody said."""
    return (found.same_examples.num_examples or None) if found.same_examples is not None else None


def _range(found: BracketSummary, among: str) -> str:
    exact = ""
    if found.exact is not None:
        exact = f"This model knows the figure exactly: {number(found.exact, 5)} nats. "
    if crosses(found):
        return (
            f"What it gives {among} could not be enclosed: the lower estimate of the log-probability, "
            f"{told(found.lower)} nats each on average, lies above the upper one, "
            f"{told(found.upper)}. {exact}"
        )
    above = "an upper bound" if found.upper_is_bound else "an estimate from above and no bound"
    return (
        f"The log-probability that it gives {among} lies between {told(found.lower)} (a lower bound) "
        f"and {told(found.upper)} ({above}) nats each, on average: a range of "
        f"{with_error(max(0.0, found.width.value), found.width.standard_error)} nats. {exact}The ± is one standard error. "
    )


_HIGHER = (
    "Higher is better, and one nat more means that the model finds each example e ≈ 2.7 times as "
    "probable. Compare it "
    "only with models of the same data, in the same units and with the same kind of likelihood."
)


def split(data: ReportData) -> str:
    """Where the nats go: the floor, the rate and the distortion."""
    evaluation = data.measures.evaluation or {}
    floor, known = elbo(data), evidence(data)
    rate, distortion = decimal(evaluation.get("rate")), decimal(evaluation.get("distortion"))
    parts, found = [], gap(data)
    if found is not None:
        parts.append(_lost(found))
    elif floor is not None and known is not None:
        least = "" if known.reliable else "at least "
        parts.append(
            f"The floor that training raises (ELBO) lies {least}"
            f"{number(max(0.0, known.value - floor.value), 2)} nats below: that much is lost because the map "
            "places each example only approximately."
        )
    if math.isfinite(rate):
        parts.append(_of_rate(rate, information(data)))
    if math.isfinite(distortion):
        parts.append(f"Rebuilding an example from its place costs {number(distortion)} nats.")
    return " ".join(parts)


def _of_rate(rate: float, measured: Information | None) -> str:
    """The rate is information only where the codes of all examples together lie as the prior does."""
    text = f"A place on the map costs {number(rate)} nats ({number(rate / math.log(2))} bits), the rate"
    if measured is None:
        return f"{text}: it tells at most as much about its example."
    told = min(max(measured.estimate.value, 0.0), rate)
    if not measured.is_known:
        return (
            f"{text}: at least {number(told)} of them tell about its example (with {measured.num_examples:,} examples no "
            f"more than {number(measured.most)} could be seen)."
        )
    rest = f"the other {number(rate - told)} only say that the codes of all examples lie off the prior"
    return f"{text}: about {number(told)} of them tell about its example, and {rest}."


def _lost(found: GapSummary) -> str:
    text = (
        f"The floor that training raises (ELBO) lies {told(found.total)} nats below log p(x). Of "
        f"these {told(found.approximation)} are lost because the cloud of places that the map gives "
        "an example is too simple in shape (approximation), and "
        f"{told(found.amortization)} because the network that places examples misses the best such "
        "cloud (amortisation)."
    )
    if not found.reliable:
        text += (
            " The figure for log p(x) rests on a few lucky draws, so that the whole and the first part are "
            "probably larger."
        )
    if found.converged < ALL:
        text += (
            f" The search for the best clouds had not come to its end for {100 * (1 - found.converged):.0f} % of "
            "the examples, so the second part is in truth larger and the first smaller."
        )
    return text


def certainty(data: ReportData) -> str:
    """How far what the map says of single examples can be off; empty without a certificate."""
    found = certificate(data)
    if found is None:
        return ""
    known, exact = bracket(data), found.basis == "exact"
    start = "The" if exact or known is None or known.upper_is_bound else "If the upper side is right, the"
    most = "" if exact else "at most "
    parts = [
        f"{start} cloud of places that the map gives an example differs from the exact one by {most}"
        f"{number(found.kl.median, 4)} nats (KL divergence)."
    ]
    bound = "the bound that follows for probabilities read off the map"
    variation = found.total_variation.median
    if variation <= 1 and found.vacuous < ALL:
        bound = "that bound"
        low, high = (end.median for end in found.within)
        within = ""
        if math.isfinite(low) and math.isfinite(high):
            within = f" ({number(low, 2)} to {number(high, 2)} within two standard errors)"
        parts.append(
            "So a probability read off the map, such as that an example lies in some region, is off by at most "
            f"{number(variation, 4)}{within} (total variation, by Pinsker's inequality)."
        )
    if found.vacuous >= ALL:
        value = f" of {number(variation)}" if math.isfinite(variation) else ""
        parts.append(
            f"The bound{value} that follows for probabilities read off the map is vacuous: above 1 it promises nothing."
        )
    elif found.vacuous > 0:
        parts.append(
            f"For {100 * found.vacuous:.0f} % of the examples {bound} is vacuous: above 1 it promises nothing."
        )
    if not found.reliable:
        parts.append("None of this is reliable yet: a few lucky draws decide the upper side.")
    return " ".join(parts)


def _reason(reason: str | None) -> str:
    """A reason as the end of a sentence, or as one of its own."""
    if not reason:
        return ""
    return (". " if reason[0].isupper() else ": ") + reason.rstrip(".")


def num_dimensions(data: ReportData) -> int | None:
    """Number of latent dimensions, from whatever knows it."""
    if data.latent.codes is not None:
        return int(np.shape(data.latent.codes)[1])
    return None if data.latent.kl_per_dimension is None else int(np.size(data.latent.kl_per_dimension))


def num_active(data: ReportData) -> int | None:
    """Number of latent dimensions in use, from the map or the evaluation."""
    if data.latent.in_use is not None:
        return int(data.latent.in_use.sum())
    active = (data.measures.evaluation or {}).get("active_units")
    return int(active) if isinstance(active, int | float) and math.isfinite(active) else None


def item_word(data: ReportData) -> str:
    """What one item is called in a sentence."""
    return {"image": "image", "series": "series", "table": "row"}[kind_of(data.items)]
