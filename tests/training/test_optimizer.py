"""Adam against Optax's, clipping against its formula, schedules against Optax."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from latlas.training import Adam, Optax, Schedule, global_norm

SCHEDULE = {"init_value": 0.1, "decay_steps": 40}


def path(optimizer, num_steps=50, bad=()):
    """Parameters after each step down a quartic bowl."""
    params = {"w": jnp.arange(6.0).reshape(2, 3) / 3, "b": jnp.ones(2)}

    def loss(params):
        return sum(jnp.sum(0.5 * p**2 + 0.1 * p**4) for p in params.values())

    @jax.jit
    def step(params, state, factor):
        grads = jax.tree.map(lambda g: factor * g, jax.grad(loss)(params))
        updates, state = optimizer.update(grads, state, params, global_norm(grads))
        return optax.apply_updates(params, updates), state

    state, states = optimizer.init(params), []
    for i in range(num_steps):
        params, state = step(params, state, jnp.nan if i in bad else 1.0)
        states.append(params)
    return states, state


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(Adam(0.03, clip_ratio=None), optax.adam(0.03), id="constant"),
        pytest.param(
            Adam(0.03, b1=0.8, b2=0.99, eps=1e-4, clip_ratio=None),
            optax.adam(0.03, 0.8, 0.99, 1e-4),
            id="decays",
        ),
        pytest.param(
            Adam(Schedule("cosine_decay_schedule", **SCHEDULE), clip_ratio=None),
            optax.adam(optax.cosine_decay_schedule(**SCHEDULE)),
            id="schedule",
        ),
    ],
)
def test_adam_takes_the_steps_of_optax(ours, theirs):
    for one, other in zip(path(ours)[0], path(Optax(theirs))[0], strict=True):
        assert all(np.allclose(one[name], other[name], rtol=2e-5, atol=2e-6) for name in one)


@pytest.mark.parametrize("optimizer", [Adam(0.03), Optax(optax.adam(0.03))], ids=["adam", "optax"])
def test_a_step_that_is_not_finite_is_as_if_it_had_not_been(optimizer):
    skipping, plain = path(optimizer, 30, bad=(0, 7, 8))[0], path(optimizer, 27)[0]
    assert all(np.array_equal(skipping[-1][name], plain[-1][name]) for name in plain[-1])
    assert np.array_equal(skipping[8]["w"], skipping[6]["w"])


def test_a_gradient_beyond_the_ratio_is_scaled_back_to_it():
    optimizer = Adam(0.1, b1=0.0, clip_ratio=10.0)
    params = jnp.zeros(4)
    state = optimizer.init(params)
    usual, huge = jnp.full(4, 0.5), jnp.full(4, 5e5)  # norms 1 and 1e6
    _, state = optimizer.update(usual, state, params, global_norm(usual))
    assert float(state.mean_norm) == pytest.approx(1.0)
    _, state = optimizer.update(huge, state, params, global_norm(huge))
    # b1 = 0: the first moment is the clipped gradient, of norm 10; the mean goes 1 % of the way
    assert np.allclose(state.mu, 5.0, rtol=1e-5)
    assert float(state.mean_norm) == pytest.approx(1.0 + 0.01 * (10.0 - 1.0))


def test_a_gradient_within_the_ratio_is_left_alone():
    for one, other in zip(path(Adam(0.03))[0], path(Adam(0.03, clip_ratio=None))[0], strict=True):
        assert np.allclose(one["w"], other["w"], rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (7,), (5, 3), (4, 3, 2), (0,), (0, 3)], ids=str)
def test_the_global_norm_is_that_of_all_entries(shape):
    tree = {"one": jr.normal(jr.key(0), shape), "two": jnp.full(2, 2.0)}
    flat = np.concatenate([np.ravel(leaf) for leaf in tree.values()])
    assert float(global_norm(tree)) == pytest.approx(np.linalg.norm(flat), rel=1e-6)
    if flat.size > 2:
        for bad in (np.nan, np.inf):
            assert not np.isfinite(global_norm(tree | {"one": tree["one"].at[(0,) * len(shape)].set(bad)}))


def test_schedules_are_those_of_optax_and_equal_by_their_arguments():
    one = Schedule("cosine_decay_schedule", **SCHEDULE)
    for count in (0, 7, 40, 100):
        assert float(one(jnp.int32(count))) == pytest.approx(
            float(optax.cosine_decay_schedule(**SCHEDULE)(count))
        )
    assert one == Schedule("cosine_decay_schedule", **SCHEDULE)
    assert hash(one) == hash(Schedule("cosine_decay_schedule", **SCHEDULE))


@pytest.mark.parametrize("name", ["cosine", "nonsense_schedule", "__doc__", "Schedule"])
def test_an_unknown_schedule_is_named_with_the_known_ones(name):
    with pytest.raises(ValueError, match=r"no schedule .*cosine_decay_schedule"):
        Schedule(name)


def test_wrong_arguments_of_a_schedule_are_said_at_once():
    with pytest.raises(ValueError, match="cosine_decay_schedule"):
        Schedule("cosine_decay_schedule", init_value=0.1, steps=3)
    with pytest.raises(ValueError, match="decay_steps"):
        Schedule("cosine_decay_schedule", init_value=0.1, decay_steps=-1)
