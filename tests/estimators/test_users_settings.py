"""With 64 bits and strict promotion of types switched on, as users of NumPyro have it, everything is the same."""

import contextlib

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas import Atlas
from latlas.core import Example
from latlas.evaluation import Annealing, bracket, evaluate
from latlas.objectives import Elbo
from latlas.training import Trainer

TINY = {"latent_dim": 2, "hidden": (8,), "epochs": 3, "random_state": 0}
X = np.random.default_rng(0).normal(size=(60, 5))
FEW = Annealing(num_temperatures=4, num_chains=2)


@contextlib.contextmanager
def settings():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        yield


def measured(atlas):
    found = {
        "sample": atlas.sample(3),
        "z": atlas.transform(X),
        "score": atlas.score_samples(X[:4], num_samples=8),
    }
    found["bracket"] = atlas.bracket(X[:2], annealing=FEW, num_simulated=2).lower.log_evidence
    return found | atlas.record_.arrays


def same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.fixture(scope="module")
def fitted():
    return Atlas(**TINY).fit(X)


def test_an_atlas_is_the_same_bits(fitted):
    expected = measured(fitted)
    with settings():
        same(measured(Atlas(**TINY).fit(X)), expected)
        found = fitted.diagnose(X, train=X).to_dict()
    assert found == fitted.diagnose(X, train=X).to_dict()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"cure": "auto"}, {"max_error": 0.5}, {"network": "conv", "hidden": (4,)}, {"precision": "bfloat16"}],
)
def test_every_way_to_fit_is_the_same_bits(options):
    x = np.repeat(X, 2, axis=1)
    expected = Atlas(**TINY | options).fit(x).record_.arrays
    with settings():
        same(Atlas(**TINY | options).fit(x).record_.arrays, expected)


def test_the_parts_take_the_users_arrays_of_64_bits(fitted):
    trainer = Trainer(Elbo(), num_steps=3, batch_size=20)
    rows = np.asarray(fitted.record_.units.to_model(X))
    expected = trainer.fit(jr.key(0), fitted.model_, Example(rows)).model
    with settings():
        wide = Example(jnp.asarray(rows, jnp.float64))
        found = trainer.fit(jr.key(0), fitted.model_, wide).model
        scores = evaluate(jr.key(1), found, wide, num_samples=8)
        assert np.isfinite(
            bracket(jr.key(2), found, Example(wide.x[:2]), annealing=FEW, num_simulated=2)
            .summary()
            .lower.value
        )
    jax.tree.map(np.testing.assert_array_equal, jax.tree.leaves(found), jax.tree.leaves(expected))
    assert scores.elbo == evaluate(jr.key(1), expected, Example(rows), num_samples=8).elbo
