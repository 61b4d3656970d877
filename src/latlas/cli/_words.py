"""Results in plain words."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latlas.evaluation.rate import Information


def shape_of(x: np.ndarray) -> str:
    """How many examples of what: "360 examples of shape 8 x 8"."""
    item = " x ".join(map(str, x.shape[1:])) or "1"
    return f"{len(x):,} example{'s' if len(x) != 1 else ''} of shape {item}"


def evaluation(found: dict[str, Any]) -> str:
    """The evidence, and whether to believe it."""
    evidence, elbo = found["log_evidence"], found["elbo"]
    lines = [
        f"log p(x)      {_with_error(evidence)} nats per example, over {found['num_examples']:,} examples{_seen(found)}",
        f"ELBO          {_with_error(elbo)}",
        f"rate          {_number(found['rate'])} nats from the prior to q(z | x){_information(found)}",
        f"distortion    {_number(found['distortion'])} nats left to the likelihood",
        f"active units  {found['active_units']}",
        _verdict(evidence),
    ]
    lines += _bracket(found["bracket"], found["certificate"]) if "bracket" in found else []
    lines += _gap(found["gap"]) if "gap" in found else []
    return "\n".join(lines)


def _seen(found: dict[str, Any]) -> str:
    """Whether the examples are those of the fit, where that is known."""
    return " of the fit itself: new ones will fare worse" if found.get("of_fit") else ""


def _information(found: dict[str, Any]) -> str:
    """How much of the rate tells examples apart: it is no information where all codes lie off the prior."""
    measured, rate = Information.from_dict(found.get("information") or {}), found["rate"]
    if rate is None or not math.isfinite(measured.estimate.value):
        return ", of which at most all are information about x"
    told = min(max(measured.estimate.value, 0.0), rate)
    if measured.is_known:
        return (
            f": {told:.2f} of information about x, and {rate - told:.2f} by which all codes lie off the prior"
        )
    return (
        f", at least {told:.2f} of them information about x ({measured.num_examples:,} examples cannot show more than "
        f"{measured.most:.2f})"
    )


def diagnosis(found: dict[str, Any]) -> str:
    """Every finding with its meaning and its remedy."""
    if not found["findings"]:
        return "Nothing was found: the fit is healthy."
    lines = []
    for finding in found["findings"]:
        measured, threshold = (_short(finding[name]) for name in ("measured", "threshold"))
        lines += [
            f"{finding['severity'].upper()} {finding['name']} (measured {measured}, threshold {threshold})",
            f"  {finding['meaning']}",
            f"  Remedy: {finding['remedy']}",
        ]
    lines.append("The fit is healthy." if found["healthy"] else "The fit is not healthy.")
    return "\n".join(lines)


def fit(atlas: Any, found: dict[str, Any]) -> str:
    """What was fitted, how well, and what to do next."""
    elbo = found["elbo"]
    held_out = "" if elbo["valid"] is None else f", {elbo['valid']:.2f} on rows kept apart"
    return "\n".join([
        f"Likelihood: {found['likelihood'].replace('_', ' ')}. {atlas.likelihood_reason_}",
        f"ELBO: {_number(elbo['train'])} nats per example in training{held_out}, after {found['epochs']} epochs "
        f"and {found['seconds']:.0f} s.",
        *_treatments(found.get("treatments")),
        f"Run: {found['run']}; open {found['run']}/report.html, or go on with `latlas evaluate {found['run']} DATA`.",
    ])  # fmt: skip


def _treatments(treatments: list[dict[str, Any]] | None) -> list[str]:
    """What a cure did, a line each."""
    if treatments is None:
        return []
    if not treatments:
        return ["Nothing was found wrong while fitting."]
    return [f"Treated {t['finding']} by {t['remedy']}: {t['why']} {t['outcome']}" for t in treatments]


def demo(atlas: Any, found: dict[str, Any], out: Path, picture: Path, seconds: float) -> str:
    """The demonstration's summary."""
    shape = atlas.record_.data["shape"]
    return "\n".join([
        f"Learned: a map with {atlas.latent_dim} latent dimensions of {shape[0]:,} scanned digits of "
        f"{shape[1]} x {shape[2]} pixels, in {seconds:.0f} s.",
        f"Likelihood: {atlas.likelihood_.replace('_', ' ')}. {atlas.likelihood_reason_}",
        f"How good, on {found['num_examples']} digits it has not seen:",
        *("  " + line for line in evaluation(found).splitlines()),
        f"Look at {out / 'report.html'} and {picture}; `latlas sample {out} --num 64 --out more.png` draws more.",
    ])  # fmt: skip


