"""KL(aggregate posterior || prior): where the aggregate is a normal, against its closed form."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from latlas.evaluation.rate._aggregate import _kernels, _leave_one_out, _normal, aggregate_kl

N, SCALE = 4000, 0.5


def log_normal(x, loc, scale):
    return np.sum(-0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi), axis=-1)


def test_a_row_is_left_out_of_its_own_density():
    log_q = np.random.default_rng(0).normal(size=(5, 5))  # of draw j (column) under the posterior of row i
    found = _leave_one_out(log_q)
    for j in range(5):
        others = np.delete(log_q[:, j], j)
        assert found[j] == pytest.approx(logsumexp(others) - np.log(4), abs=1e-12)


def test_each_half_is_scored_under_the_normal_of_the_other():
    codes = np.random.default_rng(3).normal(size=(9, 2)) @ np.array([[1.0, 0.4], [0.0, 0.5]])
    found = _normal(codes)
    for mine, other in ((codes[::2], codes[1::2]), (codes[1::2], codes[::2])):
        expected = multivariate_normal(other.mean(axis=0), np.cov(other.T, ddof=1)).logpdf(mine)
        np.testing.assert_allclose(found[::2] if len(mine) == 5 else found[1::2], expected, rtol=1e-10)


@pytest.mark.parametrize("bandwidth", [0.5, 1.0])
def test_kernels_are_normal_with_scotts_width_and_leave_their_own_row_out(bandwidth):
    codes = np.random.default_rng(4).normal(size=(11, 3)) @ np.diag([1.0, 0.2, 3.0])
    width = bandwidth * 11 ** (-1 / (3 + 4))
    kernel = multivariate_normal(np.zeros(3), width**2 * np.cov(codes.T, ddof=1))
    expected = [
        logsumexp([kernel.logpdf(row - other) for j, other in enumerate(codes) if j != i]) - np.log(10)
        for i, row in enumerate(codes)
    ]
    np.testing.assert_allclose(_kernels(codes, bandwidth), expected, rtol=1e-9)


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (1.0, 1.0), (0.0, 0.5), (-0.5, 1.5)])
def test_a_normal_aggregate_has_its_closed_form(loc, scale):
    codes = loc + scale * np.random.default_rng(1).normal(size=(N, 2))
    log_prior = log_normal(codes, 0.0, 1.0)
    # posteriors as wide as the aggregate say nothing of their example: each draw has its density under all of them
    log_q = np.broadcast_to(log_normal(codes, loc, scale), (N, N))
    found = aggregate_kl(codes, log_prior, log_q)
    expected = 2 * (0.5 * (scale**2 + loc**2 - 1) - np.log(scale))
    # the largest of four estimates, each with the error of a mean over rows
    assert found.value == pytest.approx(expected, abs=4 * found.standard_error + 0.01)
    assert found.standard_error < 0.05


@pytest.mark.parametrize("dimensions", [3, 1])
def test_too_few_codes_tell_nothing(dimensions):
    codes = np.random.default_rng(2).normal(size=(19, dimensions))
    assert aggregate_kl(codes, np.zeros(19), np.zeros((19, 19))) is None
