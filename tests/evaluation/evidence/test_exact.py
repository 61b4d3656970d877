"""`benchmarks/exact.py` at small size: the general machinery finds what is known in closed form."""

import jax.random as jr
import numpy as np
import pytest
from benchmarks._exact_estimates import compare, latent_classes, ppca
from benchmarks.exact import (
    as_ppca,
    bound_errors,
    exact_evidence,
    fit_linear_autoencoder,
    fit_linear_vae,
    ppca_data,
    subspace_angle,
)

from latlas.evaluation import Annealing
from latlas.models import PPCA
from latlas.sampling import IndependentMetropolis

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds


@pytest.fixture(scope="module")
def data():
    return ppca_data(0, 2000, 6, 2)


@pytest.fixture(scope="module")
def vae(data):
    return fit_linear_vae(jr.key(0), data[0], 2, num_steps=1500)


def test_a_linear_vae_reaches_the_maximum_likelihood_of_probabilistic_pca(data, vae):
    train, test = data
    best = exact_evidence(PPCA.maximum_likelihood(train, 2), test).mean()
    found = exact_evidence(as_ppca(vae), test).mean()
    assert abs(found / best - 1) < 0.001
    # on its own training data nothing beats the maximum (float32)
    assert exact_evidence(as_ppca(vae), train).mean() < (
        exact_evidence(PPCA.maximum_likelihood(train, 2), train).mean() + 1e-4
    )


def test_a_linear_autoencoder_spans_the_subspace_of_pca(data):
    model = fit_linear_autoencoder(jr.key(1), data[0], 2, num_steps=1500)
    assert subspace_angle(model, data[0], 2) < 1.0


def test_the_bound_of_a_fitted_model_rises_to_its_exact_evidence(data, vae):
    rows = bound_errors(jr.key(2), vae, data[1][:200], (1, 1000), 1.5)
    assert rows[0]["gap"] < -0.1
    assert abs(rows[1]["gap"]) < 3 * rows[1]["standard_error"]
    assert np.isfinite(rows[1]["pareto_k"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "annealing"),
    [
        pytest.param(ppca(), Annealing(), id="probabilistic PCA with ten latents"),
        pytest.param(
            latent_classes(),
            Annealing(num_temperatures=400, num_chains=64, transition=IndependentMetropolis(2)),
            id="latent classes",
        ),
    ],
)
def test_every_estimate_agrees_with_the_exact_evidence_over_twenty_seeds(model, annealing):
    rows = compare(model, annealing, seeds=20, examples=40, num_samples=5000)
    assert [row["estimate"] for row in rows if not row["holds"]] == []
