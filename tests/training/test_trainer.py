"""The trainer against closed forms, against itself cut to pieces, and against the compiler's log."""

import logging
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from latlas.core import RequestError
from latlas.training import Adam, Optax, Reports, Schedule, Trainer

KEY = jr.key(3)


def compilations(records):
    return sum(
        "Compiling" in record.getMessage() or "Finished XLA" in record.getMessage() for record in records
    )


def test_a_fit_finds_the_least_squares_line(objective, model, rows):
    trainer = Trainer(objective, Adam(0.05), num_epochs=200, batch_size=20)
    result = trainer.fit(KEY, model, rows)
    assert np.allclose(result.model.weight, [1.0, -2.0, 0.5], atol=0.02)
    assert np.allclose(result.model.bias, 0.3, atol=0.02)
    assert result.reason == "finished"
    assert int(result.state.step) == 200 * (53 // 20)
    assert result.history[-1]["train"]["loss"] < 1e-3


def test_the_caller_keeps_its_model(objective, model, rows):
    Trainer(objective, num_steps=3, batch_size=20).fit(KEY, model, rows, valid=rows)
    assert np.all(np.asarray(model.weight) == 0)


@pytest.mark.parametrize(
    ("batch_size", "steps_per_epoch"),
    [
        pytest.param(1000, 1, id="more than the rows"),
        pytest.param(None, 1, id="all"),
        pytest.param(53, 1, id="equal"),
        pytest.param(10, 5, id="with a rest"),
    ],
)
def test_an_epoch_has_as_many_steps_as_whole_batches(objective, model, rows, batch_size, steps_per_epoch):
    result = Trainer(objective, num_epochs=2, batch_size=batch_size).fit(KEY, model, rows)
    assert int(result.state.step) == 2 * steps_per_epoch
    assert result.history[-1]["epoch"] == 2.0
    assert [line["step"] for line in result.history] == [steps_per_epoch, 2 * steps_per_epoch]


def test_a_single_row_is_enough(objective, model, rows):
    one = jax.tree.map(lambda leaf: leaf[:1], rows)
    result = Trainer(objective, num_epochs=3).fit(KEY, model, one, valid=one)
    assert int(result.state.step) == 3
    assert math.isfinite(result.history[-1]["valid"]["loss"])


def test_an_objective_without_data_is_trained():
    def density(key, z, batch, *, progress):
        return jnp.sum((z - 2.0) ** 2), {}

    result = Trainer(density, Adam(0.1), num_steps=300).fit(KEY, jnp.zeros(3))
    assert np.allclose(result.model, 2.0, atol=1e-2)


def test_prepare_runs_inside_the_step_on_the_stored_type(model):
    seen = []

    def objective(key, model, batch, *, progress):
        seen.append(batch.dtype)
        return jnp.mean((batch - model.bias) ** 2), {}

    data = np.full((10, 1), 51, np.uint8)
    trainer = Trainer(
        objective,
        Adam(0.01),
        num_epochs=300,
        batch_size=5,
        prepare=lambda key, x: x.astype(jnp.float32) / 255,
    )
    assert np.allclose(trainer.fit(KEY, model, data).model.bias, 0.2, atol=1e-3)
    assert set(seen) == {np.dtype(np.float32)}


def test_reports_hold_the_means_of_their_steps(objective, model, rows):
    result = Trainer(objective, num_steps=10, batch_size=20, reports=Reports(4)).fit(KEY, model, rows)
    assert [line["step"] for line in result.history] == [4, 8, 10]
    # the mean of step / 10 over the steps of each report
    assert np.allclose([line["train"]["progress"] for line in result.history], [0.15, 0.55, 0.85])


def test_validation_is_the_full_objective_over_every_row(model, rows):
    def objective(key, model, batch, *, progress):
        return jnp.mean(batch.y), {"progress": jnp.asarray(progress)}

    for size in (7, 20, 53, None):  # 53 is prime: chunks of 7 or 20 leave a rest
        result = Trainer(objective, num_steps=1, batch_size=size).fit(KEY, model, rows, valid=rows)
        valid = result.history[-1]["valid"]
        assert valid["loss"] == pytest.approx(rows.y.mean(), rel=1e-5)
        assert valid["progress"] == pytest.approx(1.0)


def test_the_best_model_by_validation_loss_is_kept_and_training_stops(model, rows):
    def objective(key, model, batch, *, progress):
        return (model.bias - 1.0) ** 2, {}

    # a fixed rate of 0.3 overshoots: 0, 0.3, 0.6, 0.9, 1.2, 1.5, ...
    sign_descent = Optax(optax.chain(optax.scale_by_sign(), optax.scale(-0.3)))
    trainer = Trainer(objective, sign_descent, num_steps=100, reports=Reports(1, patience=3), batch_size=None)
    result = trainer.fit(KEY, model, rows, valid=rows)
    losses = [line["valid"]["loss"] for line in result.history]
    best = int(np.argmin(losses))
    assert result.reason == "early stopping"
    assert len(losses) == best + 1 + 3
    assert int(result.state.best.step) == best + 1
    assert float(result.model.bias) == pytest.approx(0.9)
    assert float(result.model.bias) != float(result.state.model.bias)


def test_a_frozen_part_keeps_its_bits_even_under_weight_decay(objective, model, rows):
    model = eqx.tree_at(lambda m: m.weight, model, jnp.full(3, 3.0))
    trainer = Trainer(
        objective, Optax(optax.adamw(0.01, weight_decay=0.5)), num_steps=20, frozen=lambda m: m.weight
    )
    result = trainer.fit(KEY, model, rows)
    assert np.array_equal(result.model.weight, [3.0, 3.0, 3.0])
    assert float(result.model.bias) != 0.0


def test_a_callback_can_end_the_run_and_sees_every_report(objective, model, rows):
    class Stop:
        seen = ()

        def on_fit_task_end(self, estimator, context, *, metadata=None):
            if metadata:
                self.seen += (metadata["step"],)
            return len(self.seen) == 2

    stop = Stop()
    result = Trainer(objective, num_steps=50, batch_size=20, reports=Reports(5)).fit(
        KEY, model, rows, callbacks=[stop]
    )
    assert result.reason == "callback"
    assert stop.seen == (5, 10)


def test_several_seeds_at_once_equal_single_runs(objective, rows):
    def init(key):
        return {"weight": jr.normal(key, (3,)), "bias": jnp.zeros(())}

    def loss(key, model, batch, *, progress):
        return jnp.mean((batch.x @ model["weight"] + model["bias"] - batch.y) ** 2), {}

    trainer = Trainer(loss, Adam(0.02), num_steps=30, batch_size=10, reports=Reports(10))
    keys = jr.split(jr.key(8), 3)
    models, terms = trainer.fit_many(keys, init, rows)
    for i, key in enumerate(keys):
        init_key, run_key = jr.split(key)
        single = trainer.fit(run_key, init(init_key), rows)
        assert np.allclose(models["weight"][i], single.model["weight"], rtol=1e-4, atol=1e-6)
        assert float(terms["loss"][i]) == pytest.approx(single.history[-1]["train"]["loss"], rel=1e-4)


def test_a_second_fit_of_equal_settings_compiles_nothing(rows, caplog):
    def from_scratch():
        rate = Schedule("cosine_decay_schedule", init_value=0.01, decay_steps=20)
        trainer = Trainer(_Scaled(2.0), Adam(rate), num_steps=20, batch_size=10, frozen=lambda m: m["frozen"])
        return trainer, {"weight": jnp.zeros(3), "frozen": jnp.ones(2)}

    trainer, model = from_scratch()
    trainer.fit(KEY, model, rows, valid=rows)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        jax.jit(lambda x: x + 1.2345)(jnp.ones(7))
        assert compilations(caplog.records) > 0, "the log no longer says what is compiled"
        trainer, model = from_scratch()
        caplog.clear()
        trainer.fit(jr.key(9), model, rows, valid=rows)
    assert compilations(caplog.records) == 0


class _Scaled(eqx.Module):
    factor: float

    def __call__(self, key, model, batch, *, progress):
        return self.factor * jnp.mean((batch.x @ model["weight"] - batch.y) ** 2), {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({}, "either num_steps or num_epochs", id="no length"),
        pytest.param({"num_steps": 1, "num_epochs": 1}, "either num_steps or num_epochs", id="two lengths"),
        pytest.param({"num_steps": 0}, "at least one step", id="no steps"),
        pytest.param({"num_steps": 1, "batch_size": 0}, "batch_size is at least 1", id="empty batch"),
    ],
)
def test_settings_that_cannot_be_are_refused(objective, arguments, message):
    with pytest.raises(ValueError, match=message):
        Trainer(objective, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"patience": 0}, "patience of Reports is at least 1", id="no patience"),
        pytest.param({"every": -1}, "every of Reports is at least 1", id="negative reports"),
        pytest.param({"checkpoint_seconds": -1.0}, "not negative", id="negative seconds"),
    ],
)
def test_reports_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Reports(**arguments)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"x": np.zeros((3, 2)), "y": np.zeros(4)}, id="two lengths"),
        pytest.param(np.zeros((0, 2)), id="no rows"),
        pytest.param(np.float32(1.0), id="a scalar"),
    ],
)
def test_data_without_rows_in_common_are_refused(objective, model, data):
    with pytest.raises(RequestError, match="data"):
        Trainer(objective, num_steps=1).fit(KEY, model, data)


def test_a_term_that_is_no_scalar_is_refused(model, rows):
    def objective(key, model, batch, *, progress):
        return jnp.mean(model.bias**2), {"vector": batch.y}

    with pytest.raises(TypeError, match="'vector' of the objective"):
        Trainer(objective, num_steps=1).fit(KEY, model, rows)
