"""Does a latent dimension speak of one factor only, and can each factor's values be read off the codes?"""

import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.stats.factors._labelled_codes import Codes, Factors, LabelledCodes, labelled_codes, split
from latlas.stats.factors._mig import NUM_BINS, information

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX

ROUNDING = 1e-12  # nats: less is the rounding of sums


def modularity(codes: Codes, factors: Factors, *, num_bins: int = NUM_BINS, quantiles: bool = False) -> float:
    r"""Mean over latent dimensions of how little each tells of any factor but its own.

    $1 - \frac{\sum_{k \ne k_j} I(z_j; v_k)^2}{(K - 1)\, I(z_j; v_{k_j})^2}$

    with $k_j$ the factor of which dimension j tells most. 1 where every dimension tells of one factor; a
    dimension that tells nothing counts as 0. Several dimensions may hold the same factor, and a factor may be
    missed altogether. A dimension without information rarely has a histogram estimate of exactly zero, so that
    noise is scored by which factors chance favours. Unchanged by permutation and sign of the dimensions.

    Args:
        codes: one code per example, `(examples, latent)`.
        factors: the discrete factors that made the examples, `(examples, factors)`; at least two.
        num_bins: bins of each latent dimension.
        quantiles: see `mutual_information`.

    Returns:
        Between 0 and 1.

    Raises:
        ValueError: if codes or factors cannot be used, there is a single factor, or fewer than 2 bins.

    References:
        Ridgeway and Mozer 2018, arXiv:1802.05312, section 3 (deviation from an ideal template).
    """
    data = labelled_codes(codes, factors)
    if data.num_factors < 2:
        raise ValueError(
            "Modularity tells a dimension's own factor from the others; give at least 2 factors."
        )
    return float(np.mean(modularity_per_code(information(data, num_bins, quantiles))))


def modularity_per_code(mutual_information: np.ndarray) -> np.ndarray:
    """Modularity of each row of a matrix `(latent, factors)`; 0 for a row of zeros."""
    squared = mutual_information**2
    own = squared.max(axis=1)
    others = squared.sum(axis=1) - own
    told = own > ROUNDING**2
    return np.where(told, 1 - others / (np.where(told, own, 1.0) * (squared.shape[1] - 1)), 0.0)


def explicitness(key: PRNGKeyArray, codes: Codes, factors: Factors, *, test_share: float = 1 / 3) -> float:
    """How well a linear classifier reads the factors' values off the whole code.

    For every factor a multinomial logistic regression on standardised codes; for every value the area under
    the curve of "this value against the others" on rows kept apart; the mean over values, then over factors.

    Args:
        key: draws the rows kept apart.
        codes: one code per example, `(examples, latent)`.
        factors: the discrete factors that made the examples, `(examples, factors)`.
        test_share: share of the rows kept apart.

    Returns:
        0.5 for codes that tell nothing, 1 for codes from which each value can be told.

    Raises:
        ValueError: if codes or factors cannot be used, or the rows are too few.

    References:
        Ridgeway and Mozer 2018, arXiv:1802.05312, section 3.
    """
    return mean_auc(*split(key, labelled_codes(codes, factors), test_share))


def mean_auc(train: LabelledCodes, test: LabelledCodes) -> float:
    """`explicitness` of rows to learn from and rows to judge by."""
    centre, scale = train.codes.mean(axis=0), train.codes.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    known, unknown = (train.codes - centre) / scale, (test.codes - centre) / scale
    areas = []
    for factor, count in enumerate(train.num_levels):
        classifier = sklearn.linear_model.LogisticRegression(max_iter=1000).fit(
            known, train.levels[:, factor]
        )
        chances = classifier.predict_proba(unknown)
        is_level = test.levels[:, factor, None] == np.arange(count)
        judged = is_level.any(axis=0)  # a rare value may be missing among these rows
        areas.append(sklearn.metrics.roc_auc_score(is_level[:, judged], chances[:, judged], average="macro"))
    return float(np.mean(areas))
