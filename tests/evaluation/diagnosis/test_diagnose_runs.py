"""Short real trainings on digits, each made to go wrong in one way, and one that goes well."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from sklearn.datasets import load_digits
from tests.evaluation.sick_models import names

from latlas.core import Constant, Example
from latlas.distributions import Bernoulli
from latlas.evaluation import diagnose
from latlas.evaluation.diagnosis import QUICK_CHECKS
from latlas.models import VAE, GaussianRecognition, StandardNormal
from latlas.networks import MLP, small_output_init, with_output_bias
from latlas.objectives import Elbo
from latlas.training import Adam, Reports, Trainer

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

LATENT, HIDDEN, BATCH = 3, 32, 50


@pytest.fixture(scope="module")
def digits():
    """Black and white rows: 1,200 to train on, 200 to validate, 390 that no training sees."""
    x = (load_digits().data > 7).astype(np.float32)
    return np.split(x[np.random.default_rng(0).permutation(len(x))], [1200, 1400, 1790])


def trained(train, valid, *, beta=1.0, epochs):
    """A run and the model at its end: the last one and not the best, so that what happened shows."""
    encoder_key, decoder_key, run_key = jr.split(jr.key(0), 3)
    logits = np.log((train.sum(0) + 0.5) / (len(train) - train.sum(0) + 0.5))
    decoder = MLP(LATENT, 64, (HIDDEN,), key=decoder_key)
    decoder = with_output_bias(small_output_init(decoder), logits.astype(np.float32))
    encoder = GaussianRecognition(MLP(64, 2 * LATENT, (HIDDEN,), key=encoder_key))
    model = VAE(StandardNormal(LATENT), encoder, decoder, Bernoulli())
    trainer = Trainer(
        # as an array, so that all runs share one program
        Elbo(Constant(jnp.float32(beta))),
        Adam(jnp.float32(3e-3)),
        num_epochs=epochs,
        batch_size=BATCH,
        reports=Reports(max(1, epochs * (len(train) // BATCH) // 40)),
    )
    result = trainer.fit(run_key, model, Example(train), valid=Example(valid))
    return result.state.model, result.history


def diagnosed(digits, train, **options):
    model, history = trained(train, digits[1], **options)
    return diagnose(
        jr.key(0),
        model,
        Example(digits[2]),
        train=Example(train[:390]),
        history=history,
        checks=QUICK_CHECKS,
    )


@pytest.mark.slow
def test_a_run_that_goes_well_is_healthy(digits):
    assert diagnosed(digits, digits[0], epochs=200).healthy


def test_too_high_a_price_of_the_kl_ends_in_collapse(digits):
    found = diagnosed(digits, digits[0], epochs=20, beta=100.0)
    assert {"posterior_collapse", "decoder_ignores_latent"} <= names(found)
    assert found.findings[0].severity == "serious"


def test_sixty_examples_are_learnt_by_heart(digits):
    assert "overfitting" in names(diagnosed(digits, digits[0][:60], epochs=2000))


def test_a_run_that_was_cut_short_had_not_ended(digits):
    found = diagnosed(digits, digits[0], epochs=4)
    assert names(found) == {"too_few_epochs"}
