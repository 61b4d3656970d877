"""What the page of a Bayesian fit shows, as plain values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpyro.diagnostics import split_gelman_rubin

from latlas.bayes.fitting import record_of
from latlas.bayes.targets import flat_draws, named_draws

MOST_SHOWN = 6  # parameters in the figures: of more, a pair plot cannot be read
MOST_DRAWS = 4000


@dataclass(frozen=True, kw_only=True, eq=False)
class BayesReportData:
    """Everything the page of a Bayesian fit shows.

    Attributes:
        title: what was fitted.
        evaluation: what `latlas.bayes.fitting.record_of` gives.
        draws: entry of a parameter -> `(draws,)`, for the figures.
        reference: the same by NUTS; empty where it was not run.
        reference_r_hat: split R-hat of the NUTS chains, the largest of all entries; NaN where it was not run.
        shown: the entries in the figures.
        options: what was asked for.
        versions: of what computed it.
        run: the run directory, for the commands that the page suggests.
    """

    title: str
    evaluation: Mapping[str, Any]
    draws: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray] = field(default_factory=dict)
    reference_r_hat: float = math.nan
    shown: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    run: str = "RUN"

    def __post_init__(self) -> None:
        for name in ("draws", "reference"):
            columns = {entry: np.asarray(x, dtype=float) for entry, x in getattr(self, name).items()}
            object.__setattr__(self, name, columns)

    @property
    def kind(self) -> str:
        """The verdict: "trust", "means only" or "do not trust"."""
        return str(self.evaluation.get("verdict", "")).partition(":")[0]


def collect_bayes(
    key: PRNGKeyArray,
    fit: Any,
    *,
    title: str,
    parameters: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    run: str = "RUN",
) -> BayesReportData:
    """What the page shows of a fit, new or stored.

    Args:
        key: for the draws in the figures.
        fit: what `latlas.bayes.fit` or `latlas.bayes.load` gave.
        title: what was fitted.
        parameters: up to six entries for the figures, such as "mu" or "theta[0]"; None takes single numbers first,
            then the first entries of vectors, and where NUTS was run the entry that it disagrees on most.
        options: what was asked for.
        versions: of what computed it.
        run: the run directory.
    """
    num_draws = min(MOST_DRAWS, _stored(fit))
    draws = flat_draws(named_draws(fit.sample(key, num_draws)))
    reference, r_hat = {}, math.nan
    if fit.reference is not None:
        chains = flat_draws(named_draws(fit.reference), num_axes=2)
        reference = {name: array.ravel() for name, array in chains.items() if name in draws}
        r_hat = max(map(_r_hat, chains.values()))
    shown = (
        _chosen(draws, reference) if parameters is None else [name for name in parameters if name in draws]
    )
    return BayesReportData(
        title=title,
        evaluation=record_of(fit),
        draws=draws,
        reference=reference,
        reference_r_hat=r_hat,
        shown=shown[:MOST_SHOWN],
        options=options or {},
        versions=versions or {},
        run=run,
    )


def disagreement(draws: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """How far a mean is from NUTS's in NUTS's standard deviations, and the ratio of the standard deviations."""
    scale = float(np.std(reference)) or np.nan
    return float(np.mean(draws) - np.mean(reference)) / scale, float(np.std(draws)) / scale


def site(name: str) -> str:
    """The parameter that an entry belongs to."""
    return name.partition("[")[0]


def _stored(fit: Any) -> int:
    draws = getattr(fit, "draws", None)
    leaves = [] if draws is None else jax.tree.leaves(draws)
    return len(leaves[0]) if leaves else MOST_DRAWS


def _chosen(draws: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> list[str]:
    """Single numbers, then vectors' first entries in turn; the worst against NUTS always."""
    turns: dict[str, int] = {}
    place = {}
    for name in draws:
        turns[site(name)] = turns.get(site(name), -1) + 1
        place[name] = (turns[site(name)] + ("[" in name), len(place))
    names = sorted(draws, key=place.__getitem__)[:MOST_SHOWN]
    if reference:
        worst = max(reference, key=lambda name: _badness(draws[name], reference[name]))
        if worst not in names:
            names = [*names[: MOST_SHOWN - 1], worst]
    return sorted(names, key=list(draws).index)


def _r_hat(chains: np.ndarray) -> float:
    """Split R-hat of `(chains, draws)`; 1 where nothing varies."""
    if chains.shape[1] < 4 or np.ptp(chains) == 0:
        return 1.0
    return float(split_gelman_rubin(np.asarray(chains, dtype=float)))


def _badness(draws: np.ndarray, reference: np.ndarray) -> float:
    shift, ratio = disagreement(draws, reference)
    return np.nan_to_num(abs(shift) + abs(np.log(max(ratio, 1e-12))), nan=0.0)