def inspection(found: dict[str, Any]) -> str:
    """What a run directory holds."""
    data, options = (_entries(found["config"].get(name)) for name in ("data", "parameters"))
    lines = [f"{found['run']}: {'finished' if found['finished'] else 'unfinished'} run"]
    if data:
        lines.append(f"data: shape {data.get('shape')}, SHA-256 {str(data.get('fingerprint'))[:16]}")
    if found.get("likelihood"):
        reason = found.get("likelihood_reason") or ""
        lines.append(f"likelihood: {found['likelihood'].replace('_', ' ')}. {reason}".rstrip())
    lines += [f"  {name} = {value}" for name, value in sorted(options.items())]
    arrays = found.get("arrays", {})
    if arrays:
        numbers = sum(int(np.prod(shape)) for _, shape in arrays.values())
        lines.append(f"model: {len(arrays)} arrays, {numbers:,} numbers")
    lines += [f"problem: {problem}" for problem in found["problems"]] or ["Every file is sound."]
    return "\n".join(lines)


def _entries(value: Any) -> Mapping[str, Any]:
    """Those of an object; none of what another program wrote in its place."""
    return value if isinstance(value, Mapping) else {}


def _with_error(estimate: dict[str, Any]) -> str:
    return f"{_number(estimate['value'])} ± {_number(estimate['standard_error'])}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{round(value, 2) + 0.0:.2f}"  # + 0.0: never -0.00


def _short(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.3g}"


def _bracket(bracket: dict[str, Any], certified: dict[str, Any]) -> list[str]:
    """Where log p(x) lies, and what that says of q."""
    upper = "upper bound" if bracket["upper_is_bound"] else "from above (an estimate, no bound)"
    lines = [
        f"On {bracket['num_examples']:,} of them, log p(x) from below {_with_error(bracket['lower'])}, "
        f"{upper} {_with_error(bracket['upper'])}."
    ]
    if bracket.get("exact") is not None:
        lines.append(f"This model's log p(x) is known exactly: {_number(bracket['exact'])}.")
    if bracket.get("simulated_width") is not None:
        width = _with_error(bracket["simulated_width"])
        lines.append(
            f"On data drawn from the model, where both sides are bounds, they lie {width} nats apart."
        )
    return [*lines, certified["meaning"]]


def _gap(gap: dict[str, Any]) -> list[str]:
    """Where the nats between the ELBO and log p(x) go."""
    return [
        f"gap           {_with_error(gap['total'])} from the ELBO to log p(x), on {gap['num_examples']:,} examples",
        f"  the family  {_with_error(gap['approximation'])} that no q of its kind can reach (approximation)",
        f"  the encoder {_with_error(gap['amortization'])} that a q of its own for each example gains (amortisation)",
    ]


def _verdict(evidence: dict[str, Any]) -> str:
    k, size, samples = evidence["pareto_k"], evidence["effective_sample_size"], evidence["num_samples"]
    measured = f"Pareto k {_number(k)}, effective sample size {_number(size)} of {samples:,}"
    if evidence["reliable"]:
        return f"Believe it: the importance weights are tame ({measured})."
    if k is None:
        few = f"{samples:,} draws are too few to judge the importance weights"
        return f"Take it as a lower bound only: {few} ({measured}). Give more --num-samples."
    help_ = (
        "More --num-samples help slowly, --bound ais sooner"
        if k < 1
        else "--bound ais helps, more draws do not"
    )
    return f"Take it as a lower bound only: the importance weights are wild ({measured}). {help_}."
