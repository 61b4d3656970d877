"""The export has ArviZ's layout, and ArviZ reads it."""

import copy
import pickle
import warnings

import jax.numpy as jnp
import jax.random as jr
import matplotlib as mpl
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
import xarray
from scipy import stats

import latlas.bayes.fitting._arviz as module
from latlas import bayes
from latlas.bayes import to_datatree
from latlas.core import RequestError

RNG = np.random.default_rng(0)
POSTERIOR = {
    "mu": RNG.normal(size=200),
    "theta": RNG.normal(size=(200, 3)),
    "cov": RNG.normal(size=(200, 2, 2)),
}
LIKELIHOOD = {"y": -0.5 * (POSTERIOR["mu"][:, None] - np.arange(4.0)) ** 2}


def tree(**groups):
    return to_datatree(POSTERIOR, num_chains=4, **groups)


def test_groups_and_dimensions_are_arvizs():
    found = tree(
        log_likelihood=LIKELIHOOD,
        posterior_predictive={"y": np.zeros((200, 4))},
        sample_stats={"lp": np.zeros(200)},
        prior={"mu": np.zeros(7)},
        prior_predictive={"y": np.zeros((7, 4))},
        observed_data={"y": np.arange(4.0)},
        attrs={"engine": "laplace"},
    )
    assert isinstance(found, xarray.DataTree)
    assert set(found.children) == {
        "posterior", "log_likelihood", "posterior_predictive", "sample_stats", "prior", "prior_predictive", "observed_data"
    }  # fmt: skip
    assert found["posterior/cov"].dims == ("chain", "draw", "cov_dim_0", "cov_dim_1")
    assert found["posterior/mu"].shape == found["sample_stats/lp"].shape == (4, 50)
    assert found["prior/mu"].shape == (1, 7)
    assert found["observed_data/y"].dims == ("y_dim_0",)
    assert (found.attrs["engine"], found.attrs["inference_library"]) == ("laplace", "latlas")
    np.testing.assert_array_equal(found["posterior/mu"].values.ravel(), POSTERIOR["mu"])  # chain after chain


@pytest.fixture
def arviz():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces its next major version
        mpl.use("Agg")
        import arviz

        yield arviz
        mpl.pyplot.close("all")


def test_arviz_summarises_compares_and_plots(arviz):
    found = tree(
        log_likelihood=LIKELIHOOD,
        posterior_predictive={"y": np.zeros((200, 4))},
        observed_data={"y": np.arange(4.0)},
    )
    data = arviz.from_datatree(found)
    summary = arviz.summary(data, round_to="none")
    assert list(summary.index) == [
        "mu",
        *(f"theta[{i}]" for i in range(3)),
        *(f"cov[{i}, {j}]" for i in (0, 1) for j in (0, 1)),
    ]
    np.testing.assert_allclose(summary.loc["mu", "mean"], POSTERIOR["mu"].mean())
    assert summary["r_hat"].between(0.98, 1.1).all()
    assert np.isfinite(arviz.loo(data).elpd_loo)
    assert arviz.plot_trace(data, var_names=["mu"]).size == 2
    arviz.plot_forest(data)
    arviz.plot_ppc(data)


def clusters(y):
    mu = numpyro.sample("mu", dist.Normal(jnp.array([-2.0, 2.0]), 1.0).to_event(1))
    with numpyro.plate("rows", len(y)):
        which = numpyro.sample("which", dist.Bernoulli(0.5))
        numpyro.sample("y", dist.Normal(mu[which], 1.0), obs=y)


def mean(y):
    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)


Y = np.array([-2.1, 1.9, 0.3, -1.0])


@pytest.fixture(scope="module")
def mean_fit():
    return bayes.fit(mean, {"y": Y}, key=jr.key(0), engine="laplace")


@pytest.mark.filterwarnings("error:Shape validation failed")  # ArviZ says so of a single chain
def test_what_a_fit_exports_goes_into_arviz_as_it_is(arviz, mean_fit):
    exported = mean_fit.to_arviz()
    summary = arviz.summary(exported, round_to="none")
    row = mean_fit.summary()["mu"]
    assert summary.loc["mu", "mean"] == pytest.approx(row["mean"], abs=5 * row["sd"] / np.sqrt(1000))
    assert 0.98 < summary.loc["mu", "r_hat"] < 1.02
    # the mean of y is sufficient: leaving one out is a normal with the variance 1/4
    rest = Y.sum() - Y
    exact = stats.norm(rest / 4, np.sqrt(1 + 1 / 4)).logpdf(Y).sum()
    assert arviz.loo(exported).elpd_loo == pytest.approx(exact, abs=0.1)
    assert arviz.plot_trace(exported).size == 2
    arviz.plot_forest(exported)
    assert mean_fit.to_arviz(1003)["posterior"]["mu"].shape == (1, 1003)
    assert mean_fit.to_arviz(7 * 11)["posterior"]["mu"].shape == (7, 11)


def test_sites_that_are_summed_out_leave_no_likelihood_of_a_row(arviz):
    exported = bayes.fit(clusters, {"y": Y}, key=jr.key(0), engine="laplace").to_arviz(40)
    assert "summed out" in exported.attrs["log_likelihood"]
    assert exported["posterior_predictive"]["y"].shape == (4, 10, 4)
    assert "log_likelihood" not in exported
    assert list(arviz.summary(exported).index) == ["mu[0]", "mu[1]"]


def test_a_fit_goes_to_another_process_without_its_model(mean_fit):
    sent = pickle.loads(pickle.dumps(mean_fit))
    assert sent.summary() == mean_fit.summary()
    assert str(sent.verdict) == str(mean_fit.verdict)
    assert sent.sample(jr.key(1), 100)["mu"].shape == (100,)
    assert copy.deepcopy(mean_fit) is copy.copy(mean_fit) is mean_fit
    with pytest.raises(RequestError, match=r"sent to another process.*Fit the model again"):
        sent.posterior_predictive(jr.key(0))


def test_the_tree_survives_a_file(tmp_path):
    found = tree(observed_data={"y": np.arange(4.0)})
    copy = xarray.DataTree.from_dict({group.path: group.to_dataset() for group in found.subtree})
    xarray.testing.assert_identical(found, copy)


@pytest.mark.parametrize(
    ("posterior", "groups", "message"),
    [
        ({}, {}, "posterior needs the same number of draws.*it has nothing"),
        ({"a": 1.0}, {}, r"it has a \(\)"),
        ({"a": np.zeros(3), "b": np.zeros(2)}, {}, r"a \(3,\), b \(2,\)"),
        ({"a": np.zeros(3)}, {"num_chains": 2}, "3 draws are no whole number of 2 chains"),
        (
            {"a": np.zeros(3)},
            {"log_likelihood": {"y": np.zeros((4, 2))}},
            "log_likelihood has 4 draws, but the posterior has 3",
        ),
    ],
)
def test_groups_that_do_not_fit_are_refused(posterior, groups, message):
    with pytest.raises(RequestError, match=message):
        to_datatree(posterior, **groups)


def test_a_missing_xarray_names_the_extra(monkeypatch):
    class Missing:
        def __getattr__(self, name):
            raise ModuleNotFoundError("No module named 'xarray'")

    monkeypatch.setattr(module, "xarray", Missing())
    with pytest.raises(RequestError, match=r"pip install latlas\[bayes\]"):
        to_datatree({"a": np.zeros(3)})
