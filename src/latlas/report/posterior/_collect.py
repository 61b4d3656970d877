"""From a Bayesian fit to what its page shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpyro.diagnostics import split_gelman_rubin

from latlas.bayes.fitting import record_of
from latlas.bayes.targets import flat_draws, named_draws
from latlas.report.data._data import RunDetails
from latlas.report.data._posterior import MOST_SHOWN, BayesReportData, disagreement, site
from latlas.report.posterior._predictive import predictive_checks

MOST_DRAWS = 4000


def collect_bayes(
    key: PRNGKeyArray,
    fit: Any,
    *,
    title: str,
    parameters: Sequence[str] | None = None,
    run: RunDetails | None = None,
    predictive: Mapping[str, Any] | None = None,
) -> BayesReportData:
    """What the page shows of a fit, new or stored.

    Args:
        key: for the draws in the figures.
        fit: what `latlas.bayes.fit` or `latlas.bayes.load` gave.
        title: what was fitted.
        parameters: up to six entries for the figures, such as "mu" or "theta[0]"; None takes single numbers first,
            then the first entries of vectors, and where NUTS was run the entry that it disagrees on most.
        run: what was asked for, with what, and where.
        predictive: what `predictive_checks` gave; None measures it, where the fit still knows its model.
    """
    num_draws = min(MOST_DRAWS, _stored(fit))
    draws = flat_draws(named_draws(fit.sample(key, num_draws)))
    reference, r_hats = {}, {}
    if fit.reference is not None:
        chains = flat_draws(named_draws(fit.reference), num_axes=2)
        reference = {name: array.ravel() for name, array in chains.items() if name in draws}
        r_hats = {name: _r_hat(array) for name, array in chains.items()}
    shown = (
        _chosen(draws, reference) if parameters is None else [name for name in parameters if name in draws]
    )
    return BayesReportData(
        title=title,
        evaluation=record_of(fit),
        draws=draws,
        reference=reference,
        r_hats=r_hats,
        shown=shown[:MOST_SHOWN],
        predictive=predictive_checks(jax.random.fold_in(key, 1), fit) if predictive is None else predictive,
        run=run or RunDetails(),
    )


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
