"""Where float32 is thin: kernels against float64, far bins, large counts, many degrees of freedom."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import special, stats

from latlas.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    FixedDegrees,
    FixedScale,
    LearnedDegrees,
    LearnedScale,
    Poisson,
    StudentT,
)
from latlas.distributions.heads._kernels import (
    bernoulli_log_prob,
    inverse_softplus,
    log1p_unit,
    sigmoid,
    softplus,
)

LOGITS = np.concatenate([-np.logspace(4, -8, 60), [0.0], np.logspace(-8, 4, 60)]).astype(np.float32)


def test_kernels_are_as_precise_as_float32():
    e = np.concatenate([np.logspace(-30, -1, 50), np.linspace(0.1, 1, 50)]).astype(np.float32)
    np.testing.assert_allclose(log1p_unit(jnp.asarray(e)), np.log1p(e.astype(np.float64)), rtol=4e-7)
    exact = LOGITS.astype(np.float64)
    inside = np.abs(exact) < 80
    np.testing.assert_allclose(sigmoid(jnp.asarray(LOGITS))[inside], special.expit(exact)[inside], rtol=1e-5)
    np.testing.assert_allclose(
        softplus(jnp.asarray(LOGITS))[inside], np.logaddexp(0, exact)[inside], rtol=1e-5
    )
    np.testing.assert_allclose(
        softplus(inverse_softplus(jnp.array([1e-3, 1.0, 50.0]))), [1e-3, 1.0, 50.0], rtol=1e-5
    )


def test_kernel_derivatives_of_all_orders_and_modes_are_right_at_zero_too():
    s = special.expit(LOGITS.astype(np.float64))
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.grad(softplus)))(LOGITS), s, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(
        jax.jit(jax.vmap(jax.grad(jax.grad(softplus))))(LOGITS), s * (1 - s), rtol=1e-5, atol=1e-7
    )
    by_logits, by_x = jax.jit(jax.vmap(jax.jacfwd(bernoulli_log_prob, (0, 1))))(
        LOGITS, jnp.full_like(LOGITS, 0.3)
    )
    np.testing.assert_allclose(by_logits, 0.3 - s, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(by_x, LOGITS)


def test_bernoulli_keeps_the_small_loss_of_a_confident_hit():
    value = jax.vmap(lambda l: Bernoulli().log_prob(l[None], jnp.ones(1)))(jnp.array([20.0, 50.0]))
    np.testing.assert_allclose(value, [-np.exp(-20.0), -np.exp(-50.0)], rtol=1e-5)


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_continuous_bernoulli_is_smooth_through_one_half(x):
    logits = np.concatenate([LOGITS[np.abs(LOGITS) < 60], [0.499, 0.501, -0.499, -0.501]]).astype(np.float32)
    exact = logits.astype(np.float64)
    a = np.abs(exact)
    b = np.maximum(a, 1e-4)
    tail = np.where(a > 1e-4, np.log(-np.expm1(-b) / b), -a / 2 + a**2 / 24)
    log_z = np.maximum(exact, 0) + tail
    far = np.where(a > 1e-2, exact, 1.0)
    mean = np.where(a > 1e-2, 1 / -np.expm1(-far) - 1 / far, 0.5 + exact / 12)
    log_prob = lambda l: ContinuousBernoulli().log_prob(l, jnp.asarray(x))  # noqa: E731
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(log_prob)))(logits)
    np.testing.assert_allclose(value, x * exact - log_z, atol=2e-6, rtol=2e-6)
    np.testing.assert_allclose(slope, x - mean, atol=2e-6)
    curvature = jax.jit(jax.vmap(jax.grad(ContinuousBernoulli().mean)))(logits)
    assert np.all((curvature >= 0) & (curvature <= 1 / 12 + 1e-6))  # the variance, largest for the uniform


def test_continuous_bernoulli_draws_follow_its_distribution_function():
    logits = np.array([-30.0, -0.2, 1e-5, 4.0])
    sample = jax.jit(jax.vmap(ContinuousBernoulli().sample, (0, None)))
    draws = np.asarray(sample(jr.split(jr.key(3), 4000), jnp.asarray(logits)), np.float64)
    assert np.all((draws >= 0) & (draws <= 1))
    for logit, column in zip(logits, draws.T, strict=True):
        assert stats.kstest(column, lambda x, l=logit: np.expm1(l * x) / np.expm1(l)).pvalue > 1e-3


def test_discretised_logistic_sums_to_one_and_has_a_mean_at_any_scale_and_location():
    head = DiscretisedLogistic(256, scale=LearnedScale())

    @jax.jit
    def all_levels(raw, loc):
        scaled = eqx.tree_at(lambda h: h.scale.raw, head, raw)
        return jax.vmap(lambda x: scaled.log_prob(loc, x))(jnp.arange(256)), scaled.mean(loc)

    for raw in (-20.0, -2.0, 0.5, 1e4):  # scales 0.001, 0.128, 0.975, 1e4
        for loc in (-1.7, 0.013, 5.0):
            log_probs, mean = all_levels(jnp.asarray(raw), jnp.asarray(loc))
            probabilities = np.exp(np.asarray(log_probs, np.float64))
            np.testing.assert_allclose(probabilities.sum(), 1.0, rtol=3e-5)
            np.testing.assert_allclose(mean, (probabilities * np.arange(256)).sum(), rtol=1e-4, atol=1e-4)


def test_discretised_logistic_keeps_far_bins_where_the_difference_of_two_cdfs_is_zero():
    head = DiscretisedLogistic(256, scale=FixedScale(0.01))
    level = 200
    b, a = ((2 * level / 255 - 1 + s / 255 + 1.0) / 0.01 for s in (1, -1))
    truth = -a + np.log(-np.expm1(-(b - a)))  # sigma(-a) ~ e^-a this far out: e^-156, zero in float32
    np.testing.assert_allclose(head.log_prob(jnp.array([-1.0]), jnp.array([level])), truth, rtol=1e-5)


def test_poisson_is_exact_for_large_counts():
    value_and_slope = jax.jit(jax.value_and_grad(lambda l, x: Poisson(max_log_rate=20.0).log_prob(l, x)))
    for count in (10, 50, 1_000, 30_000, 150_000):
        for factor in (0.5, 0.99, 1.0, 1.02, 3.0):
            log_rate = np.float32(np.log(count * factor))
            value, slope = value_and_slope(log_rate, count)
            # tolerance: the count times the squared rounding of the log rate, and the slope times that
            # rounding
            truth = stats.poisson.logpmf(count, np.exp(np.float64(log_rate)))
            np.testing.assert_allclose(value, truth, rtol=3e-6, atol=2e-5 + 1e-6 * abs(count * (1 - factor)))
            np.testing.assert_allclose(
                slope, count - np.exp(np.float64(log_rate)), atol=3e-6 * count * factor
            )


def test_poisson_rate_goes_on_as_its_tangent_beyond_the_largest_log_rate():
    head = Poisson(max_log_rate=3.0)
    np.testing.assert_allclose(
        head.mean(jnp.array([2.0, 3.0, 5.0])), np.exp([2.0, 3.0, 3.0]) * [1, 1, 3], rtol=1e-6
    )
    slope = jax.vmap(jax.grad(lambda l: head.mean(l)))(jnp.array([2.999, 3.0, 3.001, 100.0]))
    np.testing.assert_allclose(slope, np.exp([2.999, 3.0, 3.0, 3.0]), rtol=1e-5)
    assert jax.grad(lambda l: head.log_prob(l, jnp.asarray(5)))(jnp.asarray(1e4)) < 0  # leads back


def test_student_t_normaliser_is_exact_from_two_to_a_million_degrees():
    for degrees in (2.01, 3.0, 30.0, 1e4, 1e6):
        head = StudentT(scale=FixedScale(1.0), degrees=FixedDegrees(degrees))
        truth = stats.t.logpdf(0.7, degrees)
        np.testing.assert_allclose(head.log_prob(jnp.zeros(()), jnp.array(0.7)), truth, rtol=1e-6)
    far = StudentT(scale=FixedScale(1.0), degrees=FixedDegrees(3.0)).log_prob(jnp.zeros(()), jnp.array(1e30))
    np.testing.assert_allclose(far, stats.t.logpdf(1e30, 3.0), rtol=1e-6)


def test_learned_settings_start_where_they_were_told():
    np.testing.assert_allclose(LearnedScale((2,), init=0.05).value, [0.05, 0.05], rtol=1e-5)
    np.testing.assert_allclose(LearnedDegrees(init=30.0).value, 30.0, rtol=1e-6)


def test_an_observed_code_outside_the_categories_scores_nan_not_a_probability():
    for code in (-1, 3):
        assert jnp.isnan(Categorical(3).log_prob(jnp.zeros((1, 3)), jnp.array([code])))
        assert Categorical(3).log_prob(jnp.zeros((1, 3)), jnp.array([code]), jnp.array([False])) == 0.0
