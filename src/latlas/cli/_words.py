"""Results in plain words."""

from pathlib import Path
from typing import Any

import numpy as np


def shape_of(x: np.ndarray) -> str:
    """How many examples of what: "360 examples of shape 8 x 8"."""
    item = " x ".join(map(str, x.shape[1:])) or "1"
    return f"{len(x):,} example{'s' if len(x) != 1 else ''} of shape {item}"


def evaluation(found: dict[str, Any]) -> str:
    """The evidence, and whether to believe it."""
    evidence, elbo = found["log_evidence"], found["elbo"]
    lines = [
        f"log p(x)      {_with_error(evidence)} nats per example, over {found['num_examples']:,} examples",
        f"ELBO          {_with_error(elbo)}",
        f"rate          {found['rate']:.2f} nats of information about x in the latent",
        f"distortion    {found['distortion']:.2f} nats left to the likelihood",
        f"active units  {found['active_units']}",
        _verdict(evidence),
    ]
    return "\n".join(lines)


def fit(atlas: Any, found: dict[str, Any]) -> str:
    """What was fitted, how well, and what to do next."""
    elbo = found["elbo"]
    held_out = "" if elbo["valid"] is None else f", {elbo['valid']:.2f} on rows kept apart"
    return "\n".join([
        f"Likelihood: {found['likelihood'].replace('_', ' ')}. {atlas.likelihood_reason_}",
        f"ELBO: {_number(elbo['train'])} nats per example in training{held_out}, after {found['epochs']} epochs "
        f"and {found['seconds']:.0f} s.",
        f"Run: {found['run']}; open {found['run']}/report.html, or go on with `latlas evaluate {found['run']} DATA`.",
    ])  # fmt: skip


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
    config = found["config"]
    lines = [f"{found['run']}: {'finished' if found['finished'] else 'unfinished'} run"]
    if "data" in config:
        lines.append(
            f"data: shape {config['data'].get('shape')}, SHA-256 {str(config['data'].get('fingerprint'))[:16]}"
        )
    options = config.get("parameters", {})
    lines += [f"  {name} = {value}" for name, value in sorted(options.items())]
    arrays = found.get("arrays", {})
    if arrays:
        numbers = sum(int(np.prod(shape)) for _, shape in arrays.values())
        lines.append(f"model: {len(arrays)} arrays, {numbers:,} numbers")
    lines += [f"problem: {problem}" for problem in found["problems"]] or ["Every file is sound."]
    return "\n".join(lines)


def _with_error(estimate: dict[str, Any]) -> str:
    return f"{_number(estimate['value'])} ± {_number(estimate['standard_error'])}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _verdict(evidence: dict[str, Any]) -> str:
    k, size, samples = evidence["pareto_k"], evidence["effective_sample_size"], evidence["num_samples"]
    measured = f"Pareto k {_number(k)}, effective sample size {_number(size)} of {samples:,}"
    if evidence["reliable"]:
        return f"Believe it: the importance weights are tame ({measured})."
    return f"Take it as a lower bound only: the importance weights are wild ({measured}). More --num-samples may help."
