"""Constrained training against the rate-distortion function of a Gaussian source, whose slope is the multiplier."""

import logging

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Constant, Example
from latlas.distributions import FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.models import AbstractLatentModel
from latlas.objectives import Constraint, Elbo, Rate, ReconstructionError, constrained_fit
from latlas.training import Adam, ProportionalIntegral, Reports, Schedule, Trainer

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

pytestmark = pytest.mark.optimised  # trains, or walks, for seconds

NUM_STEPS = 2000
# reverse water-filling (Cover and Thomas 2006, theorem 10.3.3) at the level 1/2: the last direction is not worth a nat
VARIANCES, LEVEL = np.array([4.0, 2.0, 1.0, 0.25]), 0.5
RATE = 0.5 * np.log(np.maximum(VARIANCES / LEVEL, 1.0)).sum()
DISTORTION = np.minimum(VARIANCES, LEVEL).mean()
PRICE = 4 / (2 * LEVEL)  # nats per unit of mean square error over four entries


class Diagonal(AbstractLatentModel):
    """One latent for each direction, all of them affine: the best code of a Gaussian source is of this form."""

    encoder: jnp.ndarray
    log_scale: jnp.ndarray
    decoder: jnp.ndarray

    def prior(self, condition=None):
        return diagonal_normal(jnp.zeros(4), jnp.ones(4))

    def posterior(self, example):
        return diagonal_normal(self.encoder * example.x, jnp.exp(self.log_scale))

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(1.0)), self.decoder * z)


def _rows():
    x = np.random.default_rng(0).normal(size=(256, 4))
    x -= x.mean(0)
    x = np.linalg.solve(np.linalg.cholesky(np.cov(x.T, bias=True)), x.T).T
    return Example(jnp.asarray(x * np.sqrt(VARIANCES), jnp.float32))


DATA = _rows()
MODEL = Diagonal(jnp.full(4, 0.3), jnp.full(4, -1.0), jnp.ones(4))


def _fit(objective, *constraints, num_steps=NUM_STEPS, model=MODEL, **options):
    rate = Schedule("cosine_decay_schedule", init_value=0.02, decay_steps=num_steps)
    trainer = Trainer(objective, Adam(rate), num_steps=num_steps, batch_size=None, reports=Reports(100))
    return constrained_fit(jr.key(1), trainer, model, DATA, constraints, **options)


def _end(found, name):
    """Mean of a term over the last tenth of the run."""
    return np.mean([line["train"][name] for line in found.history[-2:]])


def test_the_cheapest_code_under_a_distortion_is_that_of_the_rate_distortion_function():
    found = _fit(Rate(), Constraint(ReconstructionError(root=False), DISTORTION, name="distortion"))
    assert _end(found, "constraint_distortion") == pytest.approx(DISTORTION, rel=0.01)
    assert _end(found, "kl") == pytest.approx(RATE, rel=0.02)
    # the multiplier is the slope -dR/dD
    assert _end(found, "multiplier_distortion") == pytest.approx(PRICE, rel=0.05)
    outcome = found.outcomes["distortion"]
    assert found.met
    assert outcome.note is None
    assert outcome.price == pytest.approx(PRICE, rel=0.1)
    assert abs(outcome.value.value - DISTORTION) < 4 * outcome.value.standard_error
    assert "met, at a price of" in str(outcome)


@pytest.mark.slow
def test_the_best_code_of_a_rate_is_the_same_and_a_constraint_that_does_not_bind_is_free():
    def largest_code(key, model, example):
        return jnp.max(jnp.abs(model.posterior(example).mean))

    found = _fit(Elbo(Constant(0.0)), Constraint("kl", RATE), Constraint(largest_code, 100.0), num_steps=3000)
    assert _end(found, "kl") == pytest.approx(RATE, rel=0.01)
    square_error = 2 * (-_end(found, "log_likelihood") - 2 * np.log(2 * np.pi)) / 4
    assert square_error == pytest.approx(DISTORTION, rel=0.02)
    # log p(x|z) falls by half a nat per unit of summed square error, and the error by 2 level per nat of rate
    assert _end(found, "multiplier_kl") == pytest.approx(LEVEL, rel=0.05)
    free = found.outcomes["largest_code"]
    assert found.met
    assert free.price < 1e-5
    assert "costs nothing" in free.note


def test_a_quantity_may_be_kept_above_its_tolerance():
    found = _fit(Rate(), Constraint("kl", 1.5, at_least=True), num_steps=1000)
    assert _end(found, "constraint_kl") == pytest.approx(1.5, rel=0.02)
    # one more nat of the tolerance costs one nat of the objective
    assert _end(found, "multiplier_kl") == pytest.approx(1.0, rel=0.1)
    again = _fit(Rate(), Constraint("kl", 1.5, at_least=True), num_steps=1000, model=found.trained)
    assert again.history[0]["train"]["multiplier_kl"] == pytest.approx(1.0, rel=0.2)


def test_what_cannot_be_met_is_said_and_the_multipliers_stop_at_their_bound(caplog):
    constraints = (Constraint("kl", 0.1), Constraint(ReconstructionError(), 0.1))
    control = ProportionalIntegral(rate=0.05, integral_limit=0.5, lower=-9.0, upper=5.0)
    with caplog.at_level(logging.WARNING, logger="latlas"):
        found = _fit(Rate(), *constraints, num_steps=500, control=control)
    assert not found.met
    outcome = found.outcomes["reconstruction_error"]
    assert "upper bound" in outcome.note
    assert "reconstruction_error" in caplog.text
    assert outcome.price == pytest.approx(np.exp(5.0) / 0.1, rel=0.01)
    assert all(np.isfinite(value) for line in found.history for value in line["train"].values())


@pytest.mark.slow
def test_held_out_rows_drive_the_multiplier():
    # errors of held-out rows are twice those of the training rows, so the model must halve its own
    held_out = Example(2 * DATA.x)
    error = ReconstructionError(root=False)
    found = _fit(Rate(), Constraint(error, 4 * DISTORTION, name="d"), held_out=held_out, num_steps=1500)
    assert _end(found, "constraint_d") == pytest.approx(4 * DISTORTION, rel=0.05)
    assert found.outcomes["d"].value.value == pytest.approx(4 * DISTORTION, rel=0.2)
    assert found.met
