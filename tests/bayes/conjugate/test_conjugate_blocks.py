"""Conjugate pairs against quadrature, SciPy and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from latlas.bayes.conjugate import BetaBinomial, DirichletMultinomial, GammaPoisson, NormalNormal
from latlas.core import DataError, RequestError

COUNTS = np.array([3, 4, 0, 7])
PAIRS = {
    "normal": (NormalNormal(0.3, 2.0, 0.5), np.array([0.1, -1.0, 0.7]), (-4, 4)),
    "beta": (BetaBinomial(2.0, 3.0, 7), COUNTS, (0, 1)),
    "gamma": (GammaPoisson(2.0, 0.5), COUNTS, (0, 40)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_evidence_and_posterior_are_those_of_quadrature(name):
    block, data, support = PAIRS[name]
    with jax.enable_x64(True):

        def density(parameter):
            likelihood = block.likelihood(jnp.asarray(parameter))
            log_joint = block.prior().log_prob(parameter) + likelihood.log_prob(data).sum()
            return float(np.exp(log_joint))

        total = integrate.quad(density, *support, epsabs=0, epsrel=1e-6)[0]
        posterior = block.exact_posterior(data)
        at = float(posterior.mean)
        assert block.log_evidence(data) == pytest.approx(np.log(total), abs=1e-5)
        assert float(posterior.log_prob(at)) == pytest.approx(np.log(density(at) / total), abs=1e-5)


def test_evidence_of_categories_is_that_of_scipy():
    block = DirichletMultinomial(np.array([0.5, 1.0, 2.0]), 6)
    first, second = np.array([1, 2, 3]), np.array([4, 0, 2])
    want = stats.dirichlet_multinomial([0.5, 1, 2], 6).logpmf(first)
    want += stats.dirichlet_multinomial([1.5, 3, 5], 6).logpmf(second)
    assert block.log_evidence(np.stack([first, second])) == pytest.approx(want, abs=1e-9)
    np.testing.assert_array_equal(
        block.exact_posterior(np.stack([first, second])).concentration, [5.5, 3.0, 7.0]
    )
    np.testing.assert_array_equal(block.prior().concentration, [0.5, 1.0, 2.0])
    assert block.likelihood(np.full(3, 1 / 3)).total_count == 6


@pytest.mark.parametrize(
    ("block", "data", "words"),
    [
        (BetaBinomial(total_count=3), [4], "from 0 to 3"),
        (GammaPoisson(), [-1], "such as -1"),
        (GammaPoisson(), [0.5], "such as 0.5"),
        (NormalNormal(), [np.nan], "NaN"),
        (NormalNormal(), [], "at least 1"),
        (DirichletMultinomial(np.ones(2), 2), [[1, 1, 0]], "2 categories"),
        (DirichletMultinomial(np.ones(2), 2), [[1, 2]], "sum to 3"),
    ],
)
def test_impossible_observations_are_refused(block, data, words):
    for ask in (block.exact_posterior, block.log_evidence):
        with pytest.raises(DataError, match=words):
            ask(data)


@pytest.mark.parametrize(
    "build",
    [
        lambda: NormalNormal(scale=0.0),
        lambda: NormalNormal(loc=np.inf),
        lambda: BetaBinomial(total_count=0),
        lambda: GammaPoisson(rate=-1.0),
        lambda: DirichletMultinomial([1.0, 0.0]),
    ],
)
def test_impossible_priors_are_refused(build):
    with pytest.raises(RequestError):
        build()
