"""Several runs as one program: each is the run that `Trainer.fit` would have made."""

import logging

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array

from latlas.core import RequestError
from latlas.training import Adam, Reports, Trainer

KEY = jr.key(8)
PENALTIES = np.float32([0.0, 0.1, 1.0])


class Ridge(eqx.Module):
    """Squared error with noise, and a price on the weights."""

    penalty: Array
    noise: float = 0.1

    def __call__(self, key, model, batch, *, progress):
        prediction = batch.x @ model["weight"] + self.noise * jr.normal(key, batch.y.shape)
        error = jnp.mean((prediction - batch.y) ** 2)
        return error + progress * self.penalty * jnp.sum(model["weight"] ** 2), {"error": error}


def init(key):
    return {"weight": jr.normal(key, (3,)), "frozen": jnp.ones(2)}


@pytest.fixture(scope="module")
def trainer():
    options = {"num_steps": 25, "batch_size": 10, "reports": Reports(10), "frozen": lambda m: m["frozen"]}
    return Trainer(Ridge(jnp.float32(9.0)), Adam(0.02), **options)


def _single(trainer, key, penalty, rows):
    init_key, run_key = jr.split(key)
    trainer = eqx.tree_at(lambda t: t.objective, trainer, Ridge(jnp.asarray(penalty)))
    return trainer.fit(run_key, init(init_key), rows)


def test_runs_with_one_key_differ_by_their_objectives_alone(trainer, rows):
    models, terms = trainer.fit_many(KEY, init, rows, objectives=Ridge(jnp.asarray(PENALTIES)))
    for i, penalty in enumerate(PENALTIES):
        single = _single(trainer, KEY, penalty, rows)
        assert np.allclose(models["weight"][i], single.model["weight"], rtol=1e-4, atol=1e-6)
        for name, value in single.history[-1]["train"].items():
            assert float(terms[name][i]) == pytest.approx(value, rel=1e-4)
    assert np.asarray(models["frozen"]).tolist() == [[1.0, 1.0]] * 3


def test_every_run_may_have_its_own_key_and_its_own_objective(trainer, rows):
    keys = jr.split(KEY, 3)
    models, _ = trainer.fit_many(keys, init, rows, objectives=Ridge(jnp.asarray(PENALTIES)))
    for i, penalty in enumerate(PENALTIES):
        single = _single(trainer, keys[i], penalty, rows)
        assert np.allclose(models["weight"][i], single.model["weight"], rtol=1e-4, atol=1e-6)


def test_a_run_that_is_not_finite_leaves_the_others_alone(trainer, rows):
    prices = jnp.float32([0.1, jnp.nan, 1.0])
    models, terms = trainer.fit_many(KEY, init, rows, objectives=Ridge(prices))
    start = init(jr.split(KEY)[0])["weight"]
    assert np.array_equal(models["weight"][1], start)
    assert np.isnan(terms["loss"]).tolist() == [False, True, False]
    assert np.allclose(models["weight"][2], _single(trainer, KEY, 1.0, rows).model["weight"], rtol=1e-4)


class Watch:
    def on_fit_task_end(self, estimator, context, *, metadata=None):
        self.history, self.steps = context.history, context.step


def test_reports_hold_one_number_per_run(trainer, rows):
    watch = Watch()
    _, terms = trainer.fit_many(KEY, init, rows, objectives=Ridge(jnp.asarray(PENALTIES)), callbacks=[watch])
    assert [line["step"] for line in watch.history] == [10, 20, 25]
    assert watch.steps == 25
    single = _single(trainer, KEY, PENALTIES[1], rows)
    for line, expected in zip(watch.history, single.history, strict=True):
        assert line["epoch"] == expected["epoch"]
        assert line["train"]["error"].shape == (3,)
        assert line["train"]["error"][1] == pytest.approx(expected["train"]["error"], rel=1e-4)
    assert np.array_equal(watch.history[-1]["train"]["loss"], terms["loss"])


def test_other_objectives_and_keys_compile_nothing_more(trainer, rows, caplog):
    others, key = Ridge(jnp.asarray(PENALTIES[::-1])), jr.key(1)
    trainer.fit_many(KEY, init, rows, objectives=Ridge(jnp.asarray(PENALTIES)))
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        trainer.fit_many(key, init, rows, objectives=others)
    assert not [r for r in caplog.records if "Finished XLA" in r.getMessage()]


@pytest.mark.parametrize(
    ("keys", "objectives", "message"),
    [
        pytest.param(KEY, None, "A single key is for runs with different objectives", id="one run"),
        pytest.param(KEY, Ridge(jnp.float32(1.0)), "need one leading axis", id="no axis"),
        pytest.param(jr.split(KEY, 2), Ridge(jnp.ones(3)), "2 keys and 3 objectives", id="numbers differ"),
    ],
)
def test_what_does_not_say_how_many_runs_is_refused(trainer, rows, keys, objectives, message):
    with pytest.raises(RequestError, match=message):
        trainer.fit_many(keys, init, rows, objectives=objectives)
