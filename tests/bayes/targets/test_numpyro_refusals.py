"""What cannot be fitted is refused in a sentence that names it."""

import importlib.util

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas
import pytest
from numpyro.distributions import constraints

from latlas.bayes import fit, from_numpyro
from latlas.core import DataError, RequestError


def normal(y, sigma=1.0):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(mu, sigma), obs=y)


def branches(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    if mu > 0:
        numpyro.sample("more", dist.Normal(0, 1))


def counts(y):
    rate = numpyro.sample("rate", dist.Gamma(1, 1))
    numpyro.sample("n", dist.Poisson(rate))


def loose(y):
    numpyro.sample("p", dist.Beta(1, 1))
    numpyro.sample("z", dist.Bernoulli(jnp.full(3, 0.5)))


def on_a_sphere(y):
    numpyro.sample("direction", dist.ProjectedNormal(jnp.ones(3)))


class Unsupported(dist.Distribution):
    def sample(self, key, sample_shape=()):
        return jnp.zeros(sample_shape)

    def log_prob(self, value):
        return jnp.zeros(())


class Dependent(Unsupported):
    support = constraints.dependent


def undefined(y):
    numpyro.sample("where", Unsupported())


def unknown(y):
    numpyro.sample("where", Dependent())


def only_data(y):
    numpyro.sample("y", dist.Normal(0, 1), obs=y)


def empty(y):
    return y


def wrong_shapes(y):
    mu = numpyro.sample("mu", dist.Normal(jnp.zeros(3), 1).to_event(1))
    numpyro.sample("y", dist.Normal(mu @ jnp.ones(2), 1), obs=y)


def twice(y):
    numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.sample("mu", dist.Normal(0, 1))


def rows_from_outside(y):
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    with numpyro.plate("rows", 40, subsample_size=2):
        numpyro.sample("y", dist.Normal(mu, 1), obs=jnp.zeros(2))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (branches, "After site 'mu' the model lets Python decide.*jnp.where.*lax.cond.*handlers.mask"),
        (counts, "Site 'n' is a latent Poisson.*infinitely many.*give its data"),
        (loose, "Site 'z' is discrete with a batch of 3 values outside any plate"),
        (on_a_sphere, "Site 'direction' has the support.*no bijection"),
        (undefined, "Site 'where' has the support None.*no bijection"),
        (unknown, "Site 'where' has the support.*no bijection"),
        (only_data, "no continuous latent site.*'y'"),
        (empty, "no continuous latent site.*no numpyro.sample at all"),
        (wrong_shapes, "After site 'mu' the model raised TypeError"),
        (twice, "After site 'mu' the model raised AssertionError.*unique names"),
        (rows_from_outside, "on all rows of its plates.*plate.*as i"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_models_that_cannot_be_fitted(model, message):
    with pytest.raises(RequestError, match=message):
        from_numpyro(jr.key(0), model, {"y": 1.0})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"Y": 1.0, "sd": 2.0},
            r"normal takes y, sigma \(may be left out\). The data have Y, sd: y missing, Y, sd not known",
        ),
        ({}, "normal takes y.*The data have nothing.*'y'"),
        (None, "The data have nothing"),
        ((1.0, 2.0, 3.0), "The data have 3 positional values: too many"),
        ([1.0], "dict of its keyword arguments or a tuple.*got a list"),
    ],
)
def test_data_that_the_model_does_not_take(data, message):
    with pytest.raises(RequestError, match=message):
        from_numpyro(jr.key(0), normal, data)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b"], r"data\['y'\] holds text"),
        (np.array(["a", "b"]), r"data\['y'\] holds text"),
        ([[1.0], [1.0, 2.0]], r"data\['y'\] is no array of numbers.*equally long"),
        ({1, 2}, r"data\['y'\] is a set, which is neither"),
        (np.array(["a", "b"], object), r"data\['y'\] holds text"),
        (np.array([1, None], object), r"data\['y'\] is an array of the type object"),
        (np.array(["2020-01-01"], "M8[D]"), r"data\['y'\] holds dates or spans of time"),
        (np.array([1, 2], "m8[D]"), r"data\['y'\] holds dates or spans of time"),
        (np.timedelta64(1, "D"), r"data\['y'\] holds dates or spans of time"),
        (jr.split(jr.key(0)), r"data\['y'\] is a random key"),
        (np.ma.masked_less([1.0, -9.0], 0.0), r"data\['y'\] is a masked array.*rows out.*`obs_mask`"),
        (pandas.Categorical(["a", "b"]), r"data\['y'\] is categorical.*`\.codes`"),
        (pandas.Series(["a", "b"], dtype="category"), r"data\['y'\] is categorical.*`\.cat\.codes`"),
        (pandas.Series(["a", "b"]), r"data\['y'\] holds text"),
    ],
)
def test_data_that_are_no_numbers(y, message):
    with pytest.raises(DataError, match=message):
        from_numpyro(jr.key(0), normal, {"y": y})
    with pytest.raises(DataError, match=message):
        fit(normal, {"y": y}, key=jr.key(0), engine="laplace")


