"""BetaVAE score: do differences of codes tell which factor two examples share?"""

import lazy_loader
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.stats.factors._factor_vae import check_draws
from latlas.stats.factors._fixed_factor import FixedFactorDraws
from latlas.stats.factors._labelled_codes import Codes, Factors, generator, labelled_codes

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX


def beta_vae_score(
    key: PRNGKeyArray,
    codes: Codes,
    factors: Factors,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
) -> float:
    r"""Accuracy with which a linear classifier tells which factor pairs of examples share.

    A draw fixes one factor and takes pairs of examples that share its value; its feature is the mean over the
    pairs of $\lvert z - z' \rvert$, one number per dimension. A logistic regression on standardised features is
    taught by some draws and scored on others. It may combine dimensions, so that codes which mix factors can
    score 1; of the scores here it is the most lenient. Unchanged by order, sign and scale of the dimensions.

    Args:
        key: draws factors and pairs, from the given rows.
        codes: one code per example, `(examples, latent)`.
        factors: the discrete factors that made the examples, `(examples, factors)`; at least two, and at least
            two rows of every value.
        batch_size: pairs of a draw, at least 2.
        num_train: draws to learn from.
        num_test: draws that are scored.

    Returns:
        Between 0 and 1; chance is 1 over the number of factors.

    Raises:
        ValueError: if codes or factors cannot be used, there is a single factor, or a value has a single row.

    References:
        Higgins et al. 2017, "beta-VAE", section 3; logistic regression as in Locatello et al. 2019,
        arXiv:1811.12359.
    """
    data = labelled_codes(codes, factors)
    check_draws(batch_size, num_train, num_test)
    if data.num_factors < 2:
        raise ValueError("The score asks which factor was held fixed; give at least 2 factors.")
    draws, random = FixedFactorDraws(data, 2, "a pair"), generator(key)
    known, labels = _features(random, draws, num_train, batch_size)
    unknown, truth = _features(random, draws, num_test, batch_size)
    if len(np.unique(labels)) < data.num_factors:
        raise ValueError(
            f"In {num_train} draws not every one of {data.num_factors} factors was held fixed; give more as num_train."
        )
    centre, scale = known.mean(axis=0), known.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    classifier = sklearn.linear_model.LogisticRegression(max_iter=1000).fit((known - centre) / scale, labels)
    return float(classifier.score((unknown - centre) / scale, truth))


def _features(
    random: np.random.Generator, draws: FixedFactorDraws, num: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances `(draws, latent)` and the factor of each draw."""
    features, labels, codes = [], [], draws.data.codes
    for held in draws.factors(random, num):
        first, second = draws.pairs(random, held, batch_size)
        features.append(np.abs(codes[first] - codes[second]).mean(axis=1))
        labels.append(held)
    return np.concatenate(features), np.concatenate(labels)
