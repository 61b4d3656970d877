"""The leapfrog integrator: reversible, of second order; and what HMC refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.core import Example
from latlas.evaluation.evidence._path import posterior_path
from latlas.models import PPCA
from latlas.sampling import HMC
from latlas.sampling._hmc import leapfrog

START, MOMENTUM = jnp.array([0.4, -0.9]), jnp.array([0.3, 1.1])


@pytest.fixture(scope="module")
def path():
    weight = jnp.array([[1.0, 0.3], [0.2, -0.8], [0.5, 0.5]])
    return posterior_path(PPCA(weight, jnp.zeros(3), jnp.float32(0.6)), Example(jnp.array([0.7, -0.4, 0.1])))


@pytest.fixture(scope="module")
def run(path):
    @jax.jit
    def run(z, momentum, step, num_steps):
        state = HMC().init(path, z)
        state, momentum = leapfrog(path, 0.7, step, num_steps, state, momentum)
        energy = -(state.log_initial + 0.7 * state.log_ratio) + 0.5 * jnp.sum(momentum**2)
        return state.z, momentum, energy

    return run


def test_the_leapfrog_goes_back_where_it_came_from(run):
    z, momentum, _ = run(START, MOMENTUM, 0.1, 12)
    assert np.abs(z - START).max() > 0.3
    back, minus, _ = run(z, -momentum, 0.1, 12)
    np.testing.assert_allclose(back, START, atol=1e-5)
    np.testing.assert_allclose(-minus, MOMENTUM, atol=1e-5)


def test_its_error_in_the_energy_is_of_second_order(run):
    start = run(START, MOMENTUM, 0.0, 1)[2]
    errors = [abs(run(START, MOMENTUM, step, round(1.2 / step))[2] - start) for step in (0.2, 0.1)]
    assert 3.0 < errors[0] / errors[1] < 5.0


def test_it_follows_the_gradient_of_the_density_on_the_path(path, run):
    # one step by hand
    gradient = jax.grad(lambda z: path.log_initial(z) + 0.7 * path.log_ratio(z))
    half = MOMENTUM + 0.05 * gradient(START)
    z = START + 0.1 * half
    found, momentum, _ = run(START, MOMENTUM, 0.1, 1)
    np.testing.assert_allclose(found, z, rtol=1e-5)
    np.testing.assert_allclose(momentum, half + 0.05 * gradient(z), rtol=1e-4)


def test_the_step_size_moves_towards_the_acceptance_asked_for():
    transition = HMC(step_size=0.2)
    tuning = transition.init_tuning()
    assert np.exp(tuning) == pytest.approx(0.2)
    assert transition.tune(tuning, 0.9) > tuning > transition.tune(tuning, 0.3)
    assert transition.tune(tuning, 0.65) == pytest.approx(float(tuning))


def test_a_discrete_latent_is_refused(path):
    with pytest.raises(ValueError, match=r"one of int32\. Use transition=IndependentMetropolis"):
        HMC().init(path, jnp.array([1, 2]))


def test_a_trajectory_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="num_leapfrog must be at least 1; got 0"):
        HMC(num_leapfrog=0)
