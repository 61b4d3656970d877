"""The controller against its recursion, and two optimizers side by side against each alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.training import Adam, Partitioned, ProportionalIntegral, global_norm


def _path(optimizer, params, gradients):
    """Parameters after each update by a given list of gradients."""
    state, found, update = optimizer.init(params), [], jax.jit(optimizer.update)
    for grads in gradients:
        updates, state = update(grads, state, params, global_norm(grads))
        params = jax.tree.map(lambda p, u: p + u, params, updates)
        found.append(params)
    return found


ERRORS = np.random.default_rng(0).normal(0.3, 1.0, size=30).astype("f")


def test_a_controller_follows_its_recursion_within_its_bounds():
    control = ProportionalIntegral(
        rate=0.2, damping=0.5, decay=0.8, error_limit=1.2, integral_limit=0.6, lower=-1.0, upper=1.5
    )
    found = np.array([p["a"] for p in _path(control, {"a": jnp.float32(0.25)}, [{"a": -e} for e in ERRORS])])
    errors = np.clip(ERRORS.astype(float), -1.2, 1.2)
    assert (np.abs(ERRORS) > 1.2).any()
    integral, average, expected = 0.25, errors[0], []
    for error in errors:
        average = 0.8 * average + 0.2 * error
        integral = np.clip(integral + 0.2 * np.clip(average, -0.6, 0.6), -1.0, 1.5)
        expected.append(np.clip(integral + 0.5 * average, -1.0, 1.5))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (found == 1.5).any()
    assert found.min() < 1.0


def test_a_controller_brings_a_slow_process_to_its_goal_without_an_error_left():
    # the process follows its input with a time constant of 100 steps; descent on a fixed price would leave an error
    control, value = ProportionalIntegral(integral_limit=0.1), 5.0
    params = {"a": jnp.float32(0.0)}
    state, update = control.init(params), jax.jit(control.update)
    errors = []
    for _ in range(2000):
        value += 0.01 * (np.exp(-float(params["a"])) * 3.0 - value)
        errors.append(value - 1.0)
        grads = {"a": jnp.float32(-np.clip(errors[-1], -1, 1))}
        updates, state = update(grads, state, params, jnp.float32(1.0))
        params = {"a": params["a"] + updates["a"]}
    assert abs(errors[-1]) < 1e-3
    assert float(params["a"]) == pytest.approx(np.log(3.0), abs=1e-3)
    assert min(errors) > -0.5


def _where(tree):
    return tree["a"]


def test_two_optimizers_each_see_their_own_part_alone():
    rng = np.random.default_rng(1)
    params = {"a": jnp.zeros(()), "b": jnp.ones((2, 3)), "c": jnp.ones(2)}
    gradients = [
        {
            name: jnp.asarray(rng.normal(size=leaf.shape) * 10.0 ** rng.integers(-2, 3), jnp.float32)
            for name, leaf in params.items()
        }
        for _ in range(20)
    ]
    control, adam = ProportionalIntegral(), Adam(0.1, clip_ratio=1.5)
    both = _path(Partitioned(_where, control, adam), params, gradients)[-1]
    alone = _path(control, {"a": params["a"]}, [{"a": g["a"]} for g in gradients])[-1]
    rest = _path(adam, {n: params[n] for n in "bc"}, [{n: g[n] for n in "bc"} for g in gradients])[-1]
    np.testing.assert_allclose(both["a"], alone["a"], rtol=1e-6)
    for name in "bc":
        np.testing.assert_allclose(both[name], rest[name], rtol=1e-3)


@pytest.mark.parametrize("bad", ["a", "b"])
def test_a_step_that_is_not_finite_in_either_part_changes_neither(bad):
    params = {"a": jnp.zeros(()), "b": jnp.ones(3)}
    good = {"a": jnp.float32(0.5), "b": jnp.arange(3.0)}
    optimizer = Partitioned(_where, ProportionalIntegral(), Adam(0.1))
    skipping = _path(optimizer, params, [good, good | {bad: good[bad] * jnp.nan}, good])
    plain = _path(optimizer, params, [good, good])
    for name in params:
        assert np.array_equal(skipping[1][name], skipping[0][name])
        assert np.array_equal(skipping[2][name], plain[1][name])


@pytest.mark.parametrize(
    ("options", "message"), [({"decay": 1.0}, "got 1.0"), ({"lower": 1.0, "upper": 0.0}, "below")]
)
def test_wrong_controllers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ProportionalIntegral(**options)
