"""Posterior predictive checks: exact shares where the replicates are known, and what the page says of them."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from tests.bayes.fake_fit import FakeFit
from tests.report.pages import Page
from tests.report.test_report_posterior import made

from latlas import bayes
from latlas.report import BayesReportData, collect_bayes, predictive_checks, render_bayes
from latlas.report.figures._posterior import predictive_figure
from latlas.report.posterior._predictive import check_of


def test_shares_and_quantiles_are_those_of_the_replicates():
    y = np.array([1.0, 2.0, 6.0])
    replicates = np.arange(101.0)[:, None] / 10 + np.array([-1.0, 0.0, 1.0])  # means 0, 0.1, ... 10
    found = check_of(y, replicates)["statistics"]
    assert found["mean"] == pytest.approx({"observed": 3.0, "below": 30.5 / 101, "low": 0.5, "high": 9.5})
    assert found["sd"]["below"] == 1.0
    assert found["smallest"]["observed"] == 1.0
    assert found["largest"]["low"] == pytest.approx(1.5)
    assert found["share of zeros"]["observed"] == 0.0  # whole numbers
    assert "share of zeros" not in check_of(y + 0.5, replicates)["statistics"]


def test_the_histogram_holds_all_data_and_the_band_the_replicates():
    rng = np.random.default_rng(0)
    found = check_of(rng.normal(size=200), rng.normal(size=(300, 200)))
    counts, low, high = (np.array(found[name]) for name in ("counts", "low", "high"))
    assert counts.sum() == 200
    assert np.mean((low <= counts) & (counts <= high)) > 0.8


def test_what_cannot_be_compared_is_left_out():
    assert check_of(np.full(3, np.nan), np.zeros((9, 3))) == {}
    note = check_of(np.zeros(3), np.zeros(9))  # Normal(mu, 1) without a plate makes one value
    assert note["note"].startswith("it has 3 values and a replicate 1")
    fields = vars(made({"rate": np.arange(9.0)}))
    assert (
        "y : it has 3 values"
        in Page(render_bayes(BayesReportData(**fields | {"predictive": {"y": note}}))).words
    )
    assert check_of(np.zeros(2), np.full((9, 2), np.inf)) == {}
    one = check_of(np.array(2.0), np.arange(9.0))
    assert list(one["statistics"]) == ["mean"]
    assert "edges" not in one
    assert predictive_checks(jr.key(0), FakeFit()) == {}


def test_the_page_names_what_the_model_does_not_reproduce_first():
    rng = np.random.default_rng(1)
    check = check_of(rng.poisson(3.0, 100) * (rng.uniform(size=100) < 0.5), rng.poisson(1.5, (400, 100)))
    fields = vars(made({"rate": rng.normal(size=50)}))
    data = BayesReportData(**fields | {"predictive": {"y": check}})
    words = Page(render_bayes(data)).words
    assert "Would the model make such data?" in words
    table = words[words.index("Would the model make such data?") :]
    assert table.index("y: share of zeros not reproduced") < table.index("y: mean")
    assert "y: mean not reproduced" not in words
    assert len(predictive_figure(data).axes) == 1
    assert "Would the model" not in Page(render_bayes(made({"rate": rng.normal(size=50)}))).words


def normal(y):
    loc = numpyro.sample("loc", dist.Normal(0.0, 10.0))
    scale = numpyro.sample("scale", dist.HalfNormal(10.0))
    numpyro.sample("y", dist.Normal(loc, scale).expand(y.shape), obs=y)


@pytest.mark.slow
def test_a_fitted_model_is_held_against_its_data():
    y = jnp.asarray(np.random.default_rng(0).exponential(size=300))  # skewed, and never below zero
    fit = bayes.fit(normal, {"y": y}, key=jr.key(0))
    found = predictive_checks(jr.key(1), fit)["y"]["statistics"]
    assert 0.1 < found["mean"]["below"] < 0.9
    assert 0.1 < found["sd"]["below"] < 0.9
    assert found["smallest"]["below"] > 0.99
    page = collect_bayes(jr.key(2), fit, title="t")
    assert page.predictive["y"]["statistics"]["smallest"]["observed"] == found["smallest"]["observed"]
