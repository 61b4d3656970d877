"""The expensive measures of `evaluate`: evidence from both sides and the split of the gap, on a part of the rows."""

from dataclasses import replace
from typing import Any

import numpy as np

from latlas.cli._progress import rows_done
from latlas.core import RequestError
from latlas.data import Table
from latlas.estimators import Atlas
from latlas.evaluation import Annealing, certificate
from latlas.evaluation.evidence import SameExamples, chi_bracket


def check_expensive(options: dict[str, Any]) -> None:
    """Refuses numbers that make no sense.

    Raises:
        RequestError: naming the option.
    """
    for name in ("temperatures", "chains", "max_examples"):
        if options[name] < 1:
            raise RequestError(f"--{name.replace('_', '-')} must be at least 1; got {options[name]}.")


def expensive_measures(
    atlas: Atlas,
    x: Table,
    *,
    bound: str | None,
    gap: bool,
    num_samples: int,
    temperatures: int,
    chains: int,
    max_examples: int,
    seed: int,
) -> dict[str, Any]:
    """The entries that `--bound` and `--gap` add to an evaluation, all measured on the same rows.

    Args:
        atlas: the fitted map.
        x: the rows.
        bound: where the two sides of `bracket` come from, or `None` for no bracket.
        gap: whether the gap is split.
        num_samples: importance samples per row.
        temperatures: of the annealing.
        chains: of the annealing, per row.
        max_examples: rows that are measured, drawn by the seed where there are more.
        seed: of the draws.
    """
    if len(x) > max_examples and (gap or bound is not None):
        x = x.take(np.sort(np.random.default_rng(seed).permutation(len(x))[:max_examples]))
    annealing = Annealing(num_temperatures=temperatures, num_chains=chains)
    found = {}
    if bound is not None:
        found |= _sides(atlas, x, bound, annealing, num_samples, seed)
    if gap:
        with rows_done("gap") as told:
            found["gap"] = atlas.gap(x, num_samples=num_samples, random_state=seed, progress=told).to_dict()
    return found


def _sides(
    atlas: Atlas, x: Table, bound: str, annealing: Annealing, num_samples: int, seed: int
) -> dict[str, Any]:
    """The bracket with the estimates on its own rows, which can be held against it, and what it certifies of q."""
    with rows_done(bound) as told:
        measured = atlas.evaluate(x, num_samples=num_samples, random_state=seed, progress=told)
        if bound == "iwae":
            sides = chi_bracket(measured.evidence_per_example)
        elif bound == "ais":
            sides = chi_bracket(
                atlas.annealed_log_evidence(x, annealing=annealing, random_state=seed, progress=told)
            )
        else:
            sides = atlas.bracket(x, annealing=annealing, random_state=seed, progress=told)
    certified = certificate(measured.elbo_per_example, sides)
    same_rows = SameExamples(measured.elbo, measured.evidence, len(x))
    found = replace(sides.summary(), same_examples=same_rows)
    return {"bracket": found.to_dict(), "certificate": certified.to_dict()}
