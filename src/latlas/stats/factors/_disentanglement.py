"""All disentanglement scores of one set of codes."""

from dataclasses import dataclass, fields
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.core import Estimate
from latlas.stats.factors._beta_vae import beta_vae_score
from latlas.stats.factors._dci import dci
from latlas.stats.factors._factor_vae import factor_vae_score
from latlas.stats.factors._irs import irs
from latlas.stats.factors._labelled_codes import Codes, Factors
from latlas.stats.factors._mig import mutual_information_gap
from latlas.stats.factors._modularity import explicitness, modularity
from latlas.stats.factors._sap import sap_score


@dataclass(frozen=True)
class DciEstimates:
    """The scores of `dci`, as means over repeated draws.

    Attributes:
        disentanglement: one factor per dimension.
        completeness: one dimension per factor.
        informativeness: accuracy of the predictions behind both.
    """

    disentanglement: Estimate
    completeness: Estimate
    informativeness: Estimate


@dataclass(frozen=True)
class DisentanglementScores:
    """Scores of one set of codes; all are at most 1, and more is better.

    Those that draw nothing are plain numbers. The others are means over repeated draws with the standard error
    of these draws alone: another training run of the same model moves every score by far more.

    Attributes:
        mig: mutual information gap.
        modularity: of the histogram informations.
        irs: interventional robustness.
        sap: gap of predictability by one dimension.
        explicitness: linear readability of the factors, chance is 0.5.
        dci: one factor per dimension, one dimension per factor, and the accuracy behind both.
        factor_vae: chance is 1 over the number of factors.
        beta_vae: chance likewise.
    """

    mig: float
    modularity: float
    irs: float
    sap: Estimate
    explicitness: Estimate
    dci: DciEstimates
    factor_vae: Estimate
    beta_vae: Estimate

    def to_dict(self) -> dict:
        """Plain Python values, ready for JSON: a number, or `{"value", "standard_error"}`; those of DCI as `dci_...`."""
        found: dict[str, Any] = {}
        for name, value in vars(self).items():
            found |= {f"dci_{n}": v for n, v in vars(value).items()} if name == "dci" else {name: value}
        return {name: v.to_dict() if isinstance(v, Estimate) else v for name, v in found.items()}


def disentanglement(
    key: PRNGKeyArray,
    codes: Codes,
    factors: Factors,
    *,
    num_repeats: int = 3,
    classifier: Any | None = None,
) -> DisentanglementScores:
    """Every score of codes beside the factors that made their examples, each with its own defaults.

    Args:
        key: draws the rows kept apart, batches, and the learners' numbers.
        codes: one code per example, `(examples, latent)`, usually posterior means; at least two dimensions.
        factors: the discrete factors that made the examples, `(examples, factors)`; at least two, each with at
            least 64 rows of every value.
        num_repeats: draws that the random scores are averaged over, at least 2 for a standard error.
        classifier: the learner of `dci`; by default boosted trees, which take most of the time.

    Raises:
        ValueError: if codes or factors cannot be used, or there are too few of them.
    """
    if num_repeats < 1:
        raise ValueError(f"Random scores are drawn at least once; num_repeats is {num_repeats}.")
    drawn = [_draw(k, codes, factors, classifier) for k in jr.split(key, num_repeats)]
    found = {name: _estimate([scores[name] for scores in drawn]) for name in drawn[0]}
    return DisentanglementScores(
        mutual_information_gap(codes, factors),
        modularity(codes, factors),
        irs(codes, factors),
        dci=DciEstimates(*(found.pop(field.name) for field in fields(DciEstimates))),
        **found,
    )


def _draw(key: PRNGKeyArray, codes: Codes, factors: Factors, classifier: Any | None) -> dict[str, float]:
    keys = jr.split(key, 5)
    attention = dci(keys[0], codes, factors, classifier=classifier)
    return {
        "sap": sap_score(keys[1], codes, factors),
        "explicitness": explicitness(keys[2], codes, factors),
        "disentanglement": attention.disentanglement,
        "completeness": attention.completeness,
        "informativeness": attention.informativeness,
        "factor_vae": factor_vae_score(keys[3], codes, factors),
        "beta_vae": beta_vae_score(keys[4], codes, factors),
    }


def _estimate(values: list[float]) -> Estimate:
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")
    return Estimate(float(np.mean(values)), error)
