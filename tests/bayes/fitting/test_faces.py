"""Both faces of KL, where both are known."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.bayes import both_faces, from_log_density
from latlas.bayes.densities import Density
from latlas.core import RequestError
from latlas.distributions.families import MeanField
from latlas.report import save_faces

PRECISION = np.array([[2.0, 1.5], [1.5, 2.0]])


def target(log_density, dim):
    return from_log_density(log_density, jnp.zeros(dim))


def two_modes(w):
    # N(-2, 0.5^2) and N(2, 0.5^2), 0.3 : 0.7
    return jnp.logaddexp(jnp.log(0.3) - 2 * (w[0] + 2) ** 2, jnp.log(0.7) - 2 * (w[0] - 2) ** 2)


@pytest.fixture(scope="module")
def correlated():
    loc = jnp.array([0.5, -0.2])
    normal = target(lambda w: -0.5 * (w - loc) @ jnp.asarray(PRECISION) @ (w - loc), 2)
    return both_faces(jr.key(0), normal, family=MeanField())


@pytest.fixture(scope="module")
def bimodal():
    return both_faces(jr.key(1), target(two_modes, 1), family="mean-field")


def test_mean_field_variances_are_the_inverse_precision_and_the_marginal_variances(correlated):
    reverse = np.exp(2 * np.asarray(correlated.reverse.approximation.log_scale))
    forward = np.exp(2 * np.asarray(correlated.forward.approximation.log_scale))
    np.testing.assert_allclose(reverse, 1 / np.diagonal(PRECISION), rtol=1e-3)
    np.testing.assert_allclose(forward, np.diagonal(np.linalg.inv(PRECISION)), rtol=1e-3)
    for fit in (correlated.reverse, correlated.forward):
        assert fit.converged
        np.testing.assert_allclose(fit.approximation.loc, [0.5, -0.2], atol=1e-3)


def test_divergences_are_the_closed_forms(correlated):
    # KL between the product of normals with variances v and N(m, C), both ways
    covariance = np.linalg.inv(PRECISION)
    log_det = np.linalg.slogdet(covariance)[1]
    for place, v in enumerate((1 / np.diagonal(PRECISION), np.diagonal(covariance))):
        from_q = 0.5 * (np.sum(np.diagonal(PRECISION) * v) - 2 - np.log(v).sum() + log_det)
        to_q = 0.5 * (np.sum(np.diagonal(covariance) / v) - 2 + np.log(v).sum() - log_det)
        for got, want in ((correlated.kl_from_q[place], from_q), (correlated.kl_to_q[place], to_q)):
            assert abs(got.value - want) < 4 * got.standard_error + 1e-3
            assert got.standard_error < 0.1


def test_reverse_takes_one_mode_and_forward_covers_both(bimodal):
    reverse, forward = bimodal.reverse.approximation, bimodal.forward.approximation
    assert float(reverse.loc[0]) == pytest.approx(2.0, abs=0.02)
    assert float(jnp.exp(reverse.log_scale[0])) == pytest.approx(0.5, rel=0.02)
    # mean 0.7 * 2 - 0.3 * 2, variance 0.25 + 4 - 0.8^2
    assert float(forward.loc[0]) == pytest.approx(0.8, abs=0.03)
    assert float(jnp.exp(forward.log_scale[0])) == pytest.approx(3.61**0.5, rel=0.02)
    # a single mode holds 0.7 of the mass
    assert bimodal.kl_from_q[0].value == pytest.approx(-np.log(0.7), abs=0.02)
    assert bimodal.kl_from_q[0].value < bimodal.kl_from_q[1].value
    assert bimodal.kl_to_q[1].value < bimodal.kl_to_q[0].value
    assert str(bimodal).splitlines()[0].split() == ["fit", "KL(q", "||", "p)", "KL(p", "||", "q)"]


def test_the_global_flag_is_left_alone(correlated):
    assert correlated.forward.approximation.loc.dtype == jnp.float64
    assert jnp.zeros(1).dtype == jnp.float32
    assert not jax.config.jax_enable_x64


def test_figures_are_drawn(correlated, bimodal, tmp_path):
    for name, faces in (("two.png", correlated), ("one.svg", bimodal)):
        save_faces(tmp_path / name, faces)
        assert (tmp_path / name).stat().st_size > 5000


def test_a_third_dimension_is_refused(correlated, tmp_path):
    three = Density(target(lambda w: -jnp.sum(w**2), 3))
    wide = type(correlated)(**{**vars(correlated), "density": three})
    with pytest.raises(RequestError, match="3 dimensions"):
        save_faces(tmp_path / "three.png", wide)
