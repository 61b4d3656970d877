"""The report's sentences, for a reader who knows the data and not the method."""

import math
from typing import NamedTuple

import numpy as np

from latlas.report._data import ReportData, kind_of
from latlas.report._text import decimal, number, with_error

K_LIMIT = 0.7  # Vehtari et al. 2024: below it, the error bar of importance sampling means what it says


class Trust(NamedTuple):
    """Whether to believe the evidence (None: not measured), a word for the badge, and a sentence."""

    reliable: bool | None
    badge: str
    sentence: str


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
            parts.append(f"Of the {dimensions} it uses {active}{rest}.")
    if data.likelihood:
        parts.append(
            f"Values are modelled by the {data.likelihood} likelihood{_reason(data.likelihood_reason)}."
        )
    return " ".join(parts) or "Nothing is known about the model; fit one with `latlas fit DATA --out RUN`."


def quality(data: ReportData) -> str:
    """How good the model is on held-out data."""
    entry = (data.evaluation or {}).get("log_evidence") or {}
    value, error = decimal(entry.get("value")), decimal(entry.get("standard_error"))
    if not math.isfinite(value):
        return (
            "How good the model is on new data was not measured (or the result is not a finite number). "
            f"Run `latlas evaluate {data.run} DATA` with examples kept out of the fit, then make the report "
            "again."
        )
    count = (data.evaluation or {}).get("num_examples")
    among = f"the {count:,} held-out examples" if isinstance(count, int) else "held-out examples"
    text = f"It gives {among} a log-probability of {with_error(value, error)} nats each, on average. "
    if math.isfinite(error):
        text += (
            "The ± is one standard error: other examples of the same kind would move the figure by about "
            "that much. "
        )
    return text + (
        "Higher is better, and one nat more means that the model finds each example e ≈ 2.7 times as "
        "probable. Compare it "
        "only with models of the same data, in the same units and with the same kind of likelihood."
    )


def trust(data: ReportData) -> Trust:
    """Whether to believe the evidence, from Pareto k and the effective sample size."""
    entry = (data.evaluation or {}).get("log_evidence") or {}
    if entry.get("reliable") is None or not math.isfinite(decimal(entry.get("value"))):
        return Trust(None, "not measured", "")
    k, ess = decimal(entry.get("pareto_k")), decimal(entry.get("effective_sample_size"))
    draws = decimal(entry.get("num_samples"))
    work = ""
    if math.isfinite(ess) and math.isfinite(draws):
        work = (
            f" Each example's figure averages {draws:,.0f} random draws, which do the work of about "
            f"{number(ess, 2)} "
            "equally good ones (the effective sample size)."
        )
    shape = f" (Pareto k-hat {number(k, 2)}; the limit is {K_LIMIT})" if math.isfinite(k) else ""
    if entry["reliable"]:
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
        f"the error bar too short.{work} Evaluate again with more draws (`--num-samples`), or rely on the "
        "ELBO, which is "
        "a floor whatever the draws.",
    )


def split(data: ReportData) -> str:
    """Where the nats go: the floor, the rate and the distortion."""
    evaluation = data.evaluation or {}
    elbo = decimal((evaluation.get("elbo") or {}).get("value"))
    evidence = decimal((evaluation.get("log_evidence") or {}).get("value"))
    rate, distortion = decimal(evaluation.get("rate")), decimal(evaluation.get("distortion"))
    parts = []
    if math.isfinite(elbo) and math.isfinite(evidence):
        least = "at least " if trust(data).reliable is False else ""
        parts.append(
            f"The floor that training raises (ELBO) lies {least}{number(max(0.0, evidence - elbo), 2)} nats "
            "below: that much is lost "
            "because the map places each example only approximately."
        )
    if math.isfinite(rate):
        parts.append(
            f"A place on the map carries {number(rate)} nats about its example ({number(rate / math.log(2))} "
            "bits)."
        )
    if math.isfinite(distortion):
        parts.append(f"Rebuilding an example from its place costs {number(distortion)} nats.")
    return " ".join(parts)


def _reason(reason: str | None) -> str:
    """A reason as the end of a sentence, or as one of its own."""
    if not reason:
        return ""
    return (". " if reason[0].isupper() else ": ") + reason.rstrip(".")


def num_dimensions(data: ReportData) -> int | None:
    """Number of latent dimensions, from whatever knows it."""
    if data.codes is not None:
        return int(np.shape(data.codes)[1])
    return None if data.kl_per_dimension is None else int(np.size(data.kl_per_dimension))


def num_active(data: ReportData) -> int | None:
    """Number of latent dimensions in use, from the KL per dimension or the evaluation."""
    if data.kl_per_dimension is not None:
        return int((np.asarray(data.kl_per_dimension, dtype=float) > data.active_threshold).sum())
    active = (data.evaluation or {}).get("active_units")
    return int(active) if isinstance(active, int | float) and math.isfinite(active) else None


def item_word(data: ReportData) -> str:
    """What one item is called in a sentence."""
    return {"image": "image", "series": "series", "table": "row"}[kind_of(data)]
