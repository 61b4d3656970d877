"""Every head against SciPy or a closed form, at extreme parameters, with holes, and against its own draws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import integrate, special, stats

from latlas.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    FixedDegrees,
    FixedScale,
    Gaussian,
    Laplace,
    LearnedDegrees,
    LearnedScale,
    Likelihood,
    Mixed,
    Poisson,
    PredictedScale,
    StudentT,
)

SHAPE = (3,)
HEADS = {
    "bernoulli": Bernoulli(),
    "continuous_bernoulli": ContinuousBernoulli(),
    "gaussian_fixed": Gaussian(scale=FixedScale(0.3)),
    "gaussian_learned": Gaussian(scale=LearnedScale(init=0.7)),
    "gaussian_per_feature": Gaussian(scale=LearnedScale(SHAPE, init=0.7)),
    "gaussian_predicted": Gaussian(scale=PredictedScale()),
    "laplace": Laplace(scale=PredictedScale()),
    "student_t_fixed": StudentT(scale=PredictedScale(), degrees=FixedDegrees(5.0)),
    "student_t_learned": StudentT(scale=LearnedScale(), degrees=LearnedDegrees(SHAPE, init=7.0)),
    "categorical": Categorical(4),
    "discretised_logistic": DiscretisedLogistic(num_levels=6),
    "poisson": Poisson(),
}
# every head's support holds zero and one, so one table of observations does for all
STORAGE = (np.uint8, np.int32, np.bool_, np.float32)
each_head = pytest.mark.parametrize("head", [pytest.param(head, id=name) for name, head in HEADS.items()])


@eqx.filter_jit
@jax.value_and_grad
def value_and_grad(params, head, x, observed=None):
    return head.log_prob(params, x, observed)


def params_for(head, seed=0, scale=1.0):
    return scale * jr.normal(jr.key(seed), head.param_shape(SHAPE))


def sigma(raw, minimum=1e-3):
    return minimum + np.logaddexp(0.0, raw)


def continuous_bernoulli_pdf(x, logit):
    probability = special.expit(logit)
    normaliser = integrate.quad(lambda t: probability**t * (1 - probability) ** (1 - t), 0, 1)[0]
    return probability**x * (1 - probability) ** (1 - x) / normaliser


def logistic_bins(x, loc, scale, levels=6):
    edges = np.concatenate([[-np.inf], (2 * np.arange(1, levels) - levels) / (levels - 1), [np.inf]])
    cdf = special.expit((edges - loc) / scale)
    return np.log(cdf[int(x) + 1] - cdf[int(x)])


# name -> (params, x, head) -> exact log density of ONE entry, in float64
TRUTH = {
    "bernoulli": (lambda p, x: stats.bernoulli.logpmf(x, special.expit(p)), [0, 1]),
    "continuous_bernoulli": (lambda p, x: np.log(continuous_bernoulli_pdf(x, p)), [0.0, 0.2, 1.0]),
    "gaussian_fixed": (lambda p, x: stats.norm.logpdf(x, p, 0.3), [-1.0, 0.4, 3.0]),
    "gaussian_learned": (lambda p, x: stats.norm.logpdf(x, p, 0.7), [-1.0, 0.4, 3.0]),
    "gaussian_per_feature": (lambda p, x: stats.norm.logpdf(x, p, 0.7), [-1.0, 0.4, 3.0]),
    "gaussian_predicted": (lambda p, x: stats.norm.logpdf(x, p[0], sigma(p[1])), [-1.0, 0.4, 3.0]),
    "laplace": (lambda p, x: stats.laplace.logpdf(x, p[0], sigma(p[1])), [-1.0, 0.4, 3.0]),
    "student_t_fixed": (lambda p, x: stats.t.logpdf(x, 5.0, p[0], sigma(p[1])), [-1.0, 0.4, 30.0]),
    "student_t_learned": (lambda p, x: stats.t.logpdf(x, 7.0, p, 1.0), [-1.0, 0.4, 30.0]),
    "categorical": (lambda p, x: special.log_softmax(p)[int(x)], [0, 1, 2, 3]),
    "discretised_logistic": (lambda p, x: logistic_bins(x, p[0], sigma(p[1])), [0, 2, 3, 5]),
    "poisson": (lambda p, x: stats.poisson.logpmf(x, np.exp(p)), [0, 1, 9, 10, 11, 40]),
}


@pytest.mark.parametrize("name", HEADS)
def test_log_prob_equals_the_exact_density(name):
    head, (truth, points) = HEADS[name], TRUTH[name]
    for seed, point in enumerate(points):
        params = params_for(head, seed, 2.0)
        x = np.full(SHAPE, point)
        exact = sum(truth(np.asarray(p, np.float64), point) for p in params)
        value, _ = value_and_grad(params, head, jnp.asarray(x))
        np.testing.assert_allclose(value, exact, rtol=3e-6, atol=3e-6)


@each_head
def test_gradient_equals_finite_differences(head):
    params, x = params_for(head, 3), jnp.ones(SHAPE, jnp.int32)
    gradient = np.asarray(value_and_grad(params, head, x)[1], np.float64).ravel()
    step, flat = 1e-2, np.asarray(params).ravel()
    moved = jnp.asarray(flat + step * np.concatenate([np.eye(flat.size), -np.eye(flat.size)]))
    values = jax.jit(jax.vmap(lambda p: head.log_prob(p.reshape(params.shape), x)))(moved)
    numeric = np.subtract(*np.split(np.asarray(values, np.float64), 2)) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=5e-3, atol=5e-3)


@each_head
def test_the_storage_type_of_x_does_not_matter(head):
    params = params_for(head)
    log_prob = jax.jit(lambda *xs: [head.log_prob(params, x) for x in xs])
    values = log_prob(*(jnp.asarray(np.array([0, 1, 1]).astype(kind)) for kind in STORAGE))
    assert {value.dtype for value in values} == {jnp.dtype("float32")}
    assert {value.shape for value in values} == {()}
    np.testing.assert_array_equal(values, values[0])


@each_head
def test_value_gradient_and_mean_are_finite_at_extreme_parameters(head):
    shape = head.param_shape(SHAPE)
    signs = jnp.where(jnp.arange(np.prod(shape)) % 2, 1.0, -1.0).reshape(shape)
    sizes = (1e4, -1e4, 1e-30, 0.0)
    extremes = jnp.stack([size * sign for size in sizes for sign in (jnp.ones(shape), signs)])

    @jax.jit
    def everything(params):
        scores = [jax.value_and_grad(head.log_prob)(params, jnp.array(x)) for x in ([0, 1, 1], [1, 0, 0])]
        return scores, head.mean(params), jax.grad(lambda p: head.mean(p).sum())(params)

    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(jax.vmap(everything)(extremes)))


# Where the log density itself is within float32 at float32's largest parameters, so are value and gradient.
# (A Gaussian's is not: it squares its argument.)
@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "poisson", "student_t_learned"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_value_and_gradient_are_finite_at_the_largest_float(name, sign):
    head = HEADS[name]
    params = jnp.full(head.param_shape(SHAPE), sign * 1e38)
    value, gradient = value_and_grad(params, head, jnp.array([0, 1, 1]))
    assert jnp.isfinite(value)
    assert jnp.all(jnp.isfinite(gradient))


@pytest.mark.parametrize("raw", [1e38, -1e38])
def test_predicted_scales_are_finite_and_positive_at_the_largest_float(raw):
    for head in (HEADS["gaussian_predicted"], HEADS["laplace"], HEADS["discretised_logistic"]):
        params = jnp.stack([jnp.zeros(SHAPE), jnp.full(SHAPE, raw)], axis=-1)
        value, gradient = value_and_grad(params, head, jnp.array([0, 1, 1]))
        assert jnp.isfinite(value)
        assert jnp.all(jnp.isfinite(gradient))


@each_head
def test_masked_nan_gives_the_value_of_the_rest_and_no_gradient(head):
    params = params_for(head)
    holes = jnp.array([1.0, jnp.nan, 0.0])
    observed = jnp.array([True, False, True])
    value, gradient = value_and_grad(params, head, holes, observed)
    filled = value_and_grad(params, head, jnp.array([1.0, 1.0, 0.0]), observed)
    np.testing.assert_array_equal(value, filled[0])
    np.testing.assert_array_equal(gradient, filled[1])
    np.testing.assert_array_equal(gradient[1], jnp.zeros_like(gradient[1]))
    assert jnp.isfinite(value)
    assert jnp.all(jnp.isfinite(gradient))
    whole = value_and_grad(params, head, jnp.array([1.0, 1.0, 0.0]))[0]
    only_hole = value_and_grad(params, head, jnp.array([1.0, 1.0, 0.0]), ~observed)[0]
    np.testing.assert_allclose(value + only_hole, whole, rtol=1e-5)


@each_head
def test_trained_arrays_of_the_head_get_finite_gradients_past_masked_nan(head):
    x, observed = jnp.array([1.0, jnp.nan, 0.0]), jnp.array([True, False, True])
    loss = lambda head: head.log_prob(params_for(head), x, observed)  # noqa: E731
    gradients = eqx.filter_jit(eqx.filter_grad(loss))(head)
    leaves = jax.tree.leaves(gradients)
    assert all(jnp.all(jnp.isfinite(leaf)) and jnp.any(leaf != 0) for leaf in leaves)
    assert len(leaves) == len(jax.tree.leaves(eqx.filter(head, eqx.is_inexact_array)))


@each_head
def test_mean_is_the_average_of_draws_within_four_standard_errors(head):
    params = params_for(head, 5)
    draws = jax.jit(jax.vmap(lambda key: head.sample(key, params)))(jr.split(jr.key(1), 20_000))
    mean = np.asarray(head.mean(params))
    draws = np.asarray(draws, np.float64)
    assert draws.shape == (20_000, *SHAPE)
    if isinstance(head, Categorical):
        draws = (draws[..., None] == np.arange(4)).astype(float)
    assert mean.shape == draws.shape[1:]
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(0) - mean) < 4 * error)


@pytest.mark.parametrize(
    ("name", "levels"), [("bernoulli", 2), ("categorical", 4), ("discretised_logistic", 6), ("poisson", 400)]
)
def test_probabilities_sum_to_one_and_draws_are_among_them(name, levels):
    head = HEADS[name]
    params = params_for(head, 7, 2.0)[:1]
    values = jax.jit(jax.vmap(lambda x: head.log_prob(params, x[None])))(jnp.arange(levels))
    np.testing.assert_allclose(jnp.exp(values).sum(), 1.0, rtol=1e-5)
    draws = jax.jit(jax.vmap(lambda key: head.sample(key, params)))(jr.split(jr.key(2), 200))
    assert set(np.asarray(draws).ravel().tolist()) <= set(range(levels))


@pytest.mark.parametrize("name", ["continuous_bernoulli", "gaussian_predicted", "laplace", "student_t_fixed"])
def test_densities_integrate_to_one(name):
    head = HEADS[name]
    params = params_for(head, 7, 2.0)[:1]
    low, high = (0.0, 1.0) if name == "continuous_bernoulli" else (-400.0, 400.0)
    grid = np.linspace(low, high, 2**18 + 1, dtype=np.float32)
    values = jax.jit(jax.vmap(lambda x: head.log_prob(params, x[None])))(grid)
    # atol: the tails beyond 400 scales of a t with five degrees of freedom hold below 1e-9
    np.testing.assert_allclose(integrate.trapezoid(np.exp(np.float64(values)), grid), 1.0, atol=2e-5)


@pytest.mark.parametrize(
    "name", ["bernoulli", "gaussian_predicted", "laplace", "student_t_learned", "categorical", "poisson"]
)
def test_the_numpyro_distribution_scores_alike(name):
    head, params, x = HEADS[name], params_for(HEADS[name], 4), jnp.array([0, 1, 1])
    ours, theirs = jax.jit(lambda p: (head.log_prob(p, x), head.distribution(p).log_prob(x).sum()))(params)
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)


@each_head
def test_a_wrong_parameter_shape_is_refused(head):
    params = params_for(head)
    with pytest.raises(ValueError, match="param_shape"):
        head.log_prob(params[None], jnp.ones(SHAPE))
    with pytest.raises(ValueError, match=r"param_shape|LearnedScale"):
        head.log_prob(params, jnp.ones(()))


def test_a_likelihood_scores_and_draws_through_its_head():
    head = HEADS["gaussian_predicted"]
    likelihood = Likelihood(head, params_for(head))
    assert likelihood.log_prob(jnp.ones(SHAPE)) == head.log_prob(params_for(head), jnp.ones(SHAPE))
    np.testing.assert_array_equal(likelihood.sample(jr.key(0)), head.sample(jr.key(0), params_for(head)))
    np.testing.assert_array_equal(likelihood.mean, head.mean(params_for(head)))


TABLE = Mixed({"b": Gaussian(scale=LearnedScale()), "a": Categorical(3), "c": Mixed({"n": Poisson()})})


def test_mixed_is_the_sum_of_its_heads_and_survives_holes_in_any():
    params = {"a": jnp.arange(3.0), "b": jnp.ones((2,)), "c": {"n": jnp.zeros(())}}
    assert TABLE.param_shape({"a": (), "b": (2,), "c": {"n": ()}}) == {"a": (3,), "b": (2,), "c": {"n": ()}}
    x = {"a": jnp.array(2), "b": jnp.array([0.5, jnp.nan]), "c": {"n": jnp.array(3)}}
    observed = {"a": None, "b": jnp.array([True, False]), "c": {"n": jnp.array(False)}}
    value, gradient = jax.jit(jax.value_and_grad(TABLE.log_prob))(params, x, observed)
    exact = special.log_softmax([0.0, 1.0, 2.0])[2] + stats.norm.logpdf(0.5, 1.0, 1.0)
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))
    assert gradient["c"]["n"] == 0


def test_mixed_draws_the_same_after_a_round_trip_through_jax():
    params = {"a": jnp.arange(3.0), "b": jnp.ones((2,)), "c": {"n": jnp.zeros(())}}
    again = jax.tree.unflatten(jax.tree.structure(TABLE), jax.tree.leaves(TABLE))
    one, two = jax.jit(lambda key: (TABLE.sample(key, params), again.sample(key, params)))(jr.key(0))
    assert jax.tree.all(jax.tree.map(lambda a, b: jnp.all(a == b), one, two))
    assert jax.eval_shape(TABLE.mean, params)["a"].shape == (3,)


def test_mixed_names_what_does_not_match():
    with pytest.raises(ValueError, match=r"heads for \['a', 'b', 'c'\], but got shapes with \['a'\]"):
        TABLE.param_shape({"a": ()})
    with pytest.raises(ValueError, match="no heads"):
        Mixed({})


@pytest.mark.parametrize(
    "build",
    [
        lambda: FixedScale(0.0),
        lambda: FixedScale(float("nan")),
        lambda: LearnedScale(init=1e-4),
        lambda: LearnedScale(minimum=0.0),
        lambda: PredictedScale(minimum=-1.0),
        lambda: FixedDegrees(2.0),
        lambda: LearnedDegrees(init=1.0),
        lambda: Categorical(1),
        lambda: DiscretisedLogistic(num_levels=1),
        lambda: Poisson(max_log_rate=100.0),
    ],
)
def test_settings_outside_their_range_are_refused(build):
    with pytest.raises(ValueError, match=r" got .*(must|needs|choose)"):
        build()
