"""Interleaved updates against the two optimizers that they are made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.training import Adam, Interleaved, Partitioned, Trainer, global_norm


def encoder(params):
    return params["encoder"]


def interleaved(every, until=None):
    adam = Adam(0.1, clip_ratio=None)
    return Partitioned(encoder, adam, Interleaved(adam, every, until))


def run(optimizer, num_steps, bad=()):
    """Parameters after each step down two bowls that know nothing of each other."""
    params = {"encoder": jnp.arange(3.0), "decoder": (jnp.ones(2), jnp.full((2, 2), 2.0))}
    state, path = optimizer.init(params), []
    for i in range(num_steps):
        grads = jax.tree.map(lambda p: 2.0 * p, params)
        norm = jnp.array(jnp.nan) if i in bad else global_norm(grads)
        updates, state = optimizer.update(grads, state, params, norm)
        params = jax.tree.map(jnp.add, params, updates)
        path.append(params)
    return path


@pytest.fixture(scope="module")
def alone():
    return run(Adam(0.1, clip_ratio=None), 12)


def test_the_rest_moves_at_every_third_step_as_it_would_alone(alone):
    path = run(interleaved(3), 12)
    for i, params in enumerate(path):
        assert np.allclose(params["encoder"], alone[i]["encoder"], rtol=1e-6)
        turns = (i + 1) // 3
        expected = alone[turns - 1]["decoder"] if turns else (jnp.ones(2), jnp.full((2, 2), 2.0))
        for one, other in zip(params["decoder"], expected, strict=True):
            assert np.allclose(one, other, rtol=1e-6)


def test_after_so_many_steps_everything_moves():
    path = run(interleaved(100, until=4), 6)
    moved = [not np.array_equal(params["decoder"][0], np.ones(2)) for params in path]
    assert moved == [False] * 4 + [True] * 2


def test_a_step_that_is_not_finite_is_nobodys_turn():
    skipping, plain = run(interleaved(2), 8, bad=(1, 4))[-1], run(interleaved(2), 6)[-1]
    assert all(
        np.array_equal(a, b) for a, b in zip(jax.tree.leaves(skipping), jax.tree.leaves(plain), strict=True)
    )


def test_it_trains_a_pytree_some_of_which_is_frozen(objective, model, rows):
    optimizer = Interleaved(Adam(0.05), 2)
    trainer = Trainer(objective, optimizer, num_steps=300, batch_size=10, frozen=lambda line: line.bias)
    found = trainer.fit(jax.random.key(0), model, rows).model
    assert float(found.bias) == 0.0
    assert np.allclose(found.weight, [1.0, -2.0, 0.5], atol=0.2)


def test_no_step_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Interleaved(Adam(), 0)
