"""What a fit reports of its draws: every entry of every parameter, many of them a block at a time."""

import jax
import numpy as np
import pytest
from tests.bayes.posteriors import density_of

from latlas.bayes.verdict import _posterior
from latlas.bayes.verdict._posterior import Posterior


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("weighted", [False, True])
def test_many_entries_are_described_as_few_are(monkeypatch, weighted):
    rng = np.random.default_rng(0)
    draws = rng.gamma(2.0, size=(300, 7))
    weights = rng.dirichlet(np.ones(300)) if weighted else None
    monkeypatch.setattr(_posterior, "_ENTRIES", 3)
    target = density_of(lambda u: -0.5 * (u @ u), 7).target
    found = Posterior(target, draws, weights, "none", 300.0).described()
    shares = np.full(300, 1 / 300) if weights is None else weights
    mean = shares @ draws
    sd = np.sqrt(shares @ (draws - mean) ** 2)
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(found["sd"], sd, rtol=1e-12)
    np.testing.assert_allclose(found["mcse"], sd / np.sqrt(300), rtol=1e-12)
    for name, p in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
        below = np.array([shares @ (draws[:, i] <= found[name][i]) for i in range(7)])
        np.testing.assert_allclose(below, p, atol=0.02)


def test_what_is_exact_has_no_error():
    draws = np.random.default_rng(0).normal(size=(200, 3))
    target = density_of(lambda u: -0.5 * (u @ u), 3).target
    assert np.all(Posterior(target, draws, None, "none", np.inf).described()["mcse"] == 0)
