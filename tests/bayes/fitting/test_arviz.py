"""The export has ArviZ's layout, and ArviZ reads it."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest
import xarray

import latlas.bayes.fitting._arviz as module
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
