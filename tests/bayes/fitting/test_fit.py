"""The front door: both ways to call it, what comes back, what does not change, and answers that are known."""

import json
import re

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax.experimental.ode import odeint
from numpyro.distributions import constraints
from numpyro.infer.reparam import LocScaleReparam
from scipy import special, stats
from tests.bayes.densities.test_density import compiling
from tests.bayes.posteriors import EFFECTS, ERRORS, logistic, nearby_normal, normal, two_normals

from latlas import bayes
from latlas.bayes.engines._names import FAMILIES
from latlas.bayes.fitting._fit import _pair
from latlas.bayes.targets._coordinates import judged_names, judged_parameters, judging
from latlas.core import RequestError

Y = np.array([1.2, 0.7, 2.9, 1.6, 0.1, 1.9])
COLUMNS = {"mean", "sd", "q05", "q50", "q95", "mcse"}


def groups(y, sigma):
    """Conjugate: mu ~ N(0, 2^2), y ~ N(mu, sigma^2); with a scale and a simplex that the data do not touch."""
    mu = numpyro.sample("mu", dist.Normal(0, 2))
    numpyro.sample("rate", dist.Gamma(9.0, 3.0))
    numpyro.sample("shares", dist.Dirichlet(jnp.array([4.0, 5.0, 6.0])))
    numpyro.deterministic("twice", 2 * mu * jnp.ones(2))
    numpyro.deterministic("fixed", 0.1)
    with numpyro.plate("rows", len(y)):
        numpyro.sample("y", dist.Normal(mu, sigma), obs=y)


def eight_schools(y, sigma):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("schools", 8):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("y", dist.Normal(theta, sigma), obs=y)


@pytest.fixture(scope="module")
def model_fit():
    return bayes.fit(groups, {"y": Y, "sigma": 1.0}, key=jr.key(0))


@pytest.fixture(scope="module")
def plain_fit():
    loc, factor = nearby_normal(3)
    return bayes.fit(lambda u: normal(u, (loc, factor)), jnp.zeros(3), key=jr.key(0))


@pytest.fixture(scope="module")
def schools_fit():
    return bayes.fit(eight_schools, {"y": EFFECTS, "sigma": ERRORS}, key=jr.key(0))


