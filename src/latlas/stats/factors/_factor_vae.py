"""FactorVAE score: does the dimension that stands still tell which factor was held?"""

import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.stats.factors._fixed_factor import FixedFactorDraws
from latlas.stats.factors._labelled_codes import Codes, Factors, generator, labelled_codes


def factor_vae_score(
    key: PRNGKeyArray,
    codes: Codes,
    factors: Factors,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
    min_scale: float = 0.05,
) -> float:
    r"""Accuracy with which the dimension of least variance tells which factor was held fixed.

    A draw fixes one factor, takes a batch of examples that share its value, and votes for the dimension whose
    variance in the batch is the smallest share of its variance over all rows. Each dimension is assigned the
    factor for which it got most votes; the score is the share of fresh votes that this majority foretells. The
    batches are drawn with replacement from the given rows. Unchanged by order, sign and scale of the dimensions.

    Args:
        key: draws factors and batches.
        codes: one code per example, `(examples, latent)`.
        factors: the discrete factors that made the examples, `(examples, factors)`; at least `batch_size` rows
            of every value.
        batch_size: examples of a batch, at least 2.
        num_train: votes that decide the majority.
        num_test: votes that are scored.
        min_scale: dimensions whose codes have a smaller standard deviation are left out as collapsed; codes in
            the units of a standard normal prior are assumed.

    Returns:
        Between 0 and 1. Chance is the share of the commonest factor among the draws, 1 over the number of
        factors; 0 if every dimension is left out.

    Raises:
        ValueError: if codes or factors cannot be used, or a value of a factor has too few rows.

    References:
        Kim and Mnih 2018, arXiv:1802.05983, section 4; numbers of votes and pruning as in Locatello et al. 2019,
        arXiv:1811.12359.
    """
    data = labelled_codes(codes, factors)
    check_draws(batch_size, num_train, num_test)
    draws = FixedFactorDraws(data, batch_size, f"a batch of {batch_size}")
    scale = data.codes.std(axis=0)
    active = (scale >= min_scale) & (scale > 0)
    if not active.any():
        return 0.0
    scaled = data.codes[:, active] / scale[active]
    random = generator(key)
    trained = _votes(random, draws, scaled, num_train, batch_size)
    tested = _votes(random, draws, scaled, num_test, batch_size)
    foretold = tested[np.arange(len(tested)), trained.argmax(axis=1)]
    return float(foretold.sum() / num_test)


def check_draws(batch_size: int, num_train: int, num_test: int) -> None:
    """Refuses numbers of draws with which there is nothing to score."""
    if batch_size < 2:
        raise ValueError(f"A batch has at least 2 examples; got {batch_size}.")
    if min(num_train, num_test) < 1:
        raise ValueError(f"num_train and num_test are at least 1; got {num_train} and {num_test}.")


def _votes(
    random: np.random.Generator, draws: FixedFactorDraws, scaled: np.ndarray, num: int, batch_size: int
) -> np.ndarray:
    """How often each dimension stood still when each factor was held, `(latent, factors)`."""
    votes = np.zeros((scaled.shape[1], draws.data.num_factors), int)
    for held in draws.factors(random, num):
        still = scaled[draws.batches(random, held, batch_size)].var(axis=1).argmin(axis=1)
        np.add.at(votes, (still, held), 1)
    return votes
