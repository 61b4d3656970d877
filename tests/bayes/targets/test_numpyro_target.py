"""A NumPyro model as a target has the model's log density, on R^n, whatever its sites are."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.contrib.control_flow import scan
from numpyro.distributions import constraints
from scipy import stats

from latlas.bayes import from_numpyro
from latlas.bayes.densities import Density
from latlas.bayes.targets import NumPyroTarget, SubsampledTarget

Y = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]
SIGMA = [15, 10, 16, 11, 9, 11, 10, 18]


def eight_schools(J, sigma, y=None):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("J", J):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("y", dist.Normal(theta, sigma), obs=y)
    numpyro.deterministic("shift", theta - mu)


def value(target, u):
    with jax.enable_x64(True):
        return float(jax.jit(lambda t, u: t.log_density(u))(target, jnp.asarray(u, jnp.float64)))


def constrained(target, u):
    with jax.enable_x64(True):
        return jax.tree.map(
            np.asarray, jax.jit(lambda t, u: t.constrain(u))(target, jnp.asarray(u, jnp.float64))
        )


def volume(target, u):
    """log |d theta / d u| of a target whose constrained values are as many as its unconstrained ones."""
    with jax.enable_x64(True):

        def flat(u):
            values = target.constrain(u)
            return jnp.concatenate([jnp.ravel(values[name]) for name in target.names])

        return float(
            np.linalg.slogdet(np.asarray(jax.jit(jax.jacobian(flat))(jnp.asarray(u, jnp.float64))))[1]
        )


def test_eight_schools_has_the_log_density_that_scipy_gives():
    target = from_numpyro(jr.key(0), eight_schools, {"J": 8, "sigma": SIGMA, "y": Y})
    u = np.linspace(-1.0, 1.5, 10)
    mu, tau, theta = u[0], np.exp(u[1]), u[2:]
    expected = stats.norm(0, 5).logpdf(mu) + stats.halfcauchy(scale=5).logpdf(tau) + u[1]
    expected += stats.norm(mu, tau).logpdf(theta).sum() + stats.norm(theta, SIGMA).logpdf(Y).sum()
    assert value(target, u) == pytest.approx(expected, rel=1e-12)


def test_sites_keep_the_models_order_and_shapes_and_deterministic_ones_follow():
    target = from_numpyro(jr.key(0), eight_schools, {"J": 8, "sigma": SIGMA, "y": Y})
    assert isinstance(target, NumPyroTarget)
    assert (target.dim, target.names) == (10, ("mu", "tau", "theta"))
    assert target.shapes == {"mu": (), "tau": (), "theta": (8,)}
    values = constrained(target, np.arange(10.0) / 10)
    assert list(values) == ["mu", "tau", "theta", "shift"]
    np.testing.assert_allclose(values["shift"], values["theta"] - values["mu"], rtol=1e-12)
    assert {v.dtype for v in values.values()} == {np.dtype("float64")}


def test_draws_from_the_prior_have_its_quantiles():
    target = from_numpyro(jr.key(0), eight_schools, {"J": 8, "sigma": SIGMA, "y": Y})
    with jax.enable_x64(True):
        u = np.asarray(target.prior_draws(jr.key(1), 4000))
    assert u.shape == (4000, 10)
    # a median of 4,000 draws has a standard error of 1.25 sd / 63
    assert abs(np.median(u[:, 0])) < 4 * 1.25 * 5 / 63
    np.testing.assert_allclose(u[:, 0].std(), 5.0, rtol=0.06)
    tau = np.exp(u[:, 1])
    places = stats.halfcauchy(scale=5).cdf(tau)
    np.testing.assert_allclose(np.quantile(places, (0.1, 0.5, 0.9)), (0.1, 0.5, 0.9), atol=0.035)
    raw = (u[:, 2:] - u[:, :1]) / tau[:, None]
    np.testing.assert_allclose(raw.mean(), 0.0, atol=0.03)
    np.testing.assert_allclose(raw.std(), 1.0, rtol=0.03)


def test_what_has_no_proper_prior_is_drawn_near_the_origin():
    def improper():
        numpyro.sample("a", dist.ImproperUniform(constraints.positive, (), ()))
        numpyro.sample("b", dist.Normal(100.0, 1.0))

    with jax.enable_x64(True):
        u = np.asarray(from_numpyro(jr.key(0), improper, None).prior_draws(jr.key(1), 50))
    assert np.abs(u[:, 0]).max() <= 2.0
    np.testing.assert_allclose(u[:, 1].mean(), 100.0, atol=0.6)


class OnlyADensity(dist.Normal):
    """A distribution as a user writes it who needs no draws."""

    def sample(self, key, sample_shape=()):
        raise RuntimeError("nobody draws from me")


def test_a_distribution_that_cannot_be_drawn_from_has_no_known_prior():
    target = from_numpyro(jr.key(0), lambda: numpyro.sample("a", OnlyADensity(0.0, 1.0)), None)
    assert target.prior_draws(jr.key(1), 3) is None
    assert value(target, np.zeros(1)) == pytest.approx(stats.norm.logpdf(0.0))


def many_supports():
    numpyro.sample("weights", dist.Dirichlet(jnp.ones(3)))
    numpyro.sample("factor", dist.LKJCholesky(3, 2.0))
    numpyro.sample("scales", dist.HalfNormal(jnp.ones(2)).to_event(1))


@pytest.mark.parametrize("site", ["weights", "factor", "scales"])
def test_supports_of_all_kinds_are_reached(site):
    target = from_numpyro(jr.key(0), many_supports, None)
    assert target.dim == 2 + 3 + 2
    found = constrained(target, np.linspace(-1, 1, 7))[site]
    support = {
        "weights": constraints.simplex,
        "factor": constraints.corr_cholesky,
        "scales": constraints.positive,
    }[site]
    assert np.all(support(found))


def nested():
    top = numpyro.sample("top", dist.Exponential(1.0))
    numpyro.sample("part", dist.Uniform(0, top))
    numpyro.sample("free", dist.ImproperUniform(constraints.greater_than(top), (), ()))


def test_supports_that_depend_on_other_sites_follow_them():
    target = from_numpyro(jr.key(0), nested, {})
    for u in np.random.default_rng(0).normal(size=(3, 3)):
        values = constrained(target, u)
        assert 0 < values["part"] < values["top"] < values["free"]
        expected = -values["top"] - np.log(values["top"]) + volume(target, u)
        assert value(target, u) == pytest.approx(expected, rel=1e-10)


def walk(y):
    scale = numpyro.sample("scale", dist.HalfNormal(1.0))

    def step(x, row):
        x = numpyro.sample("x", dist.Normal(x, scale))
        numpyro.sample("y", dist.Normal(x, 1.0), obs=row)
        return x, None

    scan(step, jnp.array(0.0), y)
    numpyro.factor("penalty", -scale)


def test_latent_sites_of_a_scan_and_factors_count():
    y = np.array([0.5, -1.0, 2.0])
    target = from_numpyro(jr.key(0), walk, {"y": y})
    u = np.array([0.3, 1.0, -0.5, 0.2])
    scale, x = np.exp(u[0]), u[1:]
    expected = stats.halfnorm.logpdf(scale) + u[0] - scale
    expected += stats.norm(np.r_[0, x[:-1]], scale).logpdf(x).sum() + stats.norm(x, 1).logpdf(y).sum()
    assert target.shapes == {"scale": (), "x": (3,)}
    assert value(target, u) == pytest.approx(expected, rel=1e-12)


def test_reparameterised_models_are_fitted_in_their_new_coordinates():
    config = {"theta": numpyro.infer.reparam.LocScaleReparam(0)}
    target = from_numpyro(
        jr.key(0), numpyro.handlers.reparam(eight_schools, config=config), {"J": 8, "sigma": SIGMA, "y": Y}
    )
    assert target.names == ("mu", "tau", "theta_decentered")
    values = constrained(target, np.ones(10))
    np.testing.assert_allclose(values["theta"], values["mu"] + values["tau"] * values["theta_decentered"])


def test_other_data_of_the_same_shapes_do_not_compile_again():
    traces = []

    def model(y, power):
        traces.append(power)
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu**power, 1), obs=y)

    def fresh(y, power):
        target = from_numpyro(jr.key(0), model, {"y": y, "power": power})
        traces.clear()
        return Density(target).value(np.zeros((1, 1)))[0], len(traces)

    first, _ = fresh([1.0, 2.0], 2)
    again, compiled = fresh([3.0, 4.0], 2)
    assert (again, compiled) == (pytest.approx(first - 10.0), 0)
    # an integer is part of the program, and True is no 1
    assert fresh([1.0, 2.0], 3)[1] > 0
    assert fresh([1.0, 2.0], 1)[1] > 0
    assert fresh([1.0, 2.0], True)[1] > 0


def grouped(group, y):
    with numpyro.plate("groups", len(np.unique(group))):
        level = numpyro.sample("level", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(level[group], 1), obs=y)


def test_a_model_that_looks_at_its_data_has_them_compiled_in():
    first = from_numpyro(jr.key(0), grouped, {"group": np.array([0, 0, 1]), "y": [1.0, 2.0, 3.0]})
    other = from_numpyro(jr.key(0), grouped, {"group": np.array([0, 1, 1]), "y": [1.0, 2.0, 3.0]})
    assert jax.tree.leaves(first) == []
    values = [Density(t).value(np.array([[1.0, 2.0]]))[0] for t in (first, other)]
    assert values[0] - values[1] == pytest.approx(-0.5 * (1.0 - 0.0))


def regression(x, y, rows=None):
    slope = numpyro.sample("slope", dist.Normal(0, 1))
    with numpyro.plate("rows", len(y), subsample_size=rows) as i:
        numpyro.sample("y", dist.Normal(slope * x[i], 1.0), obs=y[i])


def test_the_estimates_of_a_plate_that_subsamples_average_to_the_whole():
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=6), "y": rng.normal(size=6)}
    whole = from_numpyro(jr.key(0), regression, data)
    part = from_numpyro(jr.key(0), regression, data | {"rows": 2})
    assert isinstance(part, SubsampledTarget)
    with jax.enable_x64(True):
        u = jnp.array([0.7])
        batches = jnp.array([[0, 1], [2, 3], [4, 5]])
        estimates = jax.jit(
            jax.vmap(lambda rows: jax.value_and_grad(part.log_density_on)(u, {"rows": rows}))
        )(batches)
        exact = jax.jit(jax.value_and_grad(lambda u: whole.log_density(u)))(u)
    np.testing.assert_allclose(np.mean(np.asarray(estimates[0])), exact[0], rtol=1e-12)
    np.testing.assert_allclose(np.mean(np.asarray(estimates[1]), axis=0), exact[1], rtol=1e-12)
    assert value(part, [0.7]) == pytest.approx(value(whole, [0.7]), rel=1e-12)
    drawn = part.draw_batch(np.random.default_rng(0))["rows"]
    assert len(set(drawn.tolist())) == 2


def random_effects(y, rows=None):
    scale = numpyro.sample("scale", dist.HalfNormal(1.0))
    with numpyro.plate("rows", len(y), subsample_size=rows) as i:
        effect = numpyro.sample("effect", dist.Normal(0, scale))
        numpyro.sample("y", dist.Normal(effect, 1.0), obs=y[i])


def test_effects_of_rows_that_are_subsampled_are_fitted_on_all_rows():
    y = np.array([0.5, -1.0, 2.0, 0.1])
    whole = from_numpyro(jr.key(0), random_effects, {"y": y})
    part = from_numpyro(jr.key(0), random_effects, {"y": y, "rows": 2})
    assert isinstance(part, NumPyroTarget)
    assert part.free_shapes == whole.free_shapes == {"scale": (), "effect": (4,)}
    u = np.array([0.3, 1.0, -0.5, 0.2, 0.7])
    assert value(part, u) == pytest.approx(value(whole, u), rel=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32", "float64"])
@pytest.mark.parametrize("x64", [False, True])
def test_arrays_that_numpyro_has_seen_are_as_good_as_new(dtype, x64):
    """JAX keeps what it made of an array by the array's address, in 32 bits where NumPyro computes in these."""
    y = np.array([0, 1, 1, 0]).astype(dtype)

    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

    def looking(y):
        np.unique(y)  # compiled in
        return model(y)

    u = np.array([0.5])
    expected = stats.norm(0, 1).logpdf(0.5) + stats.norm(0.5, 1).logpdf([0, 1, 1, 0]).sum()
    with jax.enable_x64(x64):
        seen = jax.jit(lambda u: model_log_density(model, y, u))
        seen(0.5)  # the program, and with it the constant, stays alive
        for ours in (model, looking):
            assert value(from_numpyro(jr.key(0), ours, {"y": y}), u) == pytest.approx(expected, rel=1e-12)
        assert seen(0.4) == pytest.approx(seen(0.4))
    target = from_numpyro(jr.key(0), model, {"y": y})
    y += y  # what a user does later changes nothing
    assert value(target, u) == pytest.approx(expected, rel=1e-12)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(target)} <= {"int64", "float64", "bool"}


