"""SAP: how much better one latent dimension predicts a factor than the next."""

import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.stats.factors._labelled_codes import Codes, Factors, LabelledCodes, labelled_codes, split
from latlas.stats.factors._mig import gap

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX

SVM_COST = 0.01  # Kumar et al.'s released settings, kept by Locatello et al. 2019


def sap_score(
    key: PRNGKeyArray,
    codes: Codes,
    factors: Factors,
    *,
    as_numbers: bool = False,
    test_share: float = 1 / 3,
) -> float:
    r"""SAP: the gap between the two dimensions that predict a factor best, each alone; mean over factors.

    By default a factor is a class: the prediction's merit is the accuracy of a linear support vector machine
    (cost 0.01, classes balanced) on rows kept apart. A line cuts one dimension into few pieces, and a useless
    dimension is still right by chance, so that a factor with L values reaches at most 1 - 1 / L and with many
    values much less, even from perfect codes. With `as_numbers` the merit is the squared correlation, which
    perfect codes bring to 1 and which needs no rows kept apart; it asks that the order of the values means
    something. Unchanged by permutation and sign of the dimensions.

    Args:
        key: draws the rows kept apart.
        codes: one code per example, `(examples, latent)`.
        factors: the discrete factors that made the examples, `(examples, factors)`.
        as_numbers: score a factor as a number in place of a class.
        test_share: share of the rows kept apart; without effect for numbers.

    Returns:
        Between 0 and 1.

    Raises:
        ValueError: if codes or factors cannot be used, or the rows are too few.

    References:
        Kumar, Sattigeri, Balakrishnan 2018, arXiv:1711.00848, section 3 (the SAP score).
    """
    data = labelled_codes(codes, factors)
    if as_numbers:
        return float(np.mean(gap(_squared_correlations(data.codes, np.asarray(factors, np.float64)))))
    return accuracy_gap(*split(key, data, test_share))


def accuracy_gap(train: LabelledCodes, test: LabelledCodes) -> float:
    """`sap_score` of classes, from rows to learn from and rows to judge by."""
    scores = np.empty((train.codes.shape[1], train.num_factors))
    for place in range(train.codes.shape[1]):
        for factor in range(train.num_factors):
            classifier = sklearn.svm.LinearSVC(C=SVM_COST, class_weight="balanced", dual=False)
            classifier.fit(train.codes[:, place, None], train.levels[:, factor])
            scores[place, factor] = classifier.score(test.codes[:, place, None], test.levels[:, factor])
    return float(np.mean(gap(scores)))


def _squared_correlations(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    codes, factors = codes - codes.mean(axis=0), factors - factors.mean(axis=0)
    product = np.sum(codes**2, axis=0)[:, None] * np.sum(factors**2, axis=0)
    return np.where(product > 1e-12, (codes.T @ factors) ** 2 / np.where(product > 1e-12, product, 1.0), 0.0)
