"""Every entry gives the same numbers whatever JAX's flags are: NumPyro's users have 64 bits on, others strict promotion."""

import contextlib
import inspect

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from latlas import bayes
from latlas.bayes.conjugate import GaussianMixture, LatentDirichletAllocation

KEY = jr.key(0)
GROUP, Y = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 2, 3, 1])  # whole numbers, of 64 bits
DATA = {"group": GROUP, "y": Y}
ROWS = np.random.default_rng(0).normal(size=(30, 2))
COUNTS = np.random.default_rng(0).poisson(2, (10, 5))


def model(group, y):
    level = numpyro.sample("level", dist.Normal(0, 2).expand([2]).to_event(1))
    with numpyro.plate("rows", len(group)):
        numpyro.sample("y", dist.Normal(level[group], 1), obs=y)


def mixture(y):
    mu = numpyro.sample("mu", dist.Normal(0, 3).expand([2]).to_event(1))
    with numpyro.plate("rows", len(y)):
        which = numpyro.sample("which", dist.Bernoulli(0.4))
        numpyro.sample("y", dist.Normal(mu[which], 1), obs=y)


def log_density(params):
    return -0.5 * jnp.sum(params**2)


def batches():
    def likelihood(params, rows):
        return -0.5 * (rows["y"] - params[rows["group"]]) ** 2

    return bayes.minibatched(log_density, likelihood, np.zeros(2, np.float32), DATA, batch_size=2)


def told(fit):
    """What a fit says."""
    draws = fit.sample(KEY, 5)
    return fit.to_dict() | {"draws": draws, "seconds": 0}


def all_of_a_fit(path):
    fit = bayes.fit(model, DATA, key=KEY, engine="laplace")
    fit.to_arviz(8)
    fit.expectation(lambda p: p["level"] ** 2 * 2)
    bayes.save(KEY, path, fit, overwrite=True)
    kept = bayes.load(path).sample(KEY, 3)
    return [told(fit), fit.mean, fit.sd, fit.posterior_predictive(KEY, 3), kept]


DRAWS = {"level": np.ones((3, 2), np.float32)}
ENTRIES = {
    "fit": lambda path: all_of_a_fit(path),
    "fit, auto": lambda path: told(bayes.fit(log_density, jnp.zeros(2), key=KEY)),
    "fit, dadvi": lambda path: told(bayes.fit(log_density, np.zeros(2), key=KEY, engine="dadvi")),
    "save": None,  # with `fit`
    "load": None,
    "as_target": lambda path: bayes.as_target(KEY, model, DATA).dim,
    "from_numpyro": lambda path: bayes.from_numpyro(KEY, model, DATA).dim,
    "from_log_density": lambda path: np.asarray(bayes.from_log_density(log_density, jnp.zeros(2)).start),
    "minibatched": lambda path: np.asarray(batches().prior.start),
    "anchored": lambda path: np.asarray(bayes.anchored(KEY, batches(), np.zeros(2)).anchor.u),
    "both_faces": lambda path: str(bayes.both_faces(KEY, bayes.from_log_density(log_density, jnp.zeros(2)))),
    "prior_predictive": lambda path: bayes.prior_predictive(KEY, model, DATA, 3),
    "posterior_predictive": lambda path: bayes.posterior_predictive(KEY, model, DATA, DRAWS),
    "log_likelihood": lambda path: bayes.log_likelihood(model, DATA, DRAWS),
    "observed_values": lambda path: bayes.observed_values(model, DATA),
    "discrete_posterior": lambda path: bayes.discrete_posterior(
        KEY, mixture, {"y": ROWS[:4, 0]}, {"mu": np.ones((3, 2))}
    ),
    "simulation_based_calibration": lambda path: (
        bayes.simulation_based_calibration(
            KEY, model, DATA, num_simulations=10, num_draws=10, engine="laplace"
        ).ranks
    ),
    "to_datatree": lambda path: bayes.to_datatree({"a": np.zeros(4)})["posterior/a"].values,
    "cavi": lambda path: bayes.cavi(KEY, GaussianMixture(2), ROWS).sample(KEY, 3),
    "stochastic_cavi": lambda path: (
        bayes.stochastic_cavi(KEY, LatentDirichletAllocation(2), COUNTS, batch_size=5, num_epochs=1).elbo
    ),
}


@contextlib.contextmanager
def flags(x64, promotion):
    with jax.enable_x64(x64), jax.numpy_dtype_promotion(promotion):
        yield


def test_every_function_is_tried():
    functions = {name for name, entry in vars(bayes).items() if inspect.isfunction(entry) and name[0] != "_"}
    assert functions <= set(ENTRIES)


SLOW = {"fit, auto", "fit, dadvi", "simulation_based_calibration", "both_faces", "cavi", "stochastic_cavi"}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
        for name, call in ENTRIES.items()
        if call is not None
    ],
)
def test_the_numbers_are_the_same_whatever_the_flags(entry, tmp_path):
    expected = ENTRIES[entry](tmp_path / "run")
    for x64, promotion in ((True, "standard"), (False, "strict")):
        with flags(x64, promotion):
            found = ENTRIES[entry](tmp_path / "run")
            assert (jax.config.jax_enable_x64, jax.config.jax_numpy_dtype_promotion) == (x64, promotion)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