def model_log_density(model, y, mu):
    return numpyro.infer.util.log_density(model, (y,), {}, {"mu": mu})[0]


def partly(y, mask):
    mu = numpyro.sample("mu", dist.Normal(0, 2))
    numpyro.sample("y", dist.Normal(mu, 1.0).expand([3]), obs=y, obs_mask=mask)


def test_what_obs_mask_leaves_out_is_a_parameter_and_the_rest_are_replicates():
    y, mask = np.array([0.5, np.nan, 2.0]), np.array([True, False, True])
    target = from_numpyro(jr.key(0), partly, {"y": y, "mask": mask})
    u = np.array([0.3, 1.0, -0.5, 0.2])
    expected = stats.norm(0, 2).logpdf(0.3) + stats.norm(0.3, 1).logpdf([0.5, 2.0]).sum()
    # each entry of the unobserved part integrates to one
    assert value(target, u) == pytest.approx(expected + stats.norm(0.3, 1).logpdf(u[1:]).sum(), rel=1e-12)
    np.testing.assert_allclose(constrained(target, u)["y"], [0.5, -0.5, 2.0], rtol=1e-12)


def switched(y, mask):
    p = numpyro.sample("p", dist.Beta(2.0, 3.0))
    with numpyro.plate("rows", 3):
        numpyro.sample("y", dist.Bernoulli(p), obs=y, obs_mask=mask)


