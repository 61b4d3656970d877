"""IRS: does a latent dimension stay where it is when every factor but its own changes?"""

import numpy as np

from latlas.stats.factors._labelled_codes import Codes, Factors, labelled_codes


def irs(codes: Codes, factors: Factors, *, quantile: float = 0.99) -> float:
    r"""Interventional robustness score: how little a dimension moves when all factors but one change.

    For dimension j and factor k let $m_{jk}(v)$ be the 0.99 quantile of $\lvert z_j - E[z_j \mid v_k = v] \rvert$
    among the rows with $v_k = v$, and $M_j$ the largest deviation of $z_j$ from its mean over all rows. Then

    $\mathrm{IRS} = \sum_j \frac{M_j}{\sum_i M_i} \max_k \Bigl(1 - \frac{E_v[m_{jk}(v)]}{M_j}\Bigr)$

    with the mean over the values of a factor. Right where the factors were drawn independently of one another, which
    stands in for intervening on them. One dimension may hold its factor twice, or several dimensions the same.
    Dimensions that never move are left out, and one with a large range weighs more, so the score depends on
    their scales; a few far outliers raise $M_j$ and with it the score. Unchanged by permutation and sign.

    Args:
        codes: one code per example, `(examples, latent)`.
        factors: the discrete factors that made the examples, `(examples, factors)`.
        quantile: of the deviations; 1 for the paper's maximum, which a single row decides.

    Returns:
        At most 1; 0 if no dimension moves. Codes that tell nothing score above 0 by the tail of their law.

    Raises:
        ValueError: if codes or factors cannot be used, or the quantile is not between 0 and 1.

    References:
        Suter, Miladinovic, Schölkopf, Bauer 2019, arXiv:1811.00007, section 3; the 0.99 quantile and the weights as in
        the code the authors gave to Locatello et al. 2019.
    """
    data = labelled_codes(codes, factors)
    if not 0 < quantile <= 1:
        raise ValueError(f"A quantile above 0 and at most 1 is asked for; got {quantile}.")
    moving = data.codes[:, data.codes.std(axis=0) > 0]
    if moving.shape[1] == 0:
        return 0.0
    largest = np.abs(moving - moving.mean(axis=0)).max(axis=0)
    deviations = np.empty((moving.shape[1], data.num_factors))
    for factor, count in enumerate(data.num_levels):
        order = np.argsort(data.levels[:, factor], kind="stable")
        ends = np.cumsum(np.bincount(data.levels[:, factor], minlength=count))[:-1]
        deviations[:, factor] = np.mean(
            [_deviation(rows, quantile) for rows in np.split(moving[order], ends)], axis=0
        )
    robust = (1 - deviations / largest[:, None]).max(axis=1)
    return float(np.average(robust, weights=largest))


def _deviation(rows: np.ndarray, quantile: float) -> np.ndarray:
    return np.quantile(np.abs(rows - rows.mean(axis=0)), quantile, axis=0)