def test_a_model_may_compute_with_complex_numbers():
    def spectrum(y):
        level = numpyro.sample("level", dist.Normal(0, 1))
        numpyro.factor("power", -(jnp.abs(jnp.fft.fft(y) - level) ** 2).sum())

    def of_complex_data(y):
        level = numpyro.sample("level", dist.Normal(0, 1))
        for part in ("real", "imag"):
            numpyro.sample(part, dist.Normal(level, 1), obs=getattr(y, part))

    assert from_numpyro(jr.key(0), spectrum, {"y": np.ones(4)}).dim == 1
    assert from_numpyro(jr.key(0), spectrum, {"y": 1j * np.ones(4)}).dim == 1
    assert from_numpyro(jr.key(0), of_complex_data, {"y": 1j * np.ones(4)}).dim == 1


@pytest.mark.parametrize("y", [1j * np.ones(2), 1j * jnp.ones(2), [1j, 2.0]])
def test_a_density_of_complex_numbers_is_none(y):
    with pytest.raises(RequestError, match="complex128; it must be a real number"):
        fit(normal, {"y": y}, key=jr.key(0), engine="laplace")


def grouped(group, num_groups):
    level = numpyro.sample("level", dist.Normal(jnp.zeros(num_groups), 1).to_event(1))
    rows = numpyro.plate("rows", len(group), subsample_size=2)
    with rows as i:
        numpyro.sample("y", dist.Normal(level[group[i]], 1), obs=jnp.zeros(2))


def looks_at_its_groups(group, num_groups):
    np.unique(group)
    level = numpyro.sample("level", dist.Normal(jnp.zeros(num_groups), 1).to_event(1))
    numpyro.sample("y", dist.Normal(jnp.take(level, group - 1), 1), obs=jnp.zeros(len(group)))


@pytest.mark.parametrize(
    ("model", "group", "message"),
    [
        (
            grouped,
            [0, 3, 1],
            r"data\['group'\] has the value 3 as an index into 3 entries.*the last is 2.*`anew`",
        ),
        (grouped, [0, -1, 1], r"data\['group'\] has the value -1.*count from the end; pandas writes -1"),
        (grouped, 7, "An index of the model has the value 7"),
        (looks_at_its_groups, [1, 4], "An index of the model has the value 3 as an index into 3 entries"),
    ],
)
def test_data_that_index_what_the_model_does_not_have(model, group, message):
    """JAX would take the last entry, or count from the end, without a word."""
    if group == 7:
        model = lambda group, num_groups: numpyro.sample("a", dist.Normal(jnp.zeros(3), 1).to_event(1))[group]  # noqa: E731
    with pytest.raises(DataError, match=message):
        from_numpyro(jr.key(0), model, {"group": group, "num_groups": 3})


@pytest.mark.parametrize("mend", [lambda g: jnp.clip(g, 0, 2), lambda g: jnp.where(g < 0, 0, g) % 3])
def test_an_index_that_the_model_mends_is_its_own_affair(mend):
    def model(group):
        level = numpyro.sample("level", dist.Normal(jnp.zeros(3), 1).to_event(1))
        numpyro.sample("y", dist.Normal(level[mend(group)], 1).mask(group >= 0), obs=jnp.zeros(3))

    assert from_numpyro(jr.key(0), model, {"group": np.array([0, -1, 3])}).dim == 3


@pytest.mark.parametrize(
    "data",
    [
        {"y": np.ma.masked_less([1.0, -999.0], 0.0)},
        {"y": [np.ma.masked_less([1.0, -999.0], 0.0)]},
        {"y": np.array([2**63], np.uint64)},
    ],
    ids=str,
)
def test_hidden_values_and_integers_that_are_too_large_are_refused(data):
    with pytest.raises(
        DataError, match=r"data\['y'\] (is a masked array with 1 hidden|holds 9223372036854775808)"
    ):
        from_numpyro(jr.key(0), normal, data)


def test_discrete_sites_without_funsor_name_the_extra(monkeypatch):
    def model():
        p = numpyro.sample("p", dist.Beta(1, 1))
        numpyro.sample("z", dist.Bernoulli(p))

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "funsor" else found(name))
    with pytest.raises(RequestError, match=r"\(z\).*pip install latlas\[bayes\]"):
        from_numpyro(jr.key(0), model, {})


def test_a_model_that_cannot_be_hashed_is_refused():
    class Model:
        __hash__ = None

        def __call__(self):
            numpyro.sample("a", dist.Normal(0, 1))

    with pytest.raises(RequestError, match="cannot be hashed; wrap it in a function"):
        from_numpyro(jr.key(0), Model(), {})