def test_what_obs_mask_leaves_out_is_summed_out_where_it_is_discrete():
    y, mask = np.array([1, 0, 0]), np.array([True, False, True])
    target = from_numpyro(jr.key(0), switched, {"y": y, "mask": mask})
    p = 1 / (1 + np.exp(-0.4))
    expected = stats.beta(2, 3).logpdf(p) + np.log(p * (1 - p)) + np.log(p) + np.log(1 - p)
    assert value(target, [0.4]) == pytest.approx(expected, rel=1e-10)


def test_the_global_flag_stays_as_it_was():
    target = from_numpyro(jr.key(0), eight_schools, {"J": 8, "sigma": SIGMA, "y": Y})
    assert not jax.config.jax_enable_x64
    assert {leaf.dtype.name for leaf in jax.tree.leaves(target)} == {"float64", "int64"}


def with_param(y):
    width = numpyro.param("width", 2.0, constraint=constraints.positive)
    mu = numpyro.sample("mu", dist.Normal(0, width))
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)


def test_params_keep_their_initial_values():
    target = from_numpyro(jr.key(0), with_param, {"y": 1.0})
    assert value(target, [0.5]) == pytest.approx(stats.norm(0, 2).logpdf(0.5) + stats.norm(0.5).logpdf(1.0))


def eight_schools_alone():
    eight_schools(8, jnp.asarray(SIGMA))


def walk_alone():
    walk(jnp.array([0.5, -1.0, 2.0]))


@pytest.mark.parametrize("model", [many_supports, nested, eight_schools_alone, walk_alone])
def test_priors_of_all_kinds_can_be_drawn_from(model):
    target = from_numpyro(jr.key(0), model, None)
    with jax.enable_x64(True):
        u = np.asarray(target.prior_draws(jr.key(1), 5))
    assert u.shape == (5, target.dim)
    assert np.isfinite(u).all()
    assert len(np.unique(u[:, 0])) == 5
