"""Every gradient estimator against finite differences of the bound itself, integrated exactly."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array
from scipy import stats as scipy_stats

from latlas.core import Example
from latlas.distributions import FixedScale, Gaussian, Likelihood, diagonal_normal
from latlas.models import AbstractLatentModel
from latlas.objectives import (
    DoublyReparameterised,
    Elbo,
    ImportanceWeighted,
    MonteCarlo,
    Reparameterised,
    StickingTheLanding,
)

NOISE, X = 0.5, 1.2
POINT = {"weight": 0.8, "loc": 0.3, "log_scale": -0.4}


class Tiny(AbstractLatentModel):
    """z ~ N(0, 1), x ~ N(weight z, 0.25), and a free q(z) = N(loc, exp(log_scale)^2)."""

    weight: Array
    loc: Array
    log_scale: Array

    def prior(self, condition=None):
        return diagonal_normal(jnp.zeros(1), jnp.ones(1))

    def posterior(self, example):
        return diagonal_normal(self.loc[None], jnp.exp(self.log_scale)[None])

    def likelihood(self, z, condition=None):
        return Likelihood(Gaussian(FixedScale(NOISE)), self.weight * z)


def _tiny(**changes):
    return Tiny(**{name: jnp.float32(value) for name, value in (POINT | changes).items()})


def _exact_posterior():
    precision = 1 + POINT["weight"] ** 2 / NOISE**2
    return {"loc": POINT["weight"] * X / NOISE**2 / precision, "log_scale": -0.5 * np.log(precision)}


def _gradients(objective, num, model=None):
    """The parameters' gradients of the bound, one row per key."""
    batch = Example(jnp.full((1, 1), X, jnp.float32))

    def gradient(key, model):
        return jax.grad(lambda model: -objective(key, model, batch)[0])(model)

    found = eqx.filter_jit(jax.vmap(gradient, in_axes=(0, None)))(jr.split(jr.key(0), num), model or _tiny())
    return np.stack([found.weight, found.loc, found.log_scale], axis=1).astype(np.float64)


def _bound(params, num_samples):
    """E[log mean of `num_samples` weights], by Gauss-Hermite quadrature in float64."""
    weight, loc, log_scale = params
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    masses = masses / masses.sum()
    z = loc + np.exp(log_scale) * nodes
    norm = scipy_stats.norm
    log_w = norm.logpdf(z) + norm.logpdf(X, weight * z, NOISE) - norm.logpdf(z, loc, np.exp(log_scale))
    if num_samples == 1:
        return masses @ log_w
    return masses @ (np.logaddexp(log_w[:, None], log_w) - np.log(2)) @ masses


def _exact_gradient(num_samples):
    point, step = np.array(list(POINT.values())), 1e-5
    sides = [[_bound(point + sign * step * unit, num_samples) for sign in (1, -1)] for unit in np.eye(3)]
    return np.array([(up - down) / (2 * step) for up, down in sides])


ESTIMATORS = {
    "reparameterised": Reparameterised(),
    "Monte Carlo KL": Reparameterised(closed_form_kl=False),
    "sticking the landing": StickingTheLanding(),
    "doubly reparameterised": DoublyReparameterised(),
}
OBJECTIVES = {f"ELBO, {name}": (Elbo(gradient=gradient), 1) for name, gradient in ESTIMATORS.items()}
OBJECTIVES |= {
    f"IWAE, {name}": (ImportanceWeighted(MonteCarlo(2), ESTIMATORS[name]), 2)
    for name in ("reparameterised", "doubly reparameterised")  # the third is biased for K > 1
}


@pytest.mark.parametrize(("objective", "num_samples"), OBJECTIVES.values(), ids=OBJECTIVES)
def test_an_estimator_has_the_gradient_of_the_bound_as_expectation(objective, num_samples):
    found = _gradients(objective, 30_000)
    error = found.std(axis=0) / np.sqrt(len(found))
    difference = np.abs(found.mean(axis=0) - _exact_gradient(num_samples))
    assert (difference < 4 * error + 1e-5).all()
    assert error.max() < 0.03  # the test would see a wrong gradient


def test_sticking_the_landing_is_biased_for_several_samples():
    found = _gradients(ImportanceWeighted(MonteCarlo(2), StickingTheLanding()), 30_000)[:, 1:]
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - _exact_gradient(2)[1:]) > 6 * error).any()


@pytest.mark.parametrize("name", ["sticking the landing", "doubly reparameterised"])
def test_path_gradients_vanish_at_the_exact_posterior(name):
    model = _tiny(**_exact_posterior())
    found = _gradients(Elbo(gradient=ESTIMATORS[name]), 200, model)[:, 1:]
    assert np.abs(found).max() < 1e-4
    assert _gradients(Elbo(), 200, model)[:, 1:].std(axis=0).min() > 0.1


def test_doubly_reparameterised_gradients_are_quieter_than_the_original_ones():
    quiet, loud = (
        _gradients(ImportanceWeighted(MonteCarlo(50), gradient), 2000)[:, 1:].std(axis=0)
        for gradient in (DoublyReparameterised(), Reparameterised())
    )
    assert (quiet < 0.7 * loud).all()


def test_doubly_reparameterised_is_sticking_the_landing_for_one_sample():
    one, other = (
        _gradients(ImportanceWeighted(MonteCarlo(1), ESTIMATORS[name]), 20)
        for name in ("sticking the landing", "doubly reparameterised")
    )
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("objective", [Elbo, ImportanceWeighted])
def test_the_value_of_a_bound_does_not_depend_on_the_estimator(objective):
    batch = Example(jnp.full((1, 1), X, jnp.float32))
    losses = [
        objective(draws=MonteCarlo(3), gradient=gradient)(jr.key(0), _tiny(), batch)[0]
        for name, gradient in ESTIMATORS.items()
        if name != "reparameterised"
    ]
    np.testing.assert_allclose(losses, np.broadcast_to(losses[0], 3), rtol=1e-6)
