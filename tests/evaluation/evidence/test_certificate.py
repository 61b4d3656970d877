"""Certificates against divergences that are known, and words where a bound says nothing."""

import json

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import integrate
from scipy import stats as scipy_stats

from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.evaluation import Bracket, certificate, elbo
from latlas.evaluation.evidence import CertificateSummary, ElboPerExample, EvidencePerExample
from latlas.models import PPCA, AbstractRecognition, WithRecognition


def sides(value, error=0.1, k=0.2):
    value = np.asarray(value, np.float64)
    n = len(value)
    return EvidencePerExample(value, np.full(n, error), np.full(n, 9.0), np.full(n, k), 100)


def bounds(value, error=0.0):
    value = np.asarray(value, np.float64)
    return ElboPerExample(-value, np.zeros_like(value), None, np.full(len(value), error))


class Shifted(AbstractRecognition):
    """The exact posterior, moved and widened."""

    ppca: PPCA
    shift: float
    factor: float

    def __call__(self, example):
        q = self.ppca.posterior(example)
        scale = jnp.sqrt(q.variance)
        return diagonal_normal(q.mean + self.shift * scale, self.factor * scale)


@pytest.mark.parametrize(("shift", "factor"), [(0.3, 1.2), (1.5, 0.5)])
def test_it_is_the_divergence_where_the_evidence_is_exact(shift, factor):
    ppca = PPCA(jnp.array([[1.2], [-0.4]]), jnp.zeros(2), jnp.float32(0.7))
    batch = Example(np.random.default_rng(0).normal(size=(20, 2)).astype("f"))
    exact = np.asarray(jax.vmap(ppca.log_evidence)(batch))
    bound = elbo(jr.key(0), WithRecognition(ppca, Shifted(ppca, shift, factor)), batch, num_samples=2000)
    found = certificate(bound, Bracket(sides(exact - 9), sides(exact + 9), True, exact=exact))
    truth = -np.log(factor) + (factor**2 + shift**2 - 1) / 2
    assert found.basis == "exact"
    assert abs(found.kl.mean() - truth) < 3 * found.kl_standard_error.mean() / np.sqrt(20)
    assert 0.5 < np.std(found.kl) / found.kl_standard_error.mean() < 2
    # Pinsker's inequality holds for the distance itself
    q, p = scipy_stats.norm(shift, factor), scipy_stats.norm(0, 1)
    distance = integrate.quad(lambda z: abs(q.pdf(z) - p.pdf(z)) / 2, -12, 12, limit=200)[0]
    assert distance < np.median(found.total_variation)
    assert found.vacuous.any() == (truth > 2)


def test_figures_are_those_of_pinsker():
    upper = sides([-9.5, -6.0, -10.2], 0.4)
    found = certificate(bounds([-10.0, -10.0, -10.0], 0.3), Bracket(upper, upper, True))
    np.testing.assert_allclose(found.kl, [0.5, 4.0, 0.0])
    np.testing.assert_allclose(found.kl_standard_error, 0.5)
    np.testing.assert_allclose(found.total_variation, [0.5, np.sqrt(2), 0.0])
    np.testing.assert_array_equal(found.vacuous, [False, True, False])
    low, high = found.total_variation_within(1.0)
    np.testing.assert_allclose(low, [0.0, np.sqrt(1.75), 0.0])
    np.testing.assert_allclose(high, [np.sqrt(0.5), 1.5, 0.5])
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (written["num_vacuous"], written["basis"], written["reliable"]) == (1, "bound", True)
    again = CertificateSummary.from_dict(written)
    assert again.to_dict() | {"meaning": written["meaning"]} == written
    assert (again.kl.median, again.vacuous) == (0.5, 1 / 3)
    assert "over 2 of 3 examples; for the other 1 the bound is above 1: vacuous" in written["meaning"]


def test_a_certificate_that_says_nothing_says_so():
    found = certificate(bounds([-10.0, -10.0]), sides([-1.0, -2.0], k=0.9))
    assert found.basis == "estimate"
    assert found.summary().startswith("Vacuous: KL(q || posterior) may be 8.50 nats")
    assert "estimate and no bound" in found.summary()
    assert "unreliable" in found.summary()


def test_the_two_must_be_of_the_same_examples():
    with pytest.raises(ValueError, match="of 2 examples and the upper side of 3"):
        certificate(bounds([0.0, 0.0]), sides([1.0, 1.0, 1.0]))
