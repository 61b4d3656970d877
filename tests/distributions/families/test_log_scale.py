"""Log scales: clipped where a number of the type would end, and nowhere before."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.distributions.families import DiagonalGaussian, FullGaussian, LowRankGaussian
from latlas.distributions.families._log_scale import scale_of


def members(log_scale):
    """Of each Gaussian with such scales."""
    zeros = jnp.zeros_like(log_scale)
    yield DiagonalGaussian(zeros, log_scale)
    yield FullGaussian(zeros, log_scale, jnp.zeros((zeros.size, zeros.size), zeros.dtype))
    yield LowRankGaussian(zeros, log_scale, jnp.zeros((zeros.size, 1), zeros.dtype))


@pytest.mark.parametrize(("is_double", "limit"), [(False, 10.0), (True, 80.0)], ids=["float32", "float64"])
def test_no_log_scale_makes_a_number_infinite(is_double, limit):
    with jax.enable_x64(is_double):
        given = jnp.array([-1e4, -limit, -1.0, 0.0, limit, 1e4])
        np.testing.assert_allclose(np.log(scale_of(given)), [-limit, -limit, -1, 0, limit, limit], rtol=1e-6)
        for q in members(given):
            assert np.isfinite(q.covariance).all()
            assert np.isfinite(q.log_prob(q.transport(jr.normal(jr.key(0), (6,)))))
            assert np.isfinite(q.entropy(jr.key(0)).value)


def test_within_the_limit_a_scale_and_its_gradient_are_those_of_exp():
    for is_double in (False, True):
        with jax.enable_x64(is_double):
            given = jnp.linspace(-9.99, 9.99, 101)
            np.testing.assert_array_equal(scale_of(given), jnp.exp(given))
            np.testing.assert_array_equal(jax.grad(lambda s: scale_of(s).sum())(given), jnp.exp(given))


def test_members_are_read_outside_of_the_float64_that_fitted_them():
    with jax.enable_x64(True):
        fitted = list(members(jnp.log(jnp.array([0.5, 2.0]))))
    with jax.enable_x64(False):
        diagonal, full = fitted[:2]
        np.testing.assert_allclose(full.scale_tril, np.diag([0.5, 2.0]), rtol=1e-12)
        np.testing.assert_allclose(diagonal.affine.factor.diagonal, [0.5, 2.0], rtol=1e-12)
        for q in jax.tree.map(np.asarray, fitted):  # of the host: all of it
            np.testing.assert_allclose(np.sqrt(np.diagonal(q.covariance)), [0.5, 2.0], rtol=1e-6)
            assert np.isfinite(q.sample(jr.key(0), 3)).all()
            assert np.isfinite(q.log_prob(jnp.asarray(q.mean)))
            assert np.isfinite(q.entropy(jr.key(0)).value)


def test_numbers_of_the_host_keep_their_own_limit():
    # engines work in float64 on the host, whatever the flag says
    np.testing.assert_allclose(scale_of(np.array([30.0])), np.exp(30.0), rtol=1e-5)
