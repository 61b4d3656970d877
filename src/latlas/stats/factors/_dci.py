"""DCI: how a learner that predicts each factor from the whole code spreads its attention."""

from dataclasses import dataclass
from typing import Any

import jax.random as jr
import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.stats.factors._labelled_codes import (
    Codes,
    Factors,
    LabelledCodes,
    generator,
    labelled_codes,
    split,
)

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX


@dataclass(frozen=True)
class DciScores:
    """Three scores, and the matrix that two of them summarise.

    Attributes:
        disentanglement: 1 where each dimension matters for one factor only; 0 where for all alike.
        completeness: 1 where each factor needs one dimension only; 0 where all alike.
        informativeness: accuracy on rows kept apart, mean over the factors. Read it first: of codes that predict
            nothing the other two say nothing.
        importance: `(latent, factors)`; how much a dimension matters for predicting a factor. A column sums to
            1, or is 0 where nothing was learnt.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: np.ndarray

    def to_dict(self) -> dict:
        """The fields as plain Python values, ready for JSON."""
        return {**vars(self), "importance": self.importance.tolist()}


def dci(
    key: PRNGKeyArray,
    codes: Codes,
    factors: Factors,
    *,
    classifier: Any | None = None,
    test_share: float = 1 / 3,
) -> DciScores:
    r"""Disentanglement, completeness and informativeness of codes.

    With importances $R_{jk}$ of dimension j for factor k, $\rho_j = \sum_k R_{jk} / \sum_{jk} R_{jk}$ and
    $\pi_k$ likewise over dimensions,

    $D = \sum_j \rho_j \Bigl(1 - \frac{H(R_{j\cdot})}{\log K}\Bigr)$ and
    $C = \sum_k \pi_k \Bigl(1 - \frac{H(R_{\cdot k})}{\log J}\Bigr)$

    with H the entropy of a row or column that was scaled to sum to 1. Unchanged, up to the learner's own
    draws, by permutation and sign of the dimensions, and by increasing functions where the learner is a tree.

    Args:
        key: draws the rows kept apart, and the learner's own numbers.
        codes: one code per example, `(examples, latent)`; at least two dimensions.
        factors: the discrete factors that made the examples, `(examples, factors)`; at least two.
        classifier: a scikit-learn classifier that has `feature_importances_` or `coef_` when fitted, on
            codes of unit variance; by default `GradientBoostingClassifier()`. It grows a hundred trees for each value of
            each factor; with 40 values and 10,000 rows a `RandomForestClassifier` needs seconds where it needs minutes.
            Scores by different learners are not comparable.
        test_share: share of the rows kept apart.

    Raises:
        ValueError: if codes or factors cannot be used, the rows are too few, there is one dimension or factor
            only, or the classifier has no importances.

    References:
        Eastwood and Williams 2018, "A framework for the quantitative evaluation of disentangled
        representations", section 2; boosted trees as in Locatello et al. 2019, arXiv:1811.12359.
    """
    data = labelled_codes(codes, factors)
    for count, name in ((data.codes.shape[1], "latent dimension"), (data.num_factors, "factor")):
        if count < 2:
            raise ValueError(f"DCI asks how importance spreads; got one {name}, give at least 2.")
    split_key, learner_key = jr.split(key)
    train, test = split(split_key, data, test_share)
    return of_split(learner_key, train, test, classifier)


def of_split(
    key: PRNGKeyArray, train: LabelledCodes, test: LabelledCodes, classifier: Any | None
) -> DciScores:
    """`dci` of rows to learn from and rows to judge by."""
    learner = sklearn.ensemble.GradientBoostingClassifier() if classifier is None else classifier
    if "random_state" in learner.get_params():
        learner = sklearn.base.clone(learner).set_params(random_state=int(generator(key).integers(2**31)))
    centre, scale = train.codes.mean(axis=0), train.codes.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    columns, accuracies = [], []
    for factor in range(train.num_factors):
        fitted = sklearn.base.clone(learner).fit((train.codes - centre) / scale, train.levels[:, factor])
        columns.append(_importances(fitted))
        accuracies.append(fitted.score((test.codes - centre) / scale, test.levels[:, factor]))
    importance = np.stack(columns, axis=1)
    return DciScores(
        disentanglement_of(importance), completeness_of(importance), float(np.mean(accuracies)), importance
    )


def _importances(fitted: Any) -> np.ndarray:
    if hasattr(fitted, "feature_importances_"):
        found = np.abs(fitted.feature_importances_)
    elif hasattr(fitted, "coef_"):
        found = np.abs(np.atleast_2d(fitted.coef_)).mean(axis=0)
    else:
        raise ValueError(
            f"A {type(fitted).__name__} has neither feature_importances_ nor coef_, so that it does not tell "
            "which dimension it uses. Give a tree ensemble or a linear classifier."
        )
    return found / found.sum() if found.sum() > 0 else found


def disentanglement_of(importance: np.ndarray) -> float:
    """How near each row of a matrix `(latent, factors)` is to a single entry, rows weighted by their sums."""
    sums = importance.sum(axis=1)
    return float(np.sum(_concentration(importance) * sums) / max(sums.sum(), np.finfo(float).tiny))


def completeness_of(importance: np.ndarray) -> float:
    """How near each column of a matrix `(latent, factors)` is to a single entry."""
    return disentanglement_of(importance.T)


def _concentration(rows: np.ndarray) -> np.ndarray:
    """1 less the entropy of each row in units of its largest possible value; 0 for a row of zeros."""
    sums = rows.sum(axis=1, keepdims=True)
    share = np.where(sums > 0, rows / np.where(sums > 0, sums, 1.0), 1 / rows.shape[1])
    entropy = -np.sum(share * np.log(np.where(share > 0, share, 1.0)), axis=1)
    return 1 - entropy / np.log(rows.shape[1])