def test_a_model_comes_back_under_its_names_and_in_its_spaces(model_fit):
    draws = model_fit.sample(jr.key(1), 200)
    shapes = {name: array.shape for name, array in draws.items()}
    assert shapes == {"mu": (200,), "rate": (200,), "shares": (200, 3), "twice": (200, 2), "fixed": (200,)}
    assert {type(array) for array in draws.values()} == {
        np.ndarray
    }  # float64 ones of JAX warn outside of the scope
    assert np.all(draws["rate"] > 0)
    np.testing.assert_allclose(np.sum(draws["shares"], axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(draws["twice"][:, 1], 2 * draws["mu"], rtol=1e-6)
    assert {name: np.shape(value) for name, value in model_fit.mean.items()} == {
        "mu": (), "rate": (), "shares": (3,), "twice": (2,), "fixed": ()
    }  # fmt: skip


def test_a_conjugate_model_gets_its_exact_answer(model_fit):
    precision = 1 / 4 + len(Y)
    assert model_fit.verdict.kind == "trust"
    assert abs(model_fit.mean["mu"] - Y.sum() / precision) < 0.1 * precision**-0.5
    np.testing.assert_allclose(model_fit.sd["mu"], precision**-0.5, rtol=0.1)
    np.testing.assert_allclose(model_fit.mean["rate"], 3.0, atol=0.1)
    np.testing.assert_allclose(model_fit.sd["rate"], 1.0, rtol=0.15)
    np.testing.assert_allclose(model_fit.mean["shares"], np.array([4, 5, 6]) / 15, atol=0.02)
    exact = stats.multivariate_normal(np.zeros(6), np.eye(6) + 4.0).logpdf(Y)
    assert abs(model_fit.log_evidence.value - exact) < 0.05
    assert model_fit.elbo.value < model_fit.log_evidence.value + 1e-9
    assert model_fit.pareto_k < 0.7


def with_what_is_computed(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    with numpyro.handlers.reparam(config={"effect": LocScaleReparam(0)}):
        effect = numpyro.sample("effect", dist.Normal(mu, 1.0))
    numpyro.sample("y", dist.Normal(effect, 1.0), obs=y)
    numpyro.deterministic("pad", jnp.array([mu, jnp.nan]))
    numpyro.deterministic("ratio", 1.0 / mu)


@pytest.mark.parametrize(
    ("judge", "kind", "reason"),
    [
        (None, "trust", "Its means are within"),
        (("mu",), "trust", "Its means are within"),
        (("mu", "pad"), "do not trust", r"pad\[1\] is nan or infinite in some draws; name others by `judge`"),
        (("ratio",), "do not trust", "The heaviest tail of a parameter, ratio, has shape"),
    ],
)
def test_a_verdict_is_about_what_was_sampled_or_named(judge, kind, reason):
    fit = bayes.fit(with_what_is_computed, {"y": Y}, key=jr.key(0), engine="laplace", judge=judge)
    assert fit.verdict.kind == kind
    assert re.search(reason, str(fit.verdict))
    assert {"pad[1]", "ratio"} <= set(fit.summary())
    names = ("mu", "effect_decentered", "effect") if judge is None else judge
    assert fit.target.program.judged == names


def test_parameters_of_any_form_are_judged_by_name():
    for init, name in ((jnp.zeros(2), "x"), ((jnp.zeros(1), jnp.zeros(2)), "1"), ({"a": {"b": 0.0}}, "a")):
        target = judging(bayes.from_log_density(lambda p: -sum(map(jnp.sum, jax.tree.leaves(p))), init), name)
        names = judged_names(target)
        assert {entry[0] for entry in names} == {name}
        assert judged_parameters(target, np.zeros((3, target.dim))).shape == (3, len(names))


def test_the_summary_has_every_entry_and_column(model_fit):
    summary = model_fit.summary()
    names = ["mu", "rate", "fixed", *(f"shares[{i}]" for i in range(3)), *(f"twice[{i}]" for i in range(2))]
    assert sorted(summary) == sorted(names)
    assert all(set(row) == COLUMNS for row in summary.values())
    for name, exact in (("rate", stats.gamma(9, scale=1 / 3)), ("shares[0]", stats.beta(4, 11))):
        row = summary[name]
        found = [row["q05"], row["q50"], row["q95"]]
        np.testing.assert_allclose(found, exact.ppf([0.05, 0.5, 0.95]), atol=0.15 * exact.std())
    np.testing.assert_allclose(summary["shares[2]"]["mean"], model_fit.mean["shares"][2])
    assert all(0 <= row["mcse"] <= 0.2 * row["sd"] for row in summary.values())


def test_the_record_is_json(model_fit):
    record = json.loads(json.dumps(model_fit.to_dict(), allow_nan=False))
    assert list(record) == [
        "engine", "family", "elbo", "log_evidence", "pareto_k", "verdict", "parameters", "seconds"
    ]  # fmt: skip
    assert {"value", "standard_error"} <= set(record["elbo"])
    assert record["parameters"] == model_fit.summary()


def test_predictions_and_expectations(model_fit, plain_fit):
    predicted = model_fit.posterior_predictive(jr.key(2), 500)["y"]
    assert predicted.shape == (500, 6)
    assert abs(np.mean(predicted) - model_fit.mean["mu"]) < 0.2
    np.testing.assert_allclose(
        model_fit.expectation(lambda p: p["mu"] ** 2),
        model_fit.sd["mu"] ** 2 + model_fit.mean["mu"] ** 2,
        rtol=1e-6,
    )
    with pytest.raises(RequestError, match="does not say how data arise"):
        plain_fit.posterior_predictive(jr.key(0))


def test_a_model_that_came_as_a_target_predicts_and_keeps_its_data():
    data = {"y": Y.copy(), "sigma": 1.0}
    fitted = bayes.fit(bayes.from_numpyro(jr.key(0), groups, data), key=jr.key(0), engine="laplace")
    data["y"] += 100.0
    assert fitted.posterior_predictive(jr.key(0), 5)["y"].shape == (5, 6)
    np.testing.assert_array_equal(fitted.findings.groups(10)["observed_data"]["y"], Y)
    np.testing.assert_array_equal(fitted.data["y"], Y)


def test_replicates_belong_to_the_draws_that_stand_beside_them():
    def model(y=None):
        mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
        numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

    fitted = bayes.fit(model, {"y": 0.4}, key=jr.key(0), engine="laplace")
    groups = fitted.findings.groups(2000)
    found = np.corrcoef(groups["posterior_predictive"]["y"], groups["posterior"]["mu"])[0, 1]
    # mu has the variance 1/2, a replicate 1/2 + 1; five standard errors
    assert abs(found - np.sqrt(1 / 3)) < 5 * (2 / 3) / np.sqrt(2000)


def test_a_log_density_of_a_vector(plain_fit):
    loc, factor = nearby_normal(3)
    assert plain_fit.engine == "laplace"
    assert plain_fit.verdict.kind == "trust"
    assert plain_fit.sample(jr.key(0), 50).shape == (50, 3)
    sd = np.linalg.norm(factor, axis=1)
    assert np.all(np.abs(plain_fit.mean - loc) < 0.1 * sd)
    np.testing.assert_allclose(plain_fit.sd, sd, rtol=0.1)
    exact = np.linalg.slogdet(factor)[1] + 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(plain_fit.log_evidence.value, exact, atol=1e-3)
    assert list(plain_fit.summary()) == ["x[0]", "x[1]", "x[2]"]


def test_more_draws_than_are_held_and_other_keys(plain_fit):
    assert plain_fit.sample(jr.key(0), 10_000).shape == (10_000, 3)
    first, again = plain_fit.sample(jr.key(0), 20), plain_fit.sample(jr.key(0), 20)
    np.testing.assert_array_equal(first, again)
    assert np.any(first != plain_fit.sample(jr.key(1), 20))


def test_a_second_fit_repeats_the_numbers_and_compiles_nothing(plain_fit):
    function = plain_fit.target.function
    bayes.fit(function, jnp.zeros(3), key=jr.key(0)).to_dict()
    with compiling() as programs:
        again = bayes.fit(function, jnp.zeros(3), key=jr.key(0))
        record = again.to_dict()
    assert programs == []
    assert record["parameters"] == plain_fit.summary()
    assert record["verdict"] == str(plain_fit.verdict)
    other = bayes.fit(function, jnp.zeros(3), key=jr.key(7))
    assert other.summary() != plain_fit.summary()
    np.testing.assert_allclose(other.mean, plain_fit.mean, atol=0.2)


def test_the_global_flag_is_as_before(plain_fit):
    assert not jax.config.read("jax_enable_x64")
    assert plain_fit.mean.dtype == np.float64
    assert jnp.zeros(1).dtype == jnp.float32


def test_pytrees_and_bijections():
    """p(a) = Gamma(3, 2) on the positive numbers, b standard normal: the log determinant belongs to latlas."""

    def log_density(params):
        return 2 * jnp.log(params["a"]) - 2 * params["a"] - 0.5 * jnp.sum(params["b"] ** 2)

    fit = bayes.fit(
        log_density,
        {"a": jnp.zeros(()), "b": jnp.zeros(2)},
        key=jr.key(0),
        bijections={"a": constraints.positive},
    )
    assert fit.verdict.kind == "trust"
    assert abs(fit.mean["a"] - 1.5) < 0.1 * 0.866
    np.testing.assert_allclose(fit.sd["a"], 0.866, rtol=0.15)
    draws = fit.sample(jr.key(0), 30)
    assert (draws["a"].shape, draws["b"].shape) == ((30,), (30, 2))
    assert np.all(draws["a"] > 0)
    assert sorted(fit.summary()) == ["a", "b[0]", "b[1]"]
    exact = np.log(2.0) - 3 * np.log(2.0) + np.log(2 * np.pi)
    assert abs(fit.log_evidence.value - exact) < 0.05


def test_progress_is_told_of_every_rung_and_the_ladder_keeps_them():
    told = []
    fit = bayes.fit(
        lambda u: jnp.sum(0.4 * u - jnp.exp(u)), jnp.zeros(2), key=jr.key(0), progress=told.append
    )
    assert tuple(told) == fit.ladder
    assert [rung.engine for rung in told][:2] == ["laplace", "batch-and-match"]
    assert "not close to normal" in str(told[0])
    assert fit.verdict.kind == "trust"
    # log Gamma(0.4, 1)
    np.testing.assert_allclose(fit.mean, -2.5614, atol=0.3)
    np.testing.assert_allclose(fit.sd, 2.6986, rtol=0.15)


@pytest.mark.parametrize("engine", ["laplace", "batch-and-match", bayes.engines.BatchAndMatch(max_steps=200)])
def test_an_engine_by_name_or_by_itself(plain_fit, engine):
    fit = bayes.fit(plain_fit.target.function, jnp.zeros(3), key=jr.key(3), engine=engine)
    assert (fit.engine, fit.family) == (engine if isinstance(engine, str) else "batch-and-match", "full-rank")
    assert len(fit.ladder) == 1
    assert fit.verdict.kind == "trust"
    assert fit.posterior.correction == "none"
    np.testing.assert_allclose(fit.mean, nearby_normal(3)[0], atol=0.05)


@pytest.mark.parametrize("engine", ["laplace", "dadvi", "batch-and-match"])
def test_means_of_constrained_parameters_have_a_monte_carlo_error(engine):
    """Draws whose moments are exact are so for what is affine in them; log x is, x is not."""

    def model():
        numpyro.sample("x", dist.LogNormal(0.5, 1.0))
        z = numpyro.sample("z", dist.Normal(2.0, 1.0))
        numpyro.deterministic("line", 3.0 - 2.0 * z)

    rows = bayes.fit(model, {}, key=jr.key(0), engine=engine).summary()
    assert 0 < abs(rows["x"]["mean"] - np.e) < 3 * rows["x"]["mcse"]
    assert rows["x"]["mcse"] == pytest.approx(rows["x"]["sd"] / 64)
    assert rows["z"]["mcse"] == rows["line"]["mcse"] == 0.0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_alone_gets_the_cheapest_engine_that_fits_it(family):
    engine, _ = _pair("auto", family)
    assert engine.name == {"flow": "advi", "mixture": "inclusive"}.get(family, "dadvi")


def test_laplace_by_name_is_not_trusted_where_it_is_wrong():
    fit = bayes.fit(lambda u: 0.3 * u[0] - jnp.exp(u[0]), jnp.zeros(1), key=jr.key(0), engine="laplace")
    assert fit.verdict.kind == "do not trust"


def test_an_edge_that_no_bijection_takes_away():
    """Gamma(3, 1) on the positive numbers alone: a normal reaches beyond, where its log weight is -inf."""
    fit = bayes.fit(lambda u: 2 * jnp.log(u[0]) - u[0], jnp.ones(1), key=jr.key(0), engine="laplace")
    assert fit.elbo.value == -np.inf
    assert fit.verdict.kind != "trust"
    assert json.loads(json.dumps(fit.to_dict(), allow_nan=False))["elbo"]["value"] is None
    assert abs(fit.log_evidence.value - np.log(2.0)) < 0.1


def test_the_reference_is_drawn_where_asked_for(plain_fit):
    function = plain_fit.target.function
    fit = bayes.fit(function, jnp.zeros(3), key=jr.key(0), engine="laplace", reference="nuts")
    assert plain_fit.reference is None
    assert fit.reference.ndim == 3
    assert fit.reference.shape[-1] == 3
    loc, factor = nearby_normal(3)
    assert np.all(np.abs(fit.reference.mean((0, 1)) - loc) < 0.25 * np.linalg.norm(factor, axis=1))


def test_logistic_regression_with_data_in_a_target():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4))
    y = (rng.uniform(size=200) < 1 / (1 + np.exp(-x @ [1.0, -1.0, 0.5, 0.0]))).astype(float)
    target = bayes.from_log_density(logistic, np.zeros(4), data=(x, y))
    fit = bayes.fit(target, key=jr.key(0))
    assert (fit.engine, fit.verdict.kind) == ("laplace", "trust")
    assert np.all(np.abs(fit.mean - [1.0, -1.0, 0.5, 0.0]) < 4 * fit.sd)


def test_two_modes_are_never_trusted():
    fit = bayes.fit(
        lambda u: two_normals(u, jnp.full(2, 4.0)), jnp.zeros(2), key=jr.key(1), engine="batch-and-match"
    )
    assert fit.verdict.kind != "trust"


def test_eight_schools_is_non_centred_by_itself(schools_fit):
    assert any("non-centred by 1 scale" in rung.note for rung in schools_fit.ladder)
    assert schools_fit.verdict.kind in ("trust", "means only")
    assert [name.split("[")[0] for name in schools_fit.summary()].count("theta") == 8
    # by quadrature of mu and log tau, with the effects integrated out
    mean, sd = quadrature_of_schools()
    assert abs(schools_fit.mean["mu"] - mean) < 0.15 * sd


def test_eight_schools_against_reference_draws(schools_fit, latlas_data):
    stored = np.load(latlas_data / "posteriordb/eight_schools-eight_schools_centered/reference_draws.npz")
    truth = dict(
        zip(map(str, stored["names"]), zip(stored["full_mean"], stored["full_sd"], strict=True), strict=True)
    )
    summary = schools_fit.summary()
    pairs = [(f"theta[{i}]", f"theta[{i + 1}]") for i in range(8)] + [("mu", "mu"), ("tau", "tau")]
    errors = [(summary[ours]["mean"] - truth[theirs][0]) / truth[theirs][1] for ours, theirs in pairs]
    ratios = [summary[ours]["sd"] / truth[theirs][1] for ours, theirs in pairs]
    assert np.sqrt(np.mean(np.square(errors))) < 0.1
    assert np.abs(errors).max() < 0.2
    assert all(abs(ratio - 1) < 0.15 for ratio in ratios)


def quadrature_of_schools():
    mu, log_tau = np.meshgrid(np.linspace(-25, 30, 600), np.linspace(-12, 6, 800), indexing="ij")
    tau = np.exp(log_tau)
    log_p = -0.5 * (mu / 5) ** 2 - np.log1p((tau / 5) ** 2) + log_tau
    for effect, error in zip(EFFECTS, ERRORS, strict=True):
        log_p += stats.norm(mu, np.sqrt(error**2 + tau**2)).logpdf(effect)
    p = np.exp(log_p - log_p.max())
    mean = np.sum(p * mu) / p.sum()
    return mean, np.sqrt(np.sum(p * (mu - mean) ** 2) / p.sum())


def log_gammas(u):
    return jnp.sum(4.0 * u - jnp.exp(u))


@pytest.mark.slow
def test_a_flow_follows_skew():
    fit = bayes.fit(log_gammas, jnp.zeros(2), key=jr.key(0), family="flow")
    assert fit.engine == "advi"
    assert fit.verdict.kind == "trust"
    np.testing.assert_allclose(fit.mean, special.digamma(4.0), atol=0.1)
    np.testing.assert_allclose(fit.sd, np.sqrt(special.polygamma(1, 4)), rtol=0.1)
    assert fit.log_evidence.value - fit.elbo.value < 0.05  # a normal leaves 0.04 for each coordinate


def test_deterministic_advi_leaves_flows_alone():
    with pytest.raises(RequestError, match="got the family flow"):
        bayes.fit(log_gammas, jnp.zeros(2), key=jr.key(0), engine="dadvi", family="flow")


@pytest.mark.slow
def test_a_structured_family_takes_the_models_own_dependence():
    data = {"y": EFFECTS.tolist(), "sigma": ERRORS.tolist()}
    structured = bayes.fit(eight_schools, data, key=jr.key(0), family="structured")
    normal = bayes.fit(eight_schools, data, key=jr.key(0), family="full-rank")
    # the funnel is inside the family, where no normal can follow it
    assert structured.elbo.value > normal.elbo.value + 0.5


@pytest.mark.slow
def test_a_differential_equation_gets_the_answer_of_its_closed_form():
    times = np.linspace(0.0, 5.0, 12)

    def solved(rate, limit, start):
        growth = lambda x, t, rate, limit: rate * x * (1 - x / limit)  # noqa: E731
        return odeint(growth, start, jnp.asarray(times), rate, limit)

    def closed(rate, limit, start):
        return limit / (1 + (limit / start - 1) * jnp.exp(-rate * times))

    def model(y, curve):
        rate = numpyro.sample("rate", dist.LogNormal(0, 0.5))
        limit = numpyro.sample("limit", dist.LogNormal(2, 0.5))
        start = numpyro.sample("start", dist.LogNormal(0, 0.5))
        sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
        numpyro.sample("y", dist.LogNormal(jnp.log(curve(rate, limit, start)), sigma), obs=y)

    noise = np.random.default_rng(0).normal(0, 0.05, 12)
    y = 10 / (1 + 9 * np.exp(-1.1 * times)) * np.exp(noise)
    for engine in ("auto", "laplace", "dadvi"):
        fits = [
            bayes.fit(model, {"y": y, "curve": curve}, key=jr.key(0), engine=engine)
            for curve in (solved, closed)
        ]
        ours, exact = fits
        for name, sd in exact.sd.items():
            assert abs(ours.mean[name] - exact.mean[name]) < 0.02 * sd
            assert ours.sd[name] == pytest.approx(sd, rel=0.02)
        assert ours.verdict.kind == exact.verdict.kind


def test_rungs_are_printed_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    bayes.fit(log_gammas, jnp.zeros(2), key=jr.key(0), engine="laplace")
    assert capsys.readouterr().err.startswith("laplace (full-rank): ")
    monkeypatch.undo()
    bayes.fit(log_gammas, jnp.zeros(2), key=jr.key(0), engine="laplace")
    assert capsys.readouterr().err == ""
